//! How many loads may be under way: for each kind of each org, so that one org's silent vendor takes no place from another's,
//! nor from other kinds.

use std::{collections::HashMap, sync::Arc, time::Duration};

use contract::OrgId;
use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Kinds of orgs that are remembered; those without a load are then forgotten.
const KNOWN_MAX: usize = 10_000;

/// The places of a process.
pub(crate) struct Places {
    max: usize,
    known: Mutex<HashMap<(&'static str, OrgId), Arc<Semaphore>>>,
}

impl Places {
    /// So many for each kind of each org.
    pub(crate) fn new(max: usize) -> Self {
        Self { max, known: Mutex::default() }
    }

    /// A place for one more load, waited for no longer than `limit`.
    pub(crate) async fn take(&self, kind: &'static str, org: &OrgId, limit: Duration) -> Option<OwnedSemaphorePermit> {
        timeout(limit, self.of(kind, org).acquire_owned()).await.ok()?.ok()
    }

    /// A place, if there is one now.
    pub(crate) fn try_take(&self, kind: &'static str, org: &OrgId) -> Option<OwnedSemaphorePermit> {
        self.of(kind, org).try_acquire_owned().ok()
    }

    fn of(&self, kind: &'static str, org: &OrgId) -> Arc<Semaphore> {
        let mut known = self.known.lock();
        if known.len() >= KNOWN_MAX {
            known.retain(|_, places| places.available_permits() < self.max);
        }
        Arc::clone(known.entry((kind, org.clone())).or_insert_with(|| Arc::new(Semaphore::new(self.max))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_kind_of_an_org_that_is_full_leaves_the_others_their_places() {
        let (places, now) = (Places::new(3), Duration::ZERO);
        let [demo, other]: [OrgId; 2] = ["demo", "other"].map(|id| id.parse().unwrap());
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(places.take("memory", &demo, now).await.unwrap());
        }
        assert!(places.take("memory", &demo, now).await.is_none() && places.try_take("memory", &demo).is_none());
        assert!(places.take("contact", &demo, now).await.is_some());
        assert!(places.try_take("memory", &other).is_some());
        held.pop();
        assert!(places.take("memory", &demo, now).await.is_some());
    }
}
