//! How many loads may be under way: for each kind of each org, so that one org's silent vendor takes no place from another's,
//! nor from other kinds.

use std::{collections::HashMap, sync::Arc, time::Duration};

use contract::OrgId;
use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Loads of one kind and one org at once.
const LOADS_MAX: usize = 128;
/// Kinds of orgs that are remembered; those without a load are then forgotten.
const KNOWN_MAX: usize = 10_000;

/// The places of a process.
#[derive(Default)]
pub(crate) struct Places(Mutex<HashMap<(&'static str, OrgId), Arc<Semaphore>>>);

impl Places {
    /// A place for one more load, waited for no longer than `limit`.
    pub(crate) async fn take(&self, kind: &'static str, org: &OrgId, limit: Duration) -> Option<OwnedSemaphorePermit> {
        let places = {
            let mut known = self.0.lock();
            if known.len() >= KNOWN_MAX {
                known.retain(|_, places| places.available_permits() < LOADS_MAX);
            }
            Arc::clone(known.entry((kind, org.clone())).or_insert_with(|| Arc::new(Semaphore::new(LOADS_MAX))))
        };
        timeout(limit, places.acquire_owned()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_kind_of_an_org_that_is_full_leaves_the_others_their_places() {
        let (places, now) = (Places::default(), Duration::ZERO);
        let [demo, other]: [OrgId; 2] = ["demo", "other"].map(|id| id.parse().unwrap());
        let mut held = Vec::new();
        for _ in 0..LOADS_MAX {
            held.push(places.take("memory", &demo, now).await.unwrap());
        }
        assert!(places.take("memory", &demo, now).await.is_none());
        assert!(
            places.take("contact", &demo, now).await.is_some() && places.take("memory", &other, now).await.is_some()
        );
        held.pop();
        assert!(places.take("memory", &demo, now).await.is_some());
    }
}
