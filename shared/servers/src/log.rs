//! The servers' log files: begun anew at each start, and their last lines for error messages.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use anyhow::{Context, Result};

/// How much of the log an error shows.
const LINES: usize = 20;
/// How much of the log's end is read for that, in bytes.
const TAIL: u64 = 64 * 1024;

/// A log begins anew with each start, so that it can't grow without bound (restarts of the same value append).
pub(crate) fn truncate(log: &Path) -> Result<()> {
    File::create(log).map(drop).with_context(|| format!("cannot write {}", log.display()))
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_else(|error| format!("(cannot read {}: {error})", log.display()));
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
