//! Runs a command with the servers' addresses in its environment and ends the servers after it.

use std::{
    ffi::OsString,
    fs::File,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::Instant,
};

use crate::{
    launcher::{Tie, launcher},
    process::POLL,
    servers::Servers,
    spawner::spawn,
};

/// How long the command may take to end after it was asked to.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Runs `command` (program and arguments) in the foreground with `NATS_URL`, `DATABASE_URL` and `REDIS_URL` set, then stops the
/// servers. SIGINT, SIGTERM and SIGHUP go on to the command, which then has 30 s. Returns its exit code, or 128 + the signal that
/// ended it, as shells do (126 and 127 too: can't be run, not found).
///
/// # Errors
/// When `command` is empty or can't be started, or the servers can't be stopped.
pub async fn run_command(servers: Servers, command: &[OsString]) -> Result<u8> {
    let result = run(&servers, command).await;
    servers.stop().await?;
    result.map(code)
}

async fn run(servers: &Servers, words: &[OsString]) -> Result<ExitStatus> {
    ensure!(!words.is_empty(), "no command to run");
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch SIGTERM")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot watch SIGHUP")?;
    let prefix = launcher(Tie::here(), std::process::id(), Signal::TERM, None);
    let mut command = Command::new(&prefix[0]);
    command.args(&prefix[1..]).args(words);
    command.env("NATS_URL", &servers.nats_url).env("DATABASE_URL", &servers.database_url);
    command.env("REDIS_URL", &servers.redis_url);
    let mut child = spawn("command", command).await?;
    let mut deadline: Option<Instant> = None;
    loop {
        if let Some(status) = child.exited() {
            return Ok(status);
        }
        if deadline.is_some_and(|d| Instant::now() >= d) {
            tracing::warn!(limit_s = STOP_LIMIT.as_secs(), "the command did not end in time and is killed");
            child.kill().await?;
            continue;
        }
        tokio::select! {
            _ = interrupt.recv() => if !from_terminal() { child.signal(Signal::INT)? },
            _ = terminate.recv() => child.signal(Signal::TERM)?,
            _ = hangup.recv() => child.signal(Signal::HUP)?,
            () = tokio::time::sleep(POLL) => continue,
        }
        deadline.get_or_insert(Instant::now() + STOP_LIMIT);
    }
}

/// Whether an interrupt is likely a Ctrl-C: then the terminal has sent it to the command as well (same process group), and once more
/// would look like an impatient second one.
fn from_terminal() -> bool {
    let foreground = || rustix::termios::tcgetpgrp(File::open("/dev/tty").ok()?).ok();
    foreground() == Some(rustix::process::getpgrp())
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|s| 128 + s));
    code.and_then(|c| u8::try_from(c).ok()).unwrap_or(1)
}
