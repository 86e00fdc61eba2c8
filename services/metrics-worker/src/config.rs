//! Every setting of metrics-worker.

use clap::Parser;
use worker::Servers;

/// Settings of metrics-worker.
#[derive(Debug, Clone, Parser)]
#[command(name = "offhook-metrics-worker", version, about = "Keeps exact daily figures in Postgres")]
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
