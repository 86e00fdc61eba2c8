//! Finds nats-server, PostgreSQL, Redis and setpriv, and says in one message what is missing and how to get it.
//!
//! Refuses: versions that are too old for what the house relies on, and to install anything itself.

use std::{
    ffi::OsStr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The oldest nats-server (major, minor) whose JetStream behaves as the design assumes.
const NATS_MIN: (u32, u32) = (2, 14);
/// The oldest PostgreSQL major version (`MERGE`, `STRATEGY`, ICU and lz4 as the migrations use them).
const POSTGRES_MIN: u32 = 15;
/// Where Homebrew puts programs, Apple silicon first.
const BREW: [&str; 2] = ["/opt/homebrew", "/usr/local"];

/// Which servers are going to be started, and so must be installed.
#[derive(Debug, Clone, Copy)]
pub struct Needed {
    /// nats-server
    pub nats: bool,
    /// PostgreSQL
    pub postgres: bool,
    /// redis-server
    pub redis: bool,
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    nats_server: Option<PathBuf>,
    postgres: Option<PostgresPrograms>,
    redis_server: Option<PathBuf>,
}

/// One PostgreSQL installation.
#[derive(Debug, Clone)]
pub(crate) struct PostgresPrograms {
    /// The directory that holds `postgres` and `initdb`.
    pub(crate) bin: PathBuf,
    /// Its major version.
    pub(crate) major: u32,
}

impl Programs {
    /// Finds all three; `root` is the `.offhook` directory, whose `bin` comes before `PATH`.
    ///
    /// # Errors
    /// One message that names everything that is missing or too old, and the cure.
    pub fn find(root: &Path) -> Result<Self> {
        Self::find_needed(root, Needed { nats: true, postgres: true, redis: true })
    }

    /// Finds only what is going to be started.
    ///
    /// # Errors
    /// As [`Programs::find`].
    pub fn find_needed(root: &Path, needed: Needed) -> Result<Self> {
        let mut missing = Vec::new();
        let any = needed.nats || needed.postgres || needed.redis;
        let nats_server = find_if(needed.nats, || nats_server(root), &mut missing);
        let postgres = find_if(needed.postgres, postgres, &mut missing);
        let redis_server = find_if(needed.redis, redis_server, &mut missing);
        find_if(any && cfg!(target_os = "linux"), setpriv, &mut missing);
        if !missing.is_empty() {
            let list = missing.join("\n  - ");
            bail!(
                "cannot start the private servers; missing:\n  - {list}\nrun scripts/install-servers, which installs them"
            );
        }
        Ok(Self { nats_server, postgres, redis_server })
    }

    pub(crate) fn nats_server(&self) -> Result<&Path> {
        self.nats_server.as_deref().context("nats-server was not among the needed programs")
    }

    pub(crate) fn postgres(&self) -> Result<&PostgresPrograms> {
        self.postgres.as_ref().context("PostgreSQL was not among the needed programs")
    }

    pub(crate) fn redis_server(&self) -> Result<&Path> {
        self.redis_server.as_deref().context("redis-server was not among the needed programs")
    }
}

/// Looks for one program where it is needed, and notes what is said when it isn't there.
fn find_if<T>(
    needed: bool,
    find: impl FnOnce() -> std::result::Result<T, String>,
    missing: &mut Vec<String>,
) -> Option<T> {
    if !needed {
        return None;
    }
    find().map_err(|message| missing.push(message)).ok()
}

/// The first nats-server that is new enough: what the script installed, else `PATH`.
fn nats_server(root: &Path) -> std::result::Result<PathBuf, String> {
    let (major, minor) = NATS_MIN;
    let mut seen = String::new();
    for program in std::iter::once(root.join("bin/nats-server")).filter(|p| executable(p)).chain(on_path("nats-server"))
    {
        match version(&program) {
            Some(v) if v >= NATS_MIN => return Ok(std::path::absolute(&program).unwrap_or(program)),
            Some((x, y)) => seen = format!(" ({} is {x}.{y}, too old)", program.display()),
            None => seen = format!(" ({} does not tell its version)", program.display()),
        }
    }
    let bin = root.join("bin").display().to_string();
    Err(format!("nats-server {major}.{minor} or newer{seen}: looked into {bin} and PATH; Debian's package is too old"))
}

/// The PostgreSQL on `PATH` when it is new enough, else the newest of the usual places.
fn postgres() -> std::result::Result<PostgresPrograms, String> {
    let known = |bin: PathBuf| {
        let major = executable(&bin.join("initdb")).then(|| version(bin.join("postgres"))).flatten()?.0;
        Some(PostgresPrograms { bin, major })
    };
    // Resolved, because a link in a PATH directory does not have initdb beside it.
    let real_dir = |p: PathBuf| Some(p.canonicalize().ok()?.parent()?.to_owned());
    let from_path = on_path("postgres").filter_map(real_dir).filter_map(known);
    let mut rest: Vec<_> = usual_postgres_dirs().into_iter().filter_map(known).collect();
    rest.sort_by_key(|p| std::cmp::Reverse(p.major));
    let found: Vec<_> = from_path.chain(rest).collect();
    let newest = found.iter().map(|p| p.major).max();
    found.into_iter().find(|p| p.major >= POSTGRES_MIN).ok_or_else(|| {
        let seen = newest.map(|m| format!(" (only {m} found)")).unwrap_or_default();
        format!("PostgreSQL {POSTGRES_MIN} or newer{seen}: Debian/Ubuntu package postgresql, Homebrew postgresql@17")
    })
}

fn usual_postgres_dirs() -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    if let Ok(out) = Command::new("pg_config").arg("--bindir").output() {
        dirs.push(PathBuf::from(String::from_utf8_lossy(&out.stdout).trim()));
    }
    let opts = BREW.iter().map(|b| (PathBuf::from(b).join("opt"), "postgresql"));
    for (parent, prefix) in opts.chain([(PathBuf::from("/usr/lib/postgresql"), "")]) {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        dirs.extend(
            entries.filter(|e| e.file_name().to_string_lossy().starts_with(prefix)).map(|e| e.path().join("bin")),
        );
    }
    dirs
}

fn redis_server() -> std::result::Result<PathBuf, String> {
    let brew = BREW.iter().map(|b| PathBuf::from(b).join("bin/redis-server")).filter(|p| executable(p));
    on_path("redis-server")
        .chain(brew)
        .next()
        .ok_or_else(|| "redis-server: Debian/Ubuntu package redis-server, Homebrew redis".to_owned())
}

fn setpriv() -> std::result::Result<PathBuf, String> {
    on_path("setpriv").next().ok_or_else(|| "setpriv: Debian/Ubuntu package util-linux".to_owned())
}

fn on_path(name: &str) -> impl Iterator<Item = PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "PATH is no setting of ours")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).filter(|d| d.is_absolute()).collect();
    let name = name.to_owned();
    dirs.into_iter().map(move |d| d.join(&name)).filter(|p| executable(p))
}

fn executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Major and minor version as `PROGRAM --version` prints them; `None` when it does not run.
fn version(program: impl AsRef<OsStr>) -> Option<(u32, u32)> {
    let out = Command::new(program).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&out.stdout))
}

/// The first word that looks like a version: `nats-server: v2.15.1`, `postgres (PostgreSQL) 15.18 (Debian …)`, `… 18beta1`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let word = text
        .split_whitespace()
        .map(|w| w.trim_start_matches('v'))
        .find(|w| w.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut numbers = word.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    Some((numbers.next()?, numbers.next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_programs_print_them() {
        assert_eq!(parse_version("nats-server: v2.15.1\n"), Some((2, 15)));
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some((15, 18)));
        assert_eq!(parse_version("postgres (PostgreSQL) 19beta1\n"), Some((19, 0)));
        assert_eq!(parse_version("no version here"), None);
    }

    #[test]
    fn an_old_nats_server_is_named_with_the_cure() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let bin = root.path().join("bin");
        std::fs::create_dir(&bin).expect("bin");
        let fake = bin.join("nats-server");
        // By a shell: a program that this process writes can't be run while another test's fork still holds it open.
        let write = r#"printf '#!/bin/sh\necho nats-server: v2.9.10\n' > "$0" && chmod 755 "$0""#;
        assert!(Command::new("sh").args(["-c", write]).arg(&fake).status().expect("a shell").success());
        // A newer one on PATH is rightly preferred, so only the message for "none" is fixed here.
        match nats_server(root.path()) {
            Ok(other) => assert_ne!(other, fake),
            Err(message) => assert!(message.contains("2.9") && message.contains("2.14"), "{message}"),
        }
    }
}
