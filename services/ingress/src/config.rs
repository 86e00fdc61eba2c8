//! Every setting of ingress.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser};
use orgs::{SECRETS_MAX, SecretRef};
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
    pub platform: PlatformKeys,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the group's help text")]
    pub broker: Broker,
}

/// What deliveries are verified with that come for many orgs at one address.
#[derive(Debug, Clone, Default, Args)]
pub struct PlatformKeys {
    /// What `/v1/elevenlabs/events` is signed with, which serves all orgs: env:NAME or file:/path, newest first, comma-separated
    #[arg(long, env = "OFFHOOK_ELEVENLABS_SECRETS", value_delimiter = ',')]
    pub elevenlabs_secrets: Vec<SecretRef>,
    /// The public keys of `/v1/highlevel/events`, as references like these; the key that HighLevel has published if unset
    #[arg(long, env = "OFFHOOK_HIGHLEVEL_PUBLIC_KEYS", value_delimiter = ',')]
    pub highlevel_public_keys: Vec<SecretRef>,
}

impl Config {
    /// What is wrong with the settings, all of it at once.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let folder = self.orgs_snapshot.as_deref().and_then(|path| path.parent());
        let missing = folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir());
        let missing = missing.map(|folder| format!("OFFHOOK_ORGS_SNAPSHOT: {} is no folder", folder.display()));
        let PlatformKeys { elevenlabs_secrets, highlevel_public_keys } = &self.platform;
        let lists = [
            ("OFFHOOK_ELEVENLABS_SECRETS", elevenlabs_secrets.len()),
            ("OFFHOOK_HIGHLEVEL_PUBLIC_KEYS", highlevel_public_keys.len()),
        ];
        let long = lists.into_iter().filter(|(_, references)| *references > SECRETS_MAX);
        let long = long.map(|(name, references)| format!("{name}: {references} references, at most {SECRETS_MAX}"));
        missing.into_iter().chain(long).collect()
    }
}
