//! One thread that spawns every child and lives as long as the process.
//!
//! The kernel sends the parent-death signal when the *thread* that spawned ends, and the threads of a tokio runtime come and go.

use std::{
    io,
    process::Command,
    sync::{OnceLock, mpsc},
};

use anyhow::{Context, Result};
use tokio::sync::oneshot;

use crate::process::Process;

struct Request {
    command: Command,
    name: &'static str,
    reply: oneshot::Sender<io::Result<Process>>,
}

static SPAWNER: OnceLock<mpsc::Sender<Request>> = OnceLock::new();

/// Spawns `command` on the lasting thread. When the caller goes away meanwhile, the child is killed.
pub(crate) async fn spawn(name: &'static str, command: Command) -> Result<Process> {
    let sender = SPAWNER.get_or_init(|| {
        let (sender, requests) = mpsc::channel();
        std::thread::spawn(move || serve(&requests));
        sender
    });
    let program = command.get_program().to_string_lossy().into_owned();
    let (reply, answer) = oneshot::channel();
    sender.send(Request { command, name, reply }).ok().context("the spawner thread has ended")?;
    answer.await.context("the spawner thread has ended")?.with_context(|| format!("cannot run {program} for {name}"))
}

fn serve(requests: &mpsc::Receiver<Request>) {
    for mut request in requests {
        let spawned = request.command.spawn().map(|child| Process::new(request.name, child));
        // An unclaimed process is dropped here, which kills it.
        drop(request.reply.send(spawned));
    }
}
