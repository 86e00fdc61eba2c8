//! Every setting of refresh-worker.

use std::path::PathBuf;

use cache::Settings;
use clap::Parser;
use context::KINDS;
use worker::Servers;

/// Settings of refresh-worker.
#[derive(Debug, Clone, Parser)]
#[command(name = "offhook-refresh-worker", version, about = "Keeps the cache warm, and tells the memory vendors")]
pub struct Config {
    /// Where the last known orgs are kept, to start without the broker; nowhere if unset
    #[arg(long, env = "OFFHOOK_ORGS_SNAPSHOT")]
    pub orgs_snapshot: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the group's help text")]
    pub servers: Servers,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the group's help text")]
    pub cache: Settings,
}

impl Config {
    /// What is wrong with the settings, all of it at once.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        self.servers.check().into_iter().chain(self.cache.check(&KINDS)).collect()
    }
}
