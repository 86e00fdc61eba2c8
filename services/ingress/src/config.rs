//! Every setting of ingress.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;
use runtime::config::Broker;

/// Settings of ingress.
#[derive(Debug, Clone, Parser)]
#[command(name = "offhook-ingress", version, about = "Acknowledges provider webhooks once they are durable")]
pub struct Config {
    /// Where webhooks are received
    #[arg(long, env = "OFFHOOK_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the last known orgs are kept, to start without the broker; nowhere if unset
    #[arg(long, env = "OFFHOOK_ORGS_SNAPSHOT")]
    pub orgs_snapshot: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the group's help text")]
    pub broker: Broker,
}

impl Config {
    /// What is wrong with the settings, all of it at once.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let folder = self.orgs_snapshot.as_deref().and_then(|path| path.parent());
        let missing = folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir());
        missing.map(|folder| format!("OFFHOOK_ORGS_SNAPSHOT: {} is no folder", folder.display())).into_iter().collect()
    }
}
