//! Every setting of the answer service.

use std::{net::SocketAddr, path::PathBuf};

use cache::Settings;
use clap::Parser;
use context::KINDS;
use runtime::config::{Broker, Database};

/// Settings of the answer service.
#[derive(Debug, Clone, Parser)]
#[command(name = "offhook-answer", version, about = "Answers live calls from caches, within a deadline")]
pub struct Config {
    /// Where live calls ask
    #[arg(long, env = "OFFHOOK_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the last known orgs are kept, to start without the broker; nowhere if unset
    #[arg(long, env = "OFFHOOK_ORGS_SNAPSHOT")]
    pub orgs_snapshot: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the group's help text")]
    pub broker: Broker,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the group's help text")]
    pub database: Database,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the group's help text")]
    pub cache: Settings,
}

impl Config {
    /// What is wrong with the settings, all of it at once.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let database = postgres::check_url(&self.database.database_url).err().map(|error| error.to_string());
        self.cache.check(&KINDS).into_iter().chain(database).collect()
    }
}
