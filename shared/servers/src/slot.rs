//! Slots: named places for state under the `.offhook` directory, one process each.
//!
//! A second `offhook dev`, or tests beside it, get the next free slot (`dev-2`…) instead of a collision.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{home::Home, lock::Lock};

/// How many processes may use the same slot name at a time.
const SLOTS: u32 = 9;

/// A directory that is ours until dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    path: PathBuf,
    _lock: Lock,
}

impl Slot {
    /// Takes the first free one of `name`, `name-2` … `name-9`; `fresh` empties it.
    pub(crate) async fn take(root: &Path, name: &str, fresh: bool) -> Result<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        ensure!(
            !name.is_empty() && name.chars().all(plain),
            "the slot name {name:?} is not made of letters, digits, - and _"
        );
        let root = directory(root)?;
        for number in 1..=SLOTS {
            let name = if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
            // Beside the directory, so that emptying it leaves the lock alone.
            if let Some(lock) = Lock::attempt(&root.join(format!("{name}.lock")))? {
                let path = root.join(&name);
                if fresh {
                    wipe(&path).await?;
                }
                let path = directory(&path)?;
                return Ok(Self { path, _lock: lock });
            }
        }
        bail!("all {SLOTS} slots {name}, {name}-2 … under {} are in use by running processes", root.display())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Empties a slot, once servers that a crash left going down have ended.
async fn wipe(path: &Path) -> Result<()> {
    let locks = ["nats", "redis"].map(|n| path.join(n).join("lock"));
    let mut held = Vec::new();
    for lock in locks.into_iter().filter(|l| l.exists()) {
        held.push(Lock::wait(lock).await?);
    }
    Home::wipe(&path.join("postgres")).await?;
    if path.exists() {
        fs::remove_dir_all(path).with_context(|| format!("cannot empty {}", path.display()))?;
    }
    Ok(())
}

/// The directory, made when missing, as an absolute path.
pub(crate) fn directory(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).with_context(|| format!("cannot resolve {}", path.display()))?;
    std::fs::create_dir_all(&path).with_context(|| format!("cannot make the directory {}", path.display()))?;
    Ok(path)
}
