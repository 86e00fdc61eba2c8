//! A process under test: in this one on a runtime of its own, or a child. Either can be crashed at any moment.

use std::{process::Stdio, sync::Arc};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{ChildStdin, Command as Program},
    runtime::{Builder, Runtime},
    sync::mpsc,
};

use crate::node::{Command, Event, Node, Setup};

/// Where a process under test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Here,
    Child,
}

/// The process. Dropping it is a crash.
pub(crate) struct Peer {
    run: Option<Run>,
}

enum Run {
    Here { node: Box<Node>, runtime: Runtime },
    Child { stdin: ChildStdin, _child: tokio::process::Child },
}

impl Peer {
    /// Starts it; its events go to `events`, each with the mark `of`.
    pub(crate) async fn start<M>(place: Place, setup: &Setup, of: M, events: mpsc::Sender<(M, Event)>) -> Self
    where
        M: Copy + Send + Sync + 'static,
    {
        let tell = move |event| {
            // Nobody hears what is said after the end of a case.
            events.try_send((of, event)).ok();
        };
        let run = match place {
            Place::Here => {
                let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
                let node = {
                    let _within = runtime.enter();
                    Box::new(Node::start(setup, Arc::new(tell)))
                };
                Run::Here { node, runtime }
            }
            Place::Child => {
                let mut program = Program::new(env!("CARGO_BIN_EXE_cache-process"));
                program.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
                let mut child = program.spawn().expect("cache-process starts");
                let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
                tokio::spawn(async move {
                    while let Ok(Some(line)) = lines.next_line().await {
                        tell(serde_json::from_str(&line).expect("an event"));
                    }
                });
                let mut stdin = child.stdin.take().expect("piped");
                write(&mut stdin, &serde_json::to_string(setup).expect("a setup is JSON")).await;
                Run::Child { stdin, _child: child }
            }
        };
        Self { run: Some(run) }
    }

    /// Gives it a command.
    pub(crate) async fn send(&mut self, command: Command) {
        match self.run.as_mut().expect("until dropped") {
            Run::Here { node, runtime } => {
                let _within = runtime.enter();
                node.obey(command);
            }
            Run::Child { stdin, .. } => {
                write(stdin, &serde_json::to_string(&command).expect("a command is JSON")).await;
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The node's tasks end where they stand: no lease is given back.
        if let Some(Run::Here { node, runtime }) = self.run.take() {
            runtime.shutdown_background();
            drop(node);
        }
    }
}

async fn write(stdin: &mut ChildStdin, line: &str) {
    stdin.write_all(format!("{line}\n").as_bytes()).await.expect("the process reads its commands");
}
