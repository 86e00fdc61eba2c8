//! Exclusive locks on directories, which a server inherits.
//!
//! The lock file is the server's standard input: the lock then lasts until the server (and each of its children) has ended, even when
//! the process that started it was killed. So nobody ever opens the data of a server that is still going down.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::process::POLL;

/// How long to wait for servers of a parent that was killed to end (a PostgreSQL checkpoint is the longest part).
const WAIT_LIMIT: Duration = Duration::from_secs(20);

/// A held lock; given back when dropped and all heirs have ended.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock at once, or `None` when somebody has it.
    pub(crate) fn attempt(path: &Path) -> Result<Option<Self>> {
        let name = path.display();
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
        let file = file.with_context(|| format!("cannot open the lock file {name}"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("cannot lock {name}")),
        }
        // Somebody may have deleted the directory between the opening and the locking: then the lock is on a file without a name.
        let held = file.metadata().with_context(|| format!("cannot look at {name}"))?.ino();
        Ok(path.metadata().is_ok_and(|named| named.ino() == held).then_some(Self { file }))
    }

    /// Takes the lock, waiting for dying servers at most [`WAIT_LIMIT`].
    pub(crate) async fn wait(path: PathBuf) -> Result<Self> {
        let deadline = Instant::now() + WAIT_LIMIT;
        loop {
            if let Some(lock) = Self::attempt(&path)? {
                return Ok(lock);
            }
            if Instant::now() >= deadline {
                bail!("{} is held by a running server (waited {WAIT_LIMIT:?})", path.display());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The lock as a child's standard input. It reads as empty.
    pub(crate) fn inherit(&self) -> Result<Stdio> {
        Ok(Stdio::from(self.file.try_clone().context("cannot duplicate the lock")?))
    }
}
