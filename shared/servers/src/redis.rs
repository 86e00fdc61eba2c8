//! The private Redis: a cache, so nothing of it is written to disk.

use std::{
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::{
    find::Programs,
    kind::{Invocation, Kind},
    lock::Lock,
    server::Server,
    slot::directory,
};

/// A private Redis; see [`Server`] for what can be done with it. It is empty after each restart.
#[derive(Debug)]
pub struct Redis(Server);

impl Redis {
    /// Starts it with `dir` (made when missing) as its working directory and waits until it serves.
    ///
    /// # Errors
    /// When `dir` can't be used or is in use, or it does not serve within 30 s; the message ends with its last log lines.
    pub async fn start(programs: &Programs, dir: &Path) -> Result<Self> {
        let dir = directory(dir)?;
        let kind = RedisKind { program: programs.redis_server()?.to_owned() };
        let lock = Lock::wait(dir.join("lock")).await?;
        Ok(Self(Server::start(Kind::Redis(kind), dir, lock).await?))
    }
}

impl Deref for Redis {
    type Target = Server;
    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for Redis {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

/// How to start it.
#[derive(Debug)]
pub(crate) struct RedisKind {
    program: PathBuf,
}

impl RedisKind {
    pub(crate) fn invocation(&self, port: u16, dir: &Path) -> Invocation {
        let mut words = vec![self.program.clone().into(), "--port".into(), port.to_string().into()];
        words.extend(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"].map(Into::into));
        words.push(dir.into());
        Invocation { words, directory: dir.to_owned(), user: None, env: Vec::new() }
    }
}
