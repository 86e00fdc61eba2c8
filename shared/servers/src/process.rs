//! One child process: signals, waiting, reaping, and its own children where it has some (PostgreSQL).
//!
//! Polls instead of using tokio's child: a server may be started in one runtime and stopped in another (tests do), and tokio's child is
//! tied to the one that spawned it.

use std::{
    process::{Child, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process, test_kill_process},
};

/// How often the state of a child is looked at.
pub(crate) const POLL: Duration = Duration::from_millis(10);
/// How long the threads of a stopped process may take to stand still.
const FREEZE_LIMIT: Duration = Duration::from_secs(2);
/// How long a killed child and its children may take to be gone.
const GONE_LIMIT: Duration = Duration::from_secs(5);
/// How long `Drop` may hold its thread for an abort that cleans up, before it kills.
const DROP_LIMIT: Duration = Duration::from_secs(1);

/// A running (or ended and reaped) child. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    /// Set when reaped; from then on the pid may belong to somebody else and gets no more signals.
    status: Option<ExitStatus>,
    abort: Signal,
}

impl Process {
    pub(crate) fn new(name: &'static str, child: Child) -> Self {
        Self { name, child, status: None, abort: Signal::KILL }
    }

    /// The signal that `Drop` sends first. PostgreSQL's is QUIT: killed outright it would leave shared memory behind.
    pub(crate) fn abort_with(&mut self, signal: Signal) {
        self.abort = signal;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status once it has ended; reaps it.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().unwrap_or_else(|error| {
                tracing::warn!(server = self.name, %error, "cannot ask for the state of a child");
                None
            });
        }
        self.status
    }

    /// Waits for the end, at most `limit`.
    pub(crate) async fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.exited() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sends a signal to the process alone; nothing when it has ended.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let Some(pid) = self.live_pid() else { return Ok(()) };
        send(pid, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// Asks it to end with `signal`, waits at most `limit`, then kills it.
    pub(crate) async fn stop(&mut self, signal: Signal, limit: Duration) -> Result<()> {
        if self.exited().is_some() {
            return Ok(());
        }
        self.signal(signal)?;
        // A frozen process would not see the signal.
        self.thaw()?;
        if self.wait(limit).await.is_none() {
            tracing::warn!(server = self.name, limit_s = limit.as_secs(), "did not stop in time and is killed");
            self.kill().await?;
        }
        Ok(())
    }

    /// Kills it and its children, reaps it, and returns when all are gone.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        if self.exited().is_some() {
            return Ok(());
        }
        // Stopped first, so that it starts no more children while they are listed.
        self.signal(Signal::STOP)?;
        let children = self.children();
        self.signal(Signal::KILL)?;
        for child in &children {
            send(*child, Signal::KILL)?;
        }
        let deadline = Instant::now() + GONE_LIMIT;
        while self.exited().is_none() || children.iter().any(|c| alive(*c)) {
            if Instant::now() >= deadline {
                bail!("{} (pid {}) was killed and is still there after {GONE_LIMIT:?}", self.name, self.pid());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Stops the process and its children where they are; connections stay open and nobody answers. The signal is not
    /// the stop: a thread on another processor may run on for a moment, which is waited for.
    pub(crate) fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let children = self.children();
        children.iter().try_for_each(|c| send(*c, Signal::STOP))?;
        let deadline = Instant::now() + FREEZE_LIMIT;
        while !self.live_pid().iter().chain(&children).all(|pid| frozen(*pid)) {
            if Instant::now() >= deadline {
                bail!("{} was stopped and still runs after {FREEZE_LIMIT:?}", self.name);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Ends [`Process::freeze`].
    pub(crate) fn thaw(&self) -> Result<()> {
        self.children().into_iter().try_for_each(|c| send(c, Signal::CONT))?;
        self.signal(Signal::CONT)
    }

    fn live_pid(&self) -> Option<Pid> {
        if self.status.is_some() { None } else { Pid::from_raw(i32::try_from(self.child.id()).ok()?) }
    }

    fn children(&self) -> Vec<Pid> {
        self.live_pid().map(children).unwrap_or_default()
    }
}

impl Drop for Process {
    /// Blocks for at most [`DROP_LIMIT`] and a moment: the last resort when nobody called `stop`.
    fn drop(&mut self) {
        if self.exited().is_some() {
            return;
        }
        let children = self.children();
        let _ = self.signal(self.abort);
        let _ = self.thaw();
        let deadline = Instant::now() + DROP_LIMIT;
        while self.exited().is_none() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        if self.exited().is_none() {
            for child in children {
                let _ = send(child, Signal::KILL);
            }
            let _ = self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal; one who is gone already is no error.
fn send(pid: Pid, signal: Signal) -> Result<()> {
    match kill_process(pid, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot send {signal:?} to pid {pid}")),
    }
}

/// Whether a process runs; one that has ended and waits to be reaped by somebody else does not.
fn alive(pid: Pid) -> bool {
    let there = !matches!(test_kill_process(pid), Err(Errno::SRCH));
    there && stat(&pid.to_string()).is_none_or(|(state, _)| state != "Z")
}

/// State letter and parent of a process, from `/proc`; `None` where that is not there.
fn stat(pid: &str) -> Option<(String, i32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name is in parentheses and may hold anything, so the fields begin after the last one.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

#[cfg(target_os = "linux")]
fn children(parent: Pid) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.filter_map(|e| e.file_name().into_string().ok());
    let of_parent = names.filter(|n| stat(n).is_some_and(|(_, p)| p == parent.as_raw_nonzero().get()));
    of_parent.filter_map(|n| Pid::from_raw(n.parse().ok()?)).collect()
}

/// Whether every thread of a process stands still, or the process is gone.
#[cfg(target_os = "linux")]
fn frozen(pid: Pid) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).into_iter().flatten().flatten();
    let states = threads.filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        // The name stands in brackets and may hold anything; the state is the letter behind the last one.
        stat.rsplit_once(") ")?.1.chars().next()
    });
    states.into_iter().all(|state| matches!(state, 'T' | 't' | 'Z' | 'X'))
}

/// Without `/proc` the signal is taken for the stop.
#[cfg(not(target_os = "linux"))]
fn frozen(_: Pid) -> bool {
    true
}

#[cfg(not(target_os = "linux"))]
fn children(parent: Pid) -> Vec<Pid> {
    let out = std::process::Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output();
    let text = out.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    let pairs = text.lines().filter_map(|l| {
        let mut numbers = l.split_whitespace().map(|n| n.parse::<i32>().ok());
        Some((numbers.next()??, numbers.next()??))
    });
    pairs.filter(|(_, p)| *p == parent.as_raw_nonzero().get()).filter_map(|(c, _)| Pid::from_raw(c)).collect()
}
