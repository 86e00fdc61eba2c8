//! The verb: note what has to be invalidated, then acknowledge; the note is worked off beside the events.

use std::collections::BTreeMap;

use bus::{Bus, Event, Outcome};
use cache::{Cache, Tag};
use orgs::Live;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use worker::Verb;

use crate::{
    store,
    tags::{self, Origin},
};

/// The worker as the bus sees it.
pub struct InvalidateWorker {
    pub(crate) pool: PgPool,
    pub(crate) bus: Bus,
    pub(crate) cache: Cache,
    orgs: Live,
    pub(crate) noted: Notify,
}

impl InvalidateWorker {
    /// A worker on this database, broker and cache, for these orgs.
    #[must_use]
    pub fn new(pool: PgPool, bus: Bus, cache: Cache, orgs: Live) -> Self {
        Self { pool, bus, cache, orgs, noted: Notify::new() }
    }
}

impl Verb for InvalidateWorker {
    const NAME: &'static str = "invalidate-worker";

    async fn handle(&self, events: &[Event]) -> Vec<Outcome> {
        let directory = self.orgs.directory();
        let of = |event| tags::of(event, directory.as_deref());
        let asked: Vec<Result<Vec<(Tag, Origin)>, Outcome>> = events.iter().map(of).collect();
        let mut wanted = BTreeMap::new();
        for (event, tags) in events.iter().zip(&asked) {
            for (tag, origin) in tags.iter().flatten() {
                let bumps = wanted.entry((event.envelope.org.clone(), tag.clone())).or_insert(0);
                *bumps = origin.bumps().max(*bumps);
            }
        }
        let noted = if wanted.is_empty() { Ok(()) } else { store::note(&self.pool, &wanted).await };
        let outcome = match noted {
            Ok(()) => Outcome::Done,
            // The rows are all ours: what does not fit is for one event alone to show.
            Err(error) if postgres::is_data_fault(&error) && events.len() == 1 => Outcome::Reject(error.to_string()),
            Err(error) => Outcome::Retry(error.to_string()),
        };
        self.noted.notify_one();
        asked.into_iter().map(|tags| tags.map_or_else(|refused| refused, |_| outcome.clone())).collect()
    }

    async fn attend(&self, shutdown: &CancellationToken) {
        self.keep_bumping(shutdown).await;
    }

    async fn tidy(&self) -> sqlx::Result<u64> {
        store::retire(&self.pool).await
    }
}

impl Origin {
    /// How often what was loaded before has to be taken out.
    fn bumps(self) -> i16 {
        match self {
            Self::Ours => 1,
            Self::Vendor => 2,
        }
    }
}
