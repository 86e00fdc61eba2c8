//! The private PostgreSQL: its cluster, its settings, and the database `offhook`.
//!
//! Everybody on this machine may connect as any user without a password (`trust`), on 127.0.0.1 only and without a Unix socket: this is
//! for a development machine. It syncs to disk like a real one unless a test asks otherwise.

use std::{
    ffi::OsString,
    io,
    ops::{Deref, DerefMut},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::{
    find::{PostgresPrograms, Programs},
    home::Home,
    kind::{Invocation, Kind, run},
    lock::Lock,
    log::{tail, truncate},
    probe,
    server::Server,
    slot::directory,
};

/// How long making a new cluster may take.
const INITDB_LIMIT: Duration = Duration::from_secs(60);
/// Tried in this order. Byte order, so that sorting is the same on every machine; macOS does not have the first.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];
/// A library of macOS starts a thread unless the locale is plain, and PostgreSQL refuses to run with threads.
const ENV: (&str, &str) = ("LC_ALL", "C");

/// What can be different from the defaults.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Server settings (`-c name=value`), for example `("fsync", "off")` or `("max_connections", "300")`.
    pub server: Vec<(String, String)>,
    /// Delete the data when the value is dropped. As root the data is not inside the given directory, so a temporary directory
    /// around it does not take it along; what a crash leaves is deleted by a later start.
    pub ephemeral: bool,
}

/// A private PostgreSQL; see [`Server`] for what can be done with it.
#[derive(Debug)]
pub struct Postgres(Server);

impl Postgres {
    /// Starts it with its state in `dir` (made when missing; as root the data lives under `/var/tmp` and `dir/data` is a link to it)
    /// and waits until it serves and has the database `offhook`. A new cluster takes about a second.
    ///
    /// # Errors
    /// When `dir` can't be used or is in use, when the data is of another major version, or when it does not serve within 30 s; the
    /// message ends with its last log lines.
    pub async fn start(programs: &Programs, dir: &Path, settings: Settings) -> Result<Self> {
        let dir = directory(dir)?;
        let programs = programs.postgres()?.clone();
        let home = Home::open(&dir, settings.ephemeral)?;
        let lock = Lock::wait(home.lock()).await?;
        let kind = PostgresKind { programs, home, settings: settings.server };
        kind.make_cluster(&dir, &lock).await?;
        Ok(Self(Server::start(Kind::Postgres(kind), dir, lock).await?))
    }
}

impl Deref for Postgres {
    type Target = Server;
    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for Postgres {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

/// How to start it.
#[derive(Debug)]
pub(crate) struct PostgresKind {
    programs: PostgresPrograms,
    home: Home,
    settings: Vec<(String, String)>,
}

impl PostgresKind {
    /// We hold the lock that each process of a server inherits, so none runs here, and a pid file is that of a crash. Its pid may be
    /// somebody else's by now, which would keep PostgreSQL from starting.
    pub(crate) fn prepare(&self) -> Result<()> {
        match std::fs::remove_file(self.home.data().join("postmaster.pid")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).context("cannot remove a stale postmaster.pid")
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn invocation(&self, port: u16) -> Invocation {
        let mut words: Vec<OsString> =
            vec![self.programs.bin.join("postgres").into(), "-D".into(), self.home.data().into()];
        let mut set = |name: &str, value: &str| words.extend(["-c".into(), format!("{name}={value}").into()]);
        set("listen_addresses", "127.0.0.1");
        set("port", &port.to_string());
        set("unix_socket_directories", "");
        // Otherwise initdb's finding of this machine's zone, and queries that forget a zone differ from machine to machine.
        set("timezone", "UTC");
        for (name, value) in &self.settings {
            set(name, value);
        }
        Invocation { words, directory: self.home.path().to_owned(), user: self.home.user(), env: vec![ENV] }
    }

    /// Serves, is ours, and has the database; makes the database when it is missing.
    pub(crate) async fn probe(&self, port: u16, pid: u32) -> io::Result<bool> {
        // The first line is the pid: proof that the one on the port is ours.
        let file = std::fs::read_to_string(self.home.data().join("postmaster.pid"))?;
        if file.lines().next().and_then(|l| l.trim().parse().ok()) != Some(pid) {
            return Ok(false);
        }
        probe::postgres(port, "offhook").await
    }

    /// Makes the cluster when there is none, aside and then by rename, so that a crash in between leaves no half one.
    async fn make_cluster(&self, dir: &Path, lock: &Lock) -> Result<()> {
        let data = self.home.data();
        if let Ok(version) = std::fs::read_to_string(data.join("PG_VERSION")) {
            let (version, ours) = (version.trim(), self.programs.major.to_string());
            if version != ours {
                let place = data.display();
                bail!(
                    "{place} was made by PostgreSQL {version}, but {ours} is installed; start with --fresh to begin anew"
                );
            }
            return Ok(());
        }
        let log = dir.join("initdb.log");
        truncate(&log)?;
        let mut failure = String::new();
        for locale in LOCALES {
            let target = self.home.new_data()?;
            let mut words: Vec<OsString> =
                vec![self.programs.bin.join("initdb").into(), "-D".into(), target.clone().into()];
            words.extend(["-U", "offhook", "--auth=trust", "-E", "UTF8"].map(Into::into));
            // What initdb does not sync here, the first checkpoints do; a power cut in the first minute costs an empty cluster.
            words.extend(["--no-sync".into(), format!("--locale={locale}").into()]);
            let what =
                Invocation { words, directory: self.home.path().to_owned(), user: self.home.user(), env: vec![ENV] };
            let mut initdb = run("initdb", Signal::TERM, &what, lock, &log).await?;
            match initdb.wait(INITDB_LIMIT).await {
                Some(status) if status.success() => {
                    return std::fs::rename(&target, &data).with_context(|| format!("cannot make {}", data.display()));
                }
                Some(status) => failure = format!("ended with {status}"),
                None => failure = format!("did not end within {INITDB_LIMIT:?}"),
            }
            initdb.kill().await?;
        }
        bail!("initdb {failure}; its last log lines:\n{}", tail(&log))
    }
}
