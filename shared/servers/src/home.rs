//! Where PostgreSQL's data lives: inside the given directory, or, when we are root, in a place that the user `postgres` may enter.
//!
//! As root that is `/var/tmp/offhook-UID-HASH` (a checkout in /root is closed to others): root's own directory, so that nobody else can
//! plant anything there; only `data` inside belongs to `postgres`. `owner` says which directory it serves. Homes whose directory is
//! gone (deleted, or moved: the data does not move along) are swept at the next start.

use std::{
    fs::{self, DirBuilder},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, MetadataExt, chown, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::geteuid;

use crate::{launcher::POSTGRES_USER, lock::Lock};

/// Where homes are when we are root: survives a reboot, and everybody may enter it.
const PARENT: &str = "/var/tmp";

/// The place of one cluster.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    /// User and group id of `postgres`, when we are root.
    ids: Option<(u32, u32)>,
    ephemeral: bool,
}

impl Home {
    /// Finds or makes the home for the (absolute, existing) directory `dir`.
    pub(crate) fn open(dir: &Path, ephemeral: bool) -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self { path: dir.to_owned(), ids: None, ephemeral });
        }
        ensure!(cfg!(target_os = "linux"), "PostgreSQL does not run as root: start as an ordinary user");
        let ids = Some((id("-u")?, id("-g")?));
        sweep();
        let path = place(dir);
        match DirBuilder::new().mode(0o755).create(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("cannot make {}", path.display()));
            }
            _ => ours(&path)?,
        }
        let owner = path.join("owner");
        match fs::read_to_string(&owner) {
            Ok(known) => ensure!(Path::new(&known) == dir, "{} belongs to {known}: remove one of them", path.display()),
            Err(_) => fs::write(&owner, dir.to_string_lossy().as_bytes())
                .with_context(|| format!("cannot write {}", owner.display()))?,
        }
        point(&dir.join("data"), &path.join("data"))?;
        Ok(Self { path, ids, ephemeral })
    }

    /// Deletes the home of `dir` and whatever is in it, once no server uses it.
    pub(crate) async fn wipe(dir: &Path) -> Result<()> {
        let path = if geteuid().is_root() { place(dir) } else { dir.to_owned() };
        if !path.exists() {
            return Ok(());
        }
        if geteuid().is_root() {
            ours(&path)?;
        }
        let _lock = Lock::wait(path.join("lock")).await?;
        fs::remove_dir_all(&path).with_context(|| format!("cannot delete {}", path.display()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// The user to run as, when not ours.
    pub(crate) fn user(&self) -> Option<&'static str> {
        self.ids.map(|_| POSTGRES_USER)
    }

    /// An empty directory for a new cluster, to be renamed to `data` when complete.
    pub(crate) fn new_data(&self) -> Result<PathBuf> {
        let path = self.path.join("data.new");
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot delete {}", path.display()));
            }
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        if let Some((user, group)) = self.ids {
            chown(&path, Some(user), Some(group)).with_context(|| format!("cannot give {} away", path.display()))?;
        }
        Ok(path)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let place = if self.ids.is_some() { self.path.clone() } else { self.data() };
        if !self.ephemeral {
            return;
        }
        match fs::remove_dir_all(&place) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(place = %place.display(), %error, "cannot delete the data of an ephemeral PostgreSQL");
            }
            _ => {}
        }
    }
}

/// Makes `link` a link to `target`, so that a person finds the data; a link from before a move is replaced.
fn point(link: &Path, target: &Path) -> Result<()> {
    match fs::read_link(link) {
        Ok(now) if now == target => return Ok(()),
        Ok(_) => fs::remove_file(link).with_context(|| format!("cannot remove the link {}", link.display()))?,
        Err(_) => {}
    }
    symlink(target, link).with_context(|| format!("cannot make the link {}", link.display()))
}

/// The home of a directory; FNV-1a, because std's hash may change with the compiler. `owner` inside settles a collision.
fn place(dir: &Path) -> PathBuf {
    let bytes = dir.as_os_str().as_encoded_bytes();
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193));
    Path::new(PARENT).join(format!("offhook-{}-{hash:08x}", geteuid().as_raw()))
}

/// Checks that nobody else planted the directory: a real one, ours, and writable by us alone.
fn ours(path: &Path) -> Result<()> {
    let meta = fs::symlink_metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
    if !meta.is_dir() || meta.uid() != geteuid().as_raw() || meta.mode() & 0o022 != 0 {
        bail!("{} is not a directory that only we can write to; look at it and remove it", path.display());
    }
    Ok(())
}

/// A numeric id of the user `postgres`.
fn id(flag: &str) -> Result<u32> {
    let out = Command::new("id").args([flag, POSTGRES_USER]).output().context("cannot run id")?;
    let text = String::from_utf8_lossy(&out.stdout);
    text.trim().parse().ok().context(
        "as root, PostgreSQL runs as the user postgres, and there is no such user: install the postgresql package",
    )
}

/// Deletes homes that a crash left behind: their directory is gone and nobody holds their lock. Best effort.
fn sweep() {
    let prefix = format!("offhook-{}-", geteuid().as_raw());
    for entry in fs::read_dir(PARENT).into_iter().flatten().flatten() {
        let path = entry.path();
        let named = entry.file_name().to_string_lossy().starts_with(&prefix);
        if !named || ours(&path).is_err() {
            continue;
        }
        let Ok(owner) = fs::read_to_string(path.join("owner")) else { continue };
        if Path::new(&owner).exists() {
            continue;
        }
        if let Ok(Some(_lock)) = Lock::attempt(&path.join("lock")) {
            tracing::debug!(home = %path.display(), owner, "deletes the data of a PostgreSQL whose directory is gone");
            let _ = fs::remove_dir_all(&path);
        }
    }
}
