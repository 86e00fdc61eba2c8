//! The orgs as a service sees them while it runs: always the latest, with their secrets, without asking anyone.
//!
//! Refuses to wait: a lookup reads memory. A change of an org or of a `file:` secret is live within a second.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use bus::Bus;
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    directory::{Directory, references},
    draft::Orgs,
    follow::follow,
    snapshot,
    vault::Vault,
};

/// How often `file:` secrets are read again: half of the second in which a change must be live.
const REREAD: Duration = Duration::from_millis(500);

/// What is known of the orgs before their secrets are read.
#[derive(Clone, Default)]
pub(crate) struct Known {
    /// `None` until a snapshot or a watch gave some.
    pub(crate) orgs: Option<Orgs>,
    /// A watch has told everything and has not broken since.
    pub(crate) current: bool,
}

/// The running directory; a clone is another handle on the same.
#[derive(Clone)]
pub struct Live(Arc<Shared>);

#[derive(Default)]
struct Shared {
    directory: ArcSwapOption<Directory>,
    current: AtomicBool,
}

impl Live {
    /// Loads the snapshot, if there is one, then follows the bucket in the background until `shutdown`. Needs no broker to
    /// start: it connects to the bucket when it can. Without a snapshot path nothing is kept on disk.
    pub async fn start(bus: Bus, snapshot: Option<PathBuf>, shutdown: CancellationToken) -> Self {
        Self::follow(bus, snapshot, true, shutdown).await
    }

    /// Like [`Live::start`] without a snapshot, for whoever neither verifies nor calls anybody: it reads no secret, and all of
    /// them look unreadable.
    pub async fn without_secrets(bus: Bus, shutdown: CancellationToken) -> Self {
        Self::follow(bus, None, false, shutdown).await
    }

    async fn follow(bus: Bus, snapshot: Option<PathBuf>, secrets: bool, shutdown: CancellationToken) -> Self {
        let path = snapshot.clone();
        let loaded = spawn_blocking(move || path.as_deref().and_then(snapshot::load)).await.unwrap_or_default();
        let known = Known { orgs: loaded, current: false };
        let (sender, receiver) = watch::channel(known);
        let live = Self(Arc::default());
        let mut publisher = Publisher::new(live.0.clone(), receiver.clone());
        publisher.secrets = secrets;
        publisher.publish().await;
        tokio::spawn(async move {
            let keeping = async {
                match snapshot {
                    Some(path) => snapshot::keep(path, receiver).await,
                    None => std::future::pending().await,
                }
            };
            let work = async { tokio::join!(follow(&bus, &sender), publisher.run(), keeping) };
            let _ = shutdown.run_until_cancelled(work).await;
        });
        live
    }

    /// The orgs now; `None` until a snapshot or the bucket gave them: whoever asks must try again, not be refused.
    #[must_use]
    pub fn directory(&self) -> Option<Arc<Directory>> {
        self.0.directory.load_full()
    }

    /// Whether the directory holds everything that was in the bucket, and a watch tells of each change. While the broker is
    /// away a watch may wait instead of breaking: whether there is a broker is for [`Bus::state`] to say.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.0.current.load(Ordering::Acquire)
    }
}

/// Makes directories out of what is known and of the secrets.
struct Publisher {
    shared: Arc<Shared>,
    known: watch::Receiver<Known>,
    /// Locked on blocking threads only, by one reading at a time.
    vault: Arc<Mutex<Vault>>,
    /// Whether secrets are read at all.
    secrets: bool,
    /// The orgs of the directory in place.
    published: Option<Orgs>,
}

impl Publisher {
    fn new(shared: Arc<Shared>, known: watch::Receiver<Known>) -> Self {
        Self { shared, known, vault: Arc::default(), secrets: true, published: None }
    }

    /// Publishes on every change and reads the files again between them. Ends with the sender of what is known.
    async fn run(mut self) {
        let mut reread = interval(REREAD);
        reread.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                changed = self.known.changed() => if changed.is_err() { return },
                _ = reread.tick() => {}
            }
            self.publish().await;
        }
    }

    /// Puts a new directory in place if an org or a secret is another than before.
    async fn publish(&mut self) {
        let Known { orgs, current } = self.known.borrow_and_update().clone();
        if let Some(orgs) = orgs {
            let moved = self.published.as_ref().is_none_or(|published| !Arc::ptr_eq(published, &orgs));
            let (vault, secrets, set) = (self.vault.clone(), self.secrets, orgs.clone());
            let made = spawn_blocking(move || {
                let mut vault = vault.lock().unwrap_or_else(PoisonError::into_inner);
                if moved && secrets {
                    vault.want(set.values().flat_map(|org| references(org)));
                }
                (vault.read() || moved).then(|| Directory::new(&set, &vault))
            });
            match made.await {
                Ok(Some(directory)) => {
                    #[expect(clippy::cast_precision_loss, reason = "ten thousand orgs at most")]
                    metrics::gauge!("offhook_orgs_loaded").set(directory.len() as f64);
                    self.shared.directory.store(Some(Arc::new(directory)));
                    self.published = Some(orgs);
                }
                Ok(None) => {}
                Err(error) => {
                    return tracing::error!("the orgs' secrets could not be read, the last directory stays: {error}");
                }
            }
        }
        self.shared.current.store(current, Ordering::Release);
    }
}

impl Drop for Publisher {
    /// Whoever stops publishing, by shutdown or by panic, no longer hears of changes.
    fn drop(&mut self) {
        self.shared.current.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use contract::Source;
    use secrecy::ExposeSecret;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::{
        directory::{LiveOrg, Secrets},
        model::Org,
    };

    /// The secrets of the org `demo` for Retell, or the name of why there are none.
    fn secrets(live: &Live) -> Vec<String> {
        let Some(directory) = live.directory() else { return vec!["nothing loaded".into()] };
        let Some(demo) = directory.org(&"demo".parse().unwrap()) else { return vec!["no such org".into()] };
        let read = |demo: &LiveOrg| match demo.secrets(Source::RETELL) {
            Secrets::NotConfigured => vec!["not configured".into()],
            Secrets::Unreadable => vec!["unreadable".into()],
            Secrets::Readable { secrets, .. } => {
                secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect()
            }
        };
        assert_eq!(*demo.once(read), read(demo), "made of this org, not of what it was");
        read(demo)
    }

    fn demo(references: &[String]) -> Orgs {
        let sources = if references.is_empty() {
            serde_json::json!({})
        } else {
            serde_json::json!({"retell": {"secrets": references}})
        };
        let org: Org =
            serde_json::from_value(serde_json::json!({"id": "demo", "name": "Demo", "sources": sources})).unwrap();
        Arc::new(BTreeMap::from([(org.id.clone(), Arc::new(org))]))
    }

    async fn until(live: &Live, expected: &[&str]) {
        let seen = async {
            while secrets(live) != expected {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(10), seen)
            .await
            .unwrap_or_else(|_| panic!("{expected:?}, not {:?}", secrets(live)));
    }

    #[tokio::test]
    async fn an_org_and_a_rotated_secret_are_live_without_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let reference = |name: &str| format!("file:{}", path(name).display());
        let (sender, receiver) = watch::channel(Known::default());
        let live = Live(Arc::default());
        let publisher = tokio::spawn(Publisher::new(live.0.clone(), receiver).run());
        assert_eq!(secrets(&live), ["nothing loaded"]);
        let known = |orgs: Orgs| Known { orgs: Some(orgs), current: true };
        sender.send_replace(known(Arc::default()));
        until(&live, &["no such org"]).await;
        sender.send_replace(known(demo(&[])));
        until(&live, &["not configured"]).await;
        sender.send_replace(known(demo(&[reference("new"), reference("old")])));
        until(&live, &["unreadable"]).await;
        fs::write(path("old"), "1\n").unwrap();
        until(&live, &["1"]).await;
        fs::write(path("new"), "2\n").unwrap();
        until(&live, &["2", "1"]).await;
        fs::remove_file(path("old")).unwrap();
        fs::write(path("new"), "third secret").unwrap();
        until(&live, &["third secret", "1"]).await;
        assert!(live.is_current());
        assert!(!format!("{:?}", live.directory()).contains("third secret"), "a secret is never printed");
        drop(sender);
        publisher.await.unwrap();
        assert!(!live.is_current());
    }

    #[tokio::test]
    async fn a_vendors_rotated_secret_is_live_without_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let org = serde_json::json!({
            "id": "demo", "name": "Demo", "vendors": {"zep": {"token": format!("file:{}", path.display())}},
        });
        let org: Arc<Org> = Arc::new(serde_json::from_value(org).unwrap());
        let orgs = Arc::new(BTreeMap::from([(org.id.clone(), org)]));
        let (sender, receiver) = watch::channel(Known { orgs: Some(orgs), current: true });
        let live = Live(Arc::default());
        let mut publisher = Publisher::new(live.0.clone(), receiver);
        publisher.publish().await;
        let token = || {
            let directory = live.directory().unwrap();
            let vendor = directory.org(&"demo".parse().unwrap()).unwrap().vendor("zep").unwrap();
            vendor.secret("token").map(|secret| secret.expose_secret().to_owned())
        };
        assert_eq!(token(), None);
        for rotated in ["first", "second"] {
            fs::write(&path, rotated).unwrap();
            publisher.publish().await;
            assert_eq!(token().as_deref(), Some(rotated));
        }
        assert!(live.directory().unwrap().org(&"demo".parse().unwrap()).unwrap().vendor("mem0").is_none());
        drop(sender);
    }

    #[tokio::test]
    async fn whoever_needs_no_secret_reads_none() {
        let (_sender, receiver) = watch::channel(Known { orgs: Some(demo(&["env:PATH".to_owned()])), current: true });
        let live = Live(Arc::default());
        let mut publisher = Publisher::new(live.0.clone(), receiver);
        publisher.secrets = false;
        publisher.publish().await;
        assert_eq!(secrets(&live), ["unreadable"]);
    }
}
