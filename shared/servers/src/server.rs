//! One private server, whichever it is: start on a free port, wait until it serves, kill, freeze, restart, stop.
//!
//! Refuses: to know how a particular server is configured (`nats`, `postgres`, `redis` say that).

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};

use crate::{
    kind::{Kind, run},
    lock::Lock,
    log::{tail, truncate},
    port,
    process::{POLL, Process},
};

/// How long a server may take from its start until it serves.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// How long one look at whether it serves may take.
const PROBE_LIMIT: Duration = Duration::from_secs(1);
/// How long a server may take to end orderly before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How many ports are tried when the server ends early.
const PORT_ATTEMPTS: u32 = 5;

/// A private server on 127.0.0.1. Dropping it ends it, but [`Server::stop`] is the orderly way.
#[derive(Debug)]
pub struct Server {
    // Before `kind`, which may delete the data when dropped.
    process: Option<Process>,
    kind: Kind,
    directory: PathBuf,
    port: u16,
    lock: Lock,
}

impl Server {
    /// Starts on a free port and waits until it serves. `lock` guards the data and goes to the server as well.
    pub(crate) async fn start(kind: Kind, directory: PathBuf, lock: Lock) -> Result<Self> {
        let mut server = Self { process: None, kind, directory, port: 0, lock };
        truncate(&server.log())?;
        let mut attempt = 1;
        loop {
            server.port = port::free()?;
            match server.boot().await {
                Ok(()) => return Ok(server),
                Err(error) if error.ended && attempt < PORT_ATTEMPTS => {
                    tracing::debug!(
                        server = server.kind.name(),
                        port = server.port,
                        attempt,
                        "ended early; another port is tried"
                    );
                }
                Err(error) => return Err(error.cause),
            }
            attempt += 1;
        }
    }

    /// What to put into the environment of a client.
    #[must_use]
    pub fn url(&self) -> String {
        self.kind.url(self.port)
    }

    /// Its port on 127.0.0.1; stays the same over restarts of this value.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id; `None` after `kill` or `stop`.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Its log file.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.directory.join(format!("{}.log", self.kind.name()))
    }

    /// SIGKILL for it and its children at once, like a crash of the machine less the page cache; returns when all are gone.
    ///
    /// # Errors
    /// When it can't be signalled, or is still there after 5 s.
    pub async fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Orderly end: the server's own signal, 10 s to comply, then SIGKILL. Works on a frozen server too.
    ///
    /// # Errors
    /// As [`Server::kill`].
    pub async fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop(self.kind.stop_signal(), STOP_LIMIT).await,
            None => Ok(()),
        }
    }

    /// Starts again with the same data and port and waits until it serves; a server that still runs is stopped first.
    ///
    /// # Errors
    /// When it does not serve within 30 s; the message ends with its last log lines.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            match self.boot().await {
                Ok(()) => return Ok(()),
                // The port may be held for a moment by somebody's look for a free one.
                Err(error) if error.ended && Instant::now() < deadline => tokio::time::sleep(POLL).await,
                Err(error) => return Err(error.cause),
            }
        }
    }

    /// SIGSTOP for it and its children: connections stay open and nobody answers.
    ///
    /// # Errors
    /// When it can't be signalled.
    pub fn freeze(&self) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), Process::freeze)
    }

    /// Ends [`Server::freeze`].
    ///
    /// # Errors
    /// When it can't be signalled.
    pub fn thaw(&self) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), Process::thaw)
    }

    /// Spawns it on `self.port` and polls until it serves.
    async fn boot(&mut self) -> std::result::Result<(), BootError> {
        let began = Instant::now();
        let name = self.kind.name();
        self.kind.prepare(&self.directory)?;
        let invocation = self.kind.invocation(self.port, &self.directory);
        let mut process = run(name, self.kind.stop_signal(), &invocation, &self.lock, &self.log()).await?;
        process.abort_with(self.kind.abort_signal());
        let process = self.process.insert(process);
        loop {
            if let Some(status) = process.exited() {
                self.process = None;
                let cause = anyhow!("{name} ended early ({status}); its last log lines:\n{}", tail(&self.log()));
                return Err(BootError { cause, ended: true });
            }
            // A refused or reset connection only means "not yet".
            let probe = tokio::time::timeout(PROBE_LIMIT, self.kind.probe(self.port, process.pid())).await;
            if matches!(probe, Ok(Ok(true))) {
                tracing::debug!(
                    server = name,
                    port = self.port,
                    pid = process.pid(),
                    ms = began.elapsed().as_millis(),
                    "serves"
                );
                return Ok(());
            }
            if began.elapsed() >= READY_LIMIT {
                self.process = None;
                let log = tail(&self.log());
                return Err(anyhow!("{name} does not serve after {READY_LIMIT:?}; its last log lines:\n{log}").into());
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Why a server did not come up.
struct BootError {
    cause: anyhow::Error,
    /// It ended by itself: perhaps the port was taken, so another try makes sense.
    ended: bool,
}

impl From<anyhow::Error> for BootError {
    fn from(cause: anyhow::Error) -> Self {
        Self { cause, ended: false }
    }
}
