//! The private nats-server: JetStream on, one fsync per message, with the workspace's own `nats/server.conf`.

use std::{
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    find::Programs,
    kind::{Invocation, Kind},
    lock::Lock,
    port, probe,
    server::Server,
    slot::directory,
};

/// The configuration that also the production shape starts from; address, port and store come as flags.
const CONFIG: &str = include_str!("../../../nats/server.conf");

/// A private nats-server; see [`Server`] for what can be done with it.
#[derive(Debug)]
pub struct Nats(Server);

impl Nats {
    /// Starts it with its state in `dir` (made when missing) and waits until it serves.
    ///
    /// # Errors
    /// When `dir` can't be used or is in use, or it does not serve within 30 s; the message ends with its last log lines.
    pub async fn start(programs: &Programs, dir: &Path) -> Result<Self> {
        let dir = directory(dir)?;
        let kind =
            NatsKind { program: programs.nats_server()?.to_owned(), name: format!("offhook-{:016x}", port::random()) };
        let lock = Lock::wait(dir.join("lock")).await?;
        Ok(Self(Server::start(Kind::Nats(kind), dir, lock).await?))
    }
}

impl Deref for Nats {
    type Target = Server;
    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for Nats {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

/// How to start it.
#[derive(Debug)]
pub(crate) struct NatsKind {
    program: PathBuf,
    /// Its server name, which it tells to clients: proof that the one on the port is ours.
    name: String,
}

impl NatsKind {
    /// Writes the configuration beside the data, where a person can find and try it.
    pub(crate) fn prepare(dir: &Path) -> Result<()> {
        let path = dir.join("server.conf");
        std::fs::write(&path, CONFIG).with_context(|| format!("cannot write {}", path.display()))
    }

    pub(crate) fn invocation(&self, port: u16, dir: &Path) -> Invocation {
        let mut words = vec![self.program.clone().into(), "-c".into(), dir.join("server.conf").into()];
        words.extend(["-a", "127.0.0.1", "-n", &self.name, "-p", &port.to_string(), "-sd"].map(Into::into));
        words.push(dir.join("jetstream").into());
        Invocation { words, directory: dir.to_owned(), user: None, env: Vec::new() }
    }

    pub(crate) async fn probe(&self, port: u16) -> std::io::Result<bool> {
        probe::nats(port, &self.name).await
    }
}
