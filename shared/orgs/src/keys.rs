//! Secrets of the platform itself, which belong to no org: a service names their references in its own settings.
//!
//! Read as those of orgs are: a `file:` secret again when it changes, and a lost one keeps its last value.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use secrecy::SecretString;
use tokio::{task::spawn_blocking, time::interval};
use tokio_util::sync::CancellationToken;

use crate::{
    directory::Secrets,
    secrets::SecretRef,
    vault::{Need, Vault},
};

/// How often `file:` secrets are read again.
const REREAD: Duration = Duration::from_millis(500);

/// The secrets of one sender that calls for many orgs; a clone is another handle on the same.
#[derive(Clone)]
pub struct Keys(Arc<ArcSwap<Held>>);

/// Keys at one moment.
#[derive(Debug)]
pub struct Held {
    secrets: Vec<SecretString>,
    /// How many there should be.
    named: usize,
}

impl Keys {
    /// Reads the secrets, newest first, and follows them in the background until `shutdown`.
    pub async fn start(references: Vec<SecretRef>, shutdown: CancellationToken) -> Self {
        let (mut vault, held) = read(Vault::default(), references.clone()).await;
        let keys = Self(Arc::new(ArcSwap::from_pointee(held)));
        if !references.is_empty() {
            let following = keys.clone();
            tokio::spawn(shutdown.run_until_cancelled_owned(async move {
                let mut reread = interval(REREAD);
                loop {
                    reread.tick().await;
                    let held;
                    (vault, held) = read(vault, references.clone()).await;
                    following.0.store(Arc::new(held));
                }
            }));
        }
        keys
    }

    /// The secrets now.
    #[must_use]
    pub fn held(&self) -> Arc<Held> {
        self.0.load_full()
    }
}

impl Held {
    /// What requests are verified with; never [`Secrets::NotConfigured`]: without any key nobody is authentic, or whoever the
    /// source's published key says.
    #[must_use]
    pub fn secrets(&self) -> Secrets<'_> {
        match self.secrets.as_slice() {
            [] if self.named > 0 => Secrets::Unreadable,
            secrets => Secrets::Readable { secrets, complete: secrets.len() == self.named },
        }
    }
}

/// Reads what the vault wants, off the executor.
async fn read(mut vault: Vault, references: Vec<SecretRef>) -> (Vault, Held) {
    let named = references.len();
    let reading = spawn_blocking(move || {
        vault.want(references.iter().map(|reference| (reference.clone(), Need::Verify)));
        vault.read();
        let secrets = references.iter().filter_map(|reference| vault.get(reference).cloned()).collect();
        (vault, Held { secrets, named })
    });
    // A reading that panicked has lost the vault; what it held is read anew.
    reading.await.unwrap_or_else(|_| (Vault::default(), Held { secrets: Vec::new(), named }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret as _;
    use tokio::time::{sleep, timeout};

    use super::*;

    fn values(keys: &Keys) -> Option<(Vec<String>, bool)> {
        match keys.held().secrets() {
            Secrets::Readable { secrets, complete } => {
                Some((secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect(), complete))
            }
            Secrets::NotConfigured | Secrets::Unreadable => None,
        }
    }

    async fn until(keys: &Keys, expected: Option<(&[&str], bool)>) {
        let expected =
            expected.map(|(values, complete)| (values.iter().map(|value| (*value).to_owned()).collect(), complete));
        let seen = async {
            while values(keys) != expected {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(10), seen).await.unwrap_or_else(|_| panic!("{expected:?}, not {:?}", values(keys)));
    }

    #[tokio::test]
    async fn a_rotated_key_is_live_and_a_missing_one_is_told_from_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let shutdown = CancellationToken::new();
        let none = Keys::start(Vec::new(), shutdown.clone()).await;
        assert_eq!(values(&none), Some((Vec::new(), true)));
        let references = ["new", "old"].map(|name| SecretRef::File(path(name)));
        let keys = Keys::start(references.to_vec(), shutdown.clone()).await;
        until(&keys, None).await;
        fs::write(path("old"), "old key").unwrap();
        until(&keys, Some((&["old key"], false))).await;
        fs::write(path("new"), "new key").unwrap();
        until(&keys, Some((&["new key", "old key"], true))).await;
        assert!(!format!("{:?}", keys.held()).contains("new key"), "a secret is never printed");
        shutdown.cancel();
    }
}
