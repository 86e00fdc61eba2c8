//! Every setting of log-worker.

use clap::Parser;
use worker::Servers;

/// The default of [`Config::archive_days`]: a year and a month, so that a year can be replayed.
pub const ARCHIVE_DAYS: u16 = 396;

/// Settings of log-worker.
#[derive(Debug, Clone, Parser)]
#[command(name = "offhook-log-worker", version, about = "Writes events, calls and contacts to Postgres")]
pub struct Config {
    /// Days for which the archive of events is kept; what they say stays
    #[arg(long, env = "OFFHOOK_ARCHIVE_DAYS", default_value_t = ARCHIVE_DAYS, value_parser = clap::value_parser!(u16).range(1..))]
    pub archive_days: u16,
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
