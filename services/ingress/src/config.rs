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

/// What deliveries are verified with that come for many orgs at one address. Texts until they are checked: what is wrongly
/// written here may be the secret itself, which no message repeats.
#[derive(Debug, Clone, Default, Args)]
pub struct PlatformKeys {
    /// What `/v1/elevenlabs/events` is signed with, which serves all orgs: env:NAME or file:/path, newest first, comma-separated
    #[arg(long, env = "OFFHOOK_ELEVENLABS_SECRETS", value_delimiter = ',', hide_env_values = true)]
    pub elevenlabs_secrets: Vec<String>,
    /// The public keys of `/v1/highlevel/events`, as references like these; the key that HighLevel has published if unset
    #[arg(long, env = "OFFHOOK_HIGHLEVEL_PUBLIC_KEYS", value_delimiter = ',', hide_env_values = true)]
    pub highlevel_public_keys: Vec<String>,
}

impl PlatformKeys {
    fn check(&self) -> impl Iterator<Item = String> {
        [references(ELEVENLABS, &self.elevenlabs_secrets), references(HIGHLEVEL, &self.highlevel_public_keys)]
            .into_iter()
            .filter_map(Result::err)
    }

    /// The references to ElevenLabs' secrets and to HighLevel's keys.
    pub(crate) fn references(&self) -> Result<[Vec<SecretRef>; 2], String> {
        let elevenlabs = references(ELEVENLABS, &self.elevenlabs_secrets)?;
        Ok([elevenlabs, references(HIGHLEVEL, &self.highlevel_public_keys)?])
    }
}

const ELEVENLABS: &str = "OFFHOOK_ELEVENLABS_SECRETS";
const HIGHLEVEL: &str = "OFFHOOK_HIGHLEVEL_PUBLIC_KEYS";

/// The references of one setting; an empty one is none.
fn references(setting: &str, texts: &[String]) -> Result<Vec<SecretRef>, String> {
    let texts: Vec<&str> = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).collect();
    if texts.len() > SECRETS_MAX {
        return Err(format!("{setting}: {} references, at most {SECRETS_MAX}", texts.len()));
    }
    let read = texts.iter().enumerate().map(|(nth, text)| {
        let no_reference = |_| format!("{setting}: entry {} is not env:NAME or file:/absolute/path", nth + 1);
        text.parse().map_err(no_reference)
    });
    read.collect()
}

impl Config {
    /// What is wrong with the settings, all of it at once.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let folder = self.orgs_snapshot.as_deref().and_then(|path| path.parent());
        let missing = folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir());
        let missing = missing.map(|folder| format!("OFFHOOK_ORGS_SNAPSHOT: {} is no folder", folder.display()));
        missing.into_iter().chain(self.platform.check()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_reference_is_named_by_its_place_and_never_repeated() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let keys = PlatformKeys {
            elevenlabs_secrets: texts(&["env:NEXT", "wsec_written_out"]),
            highlevel_public_keys: texts(&["file:relative"]),
        };
        let faults: Vec<_> = keys.check().collect();
        let rest = "is not env:NAME or file:/absolute/path";
        assert_eq!(faults, [format!("{ELEVENLABS}: entry 2 {rest}"), format!("{HIGHLEVEL}: entry 1 {rest}")]);
        let many = PlatformKeys { elevenlabs_secrets: vec!["env:A".to_owned(); SECRETS_MAX + 1], ..keys };
        assert!(many.references().is_err_and(|fault| fault.contains("at most 16")));
        let none = PlatformKeys { elevenlabs_secrets: texts(&["", " "]), ..PlatformKeys::default() };
        assert_eq!(none.references(), Ok([Vec::new(), Vec::new()]), "set to nothing is not set");
    }
}
