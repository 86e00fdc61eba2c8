//! Every setting of crm-worker.

use cache::Settings;
use clap::Parser;
use context::KINDS;
use worker::Servers;

/// Settings of crm-worker.
#[derive(Debug, Clone, Parser)]
#[command(name = "offhook-crm-worker", version, about = "Keeps the contacts of each org's CRM up to date")]
pub struct Config {
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
        self.cache.check(&KINDS).into_iter().chain(self.servers.check()).collect()
    }
}
