//! Where the CLI keeps its state: `.offhook` in the working directory.

use std::path::PathBuf;

/// The state's directory, absolute.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_dir()?.join(".offhook"))
}
