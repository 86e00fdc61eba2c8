//! The verb: note what has to be invalidated, then acknowledge; the note is worked off beside the events.

use std::collections::BTreeMap;

use bus::{BodyError, Bus, Event, Outcome};
use cache::Cache;
use orgs::Live;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use worker::Verb;

use crate::{
    store::{self, CrmContact},
    tags::{self, Changed, Origin},
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

    /// What one event says is no longer so.
    async fn changed(&self, event: &Event) -> Result<Changed, Outcome> {
        let body = self.bus.body(event).await.map_err(|error| match error {
            BodyError::Unavailable(_) => Outcome::Retry(error.to_string()),
            BodyError::Lost(_) => Outcome::Reject(error.to_string()),
        })?;
        tags::of(event, &body, self.orgs.directory().as_deref())
    }

    /// Notes what has to be invalidated, all of it or nothing.
    async fn note(&self, events: &[Event], changes: &[Result<Changed, Outcome>]) -> sqlx::Result<()> {
        let changes =
            || events.iter().zip(changes).filter_map(|(event, changed)| Some((event, changed.as_ref().ok()?)));
        let known: Vec<CrmContact> = changes()
            .filter_map(|(Event { envelope, .. }, changed)| {
                Some((envelope.org.to_string(), envelope.source.to_string(), changed.crm_id.clone()?))
            })
            .collect();
        let people = if known.is_empty() { Vec::new() } else { store::people(&self.pool, &known).await? };
        let of_people = people.into_iter().map(|(org, phone)| (org, tags::at_the_crm(&phone)));
        let named = changes()
            .flat_map(|(event, changed)| changed.tags.iter().map(|tag| (event.envelope.org.clone(), tag.clone())));
        let mut wanted = BTreeMap::new();
        for (org, (tag, origin)) in named.chain(of_people) {
            let bumps = wanted.entry((org, tag)).or_insert(0);
            *bumps = origin.bumps().max(*bumps);
        }
        if wanted.is_empty() { Ok(()) } else { store::note(&self.pool, &wanted).await }
    }
}

impl Verb for InvalidateWorker {
    const NAME: &'static str = "invalidate-worker";

    async fn handle(&self, events: &[Event]) -> Vec<Outcome> {
        let mut changes = Vec::with_capacity(events.len());
        for event in events {
            changes.push(self.changed(event).await);
        }
        let noted = self.note(events, &changes).await;
        let outcome = match noted {
            Ok(()) => Outcome::Done,
            // The rows are all ours: what does not fit is for one event alone to show.
            Err(error) if postgres::is_data_fault(&error) && events.len() == 1 => Outcome::Reject(error.to_string()),
            Err(error) => Outcome::Retry(error.to_string()),
        };
        self.noted.notify_one();
        changes.into_iter().map(|changed| changed.map_or_else(|refused| refused, |_| outcome.clone())).collect()
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
