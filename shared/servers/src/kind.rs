//! What differs between the three servers, in one place, and the one way in which they (and initdb) are spawned.

use std::{
    ffi::OsString,
    fs::OpenOptions,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::{
    launcher::{Tie, launcher},
    lock::Lock,
    nats::NatsKind,
    postgres::PostgresKind,
    probe,
    process::Process,
    redis::RedisKind,
    spawner::spawn,
};

/// What a server needs to be started.
#[derive(Debug)]
pub(crate) enum Kind {
    Nats(NatsKind),
    Postgres(PostgresKind),
    Redis(RedisKind),
}

/// A command line, without the launcher.
pub(crate) struct Invocation {
    /// The program and its arguments.
    pub(crate) words: Vec<OsString>,
    /// Its working directory.
    pub(crate) directory: PathBuf,
    /// The user it runs as, when not ours.
    pub(crate) user: Option<&'static str>,
    /// Environment variables to set.
    pub(crate) env: Vec<(&'static str, &'static str)>,
}

impl Kind {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Nats(_) => "nats",
            Self::Postgres(_) => "postgres",
            Self::Redis(_) => "redis",
        }
    }

    pub(crate) fn url(&self, port: u16) -> String {
        match self {
            Self::Nats(_) => format!("nats://127.0.0.1:{port}"),
            Self::Postgres(_) => format!("postgres://offhook@127.0.0.1:{port}/offhook"),
            Self::Redis(_) => format!("redis://127.0.0.1:{port}"),
        }
    }

    /// PostgreSQL takes TERM as "wait for all clients"; INT ends their sessions.
    pub(crate) fn stop_signal(&self) -> Signal {
        if matches!(self, Self::Postgres(_)) { Signal::INT } else { Signal::TERM }
    }

    pub(crate) fn abort_signal(&self) -> Signal {
        if matches!(self, Self::Postgres(_)) { Signal::QUIT } else { Signal::KILL }
    }

    pub(crate) fn prepare(&self, directory: &Path) -> Result<()> {
        match self {
            Self::Nats(_) => NatsKind::prepare(directory),
            Self::Postgres(kind) => kind.prepare(),
            Self::Redis(_) => Ok(()),
        }
    }

    pub(crate) fn invocation(&self, port: u16, directory: &Path) -> Invocation {
        match self {
            Self::Nats(kind) => kind.invocation(port, directory),
            Self::Postgres(kind) => kind.invocation(port),
            Self::Redis(kind) => kind.invocation(port, directory),
        }
    }

    pub(crate) async fn probe(&self, port: u16, pid: u32) -> std::io::Result<bool> {
        match self {
            Self::Nats(kind) => kind.probe(port).await,
            Self::Postgres(kind) => kind.probe(port, pid).await,
            Self::Redis(_) => probe::redis(port, pid).await,
        }
    }
}

/// Starts a program under the launcher, in a process group of its own (so that Ctrl-C does not reach it before its clients have ended),
/// with the lock as standard input and the log as output.
pub(crate) async fn run(
    name: &'static str,
    death: Signal,
    what: &Invocation,
    lock: &Lock,
    log: &Path,
) -> Result<Process> {
    let prefix = launcher(Tie::here(), std::process::id(), death, what.user);
    let out = OpenOptions::new().create(true).append(true).open(log);
    let out = out.with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(&prefix[0]);
    command.args(&prefix[1..]).args(&what.words).current_dir(&what.directory).process_group(0);
    for (key, _) in std::env::vars_os().filter(|(k, _)| k.to_string_lossy().starts_with("PG")) {
        // PGDATA, PGPORT and the like of a developer's shell are meant for another server.
        command.env_remove(key);
    }
    command.envs(what.env.iter().copied()).stdin(lock.inherit()?);
    command.stdout(out.try_clone().context("cannot duplicate the log")?).stderr(out);
    spawn(name, command).await
}
