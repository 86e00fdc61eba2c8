//! Every setting of log-worker.

use clap::Parser;
use worker::Servers;

/// Settings of log-worker.
#[derive(Debug, Clone, Parser)]
#[command(name = "offhook-log-worker", version, about = "Writes events, calls and contacts to Postgres")]
pub struct Config {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the group's help text")]
    pub servers: Servers,
}

impl Config {
    /// What is wrong with the settings, all of it at once.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        self.servers.check()
    }
}
