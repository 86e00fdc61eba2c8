//! The verb: note what is wanted, what is invalid, and which calls have something to remember. Nobody is asked here.

use std::{sync::Arc, time::Duration};

use bus::{Bus, Event, Outcome};
use chrono::Utc;
use context::{Library, Wanted};
use contract::{EventType, PhoneNumber, Source};
use orgs::Live;
use serde::Deserialize;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use vendors::Vendors;
use worker::Verb;

use crate::{
    desk,
    standing::stand,
    store::{self, CallKey, Notes},
    teller::Teller,
    warmer::Warmer,
};

/// How long after its caller rang something stays wanted: a call, and the next one after a call that broke off.
const CALLER_WANTED: Duration = Duration::from_mins(15);

/// The worker as the bus sees it.
pub struct RefreshWorker {
    pool: PgPool,
    orgs: Live,
    warmer: Arc<Warmer>,
    teller: Arc<Teller>,
}

/// What is read of `call.inbound`.
#[derive(Deserialize)]
struct Inbound {
    contact_phone: Option<PhoneNumber>,
    branch: Option<String>,
}

/// What is read of `call.recorded`.
#[derive(Deserialize)]
struct Recorded {
    source: String,
    call_id: String,
}

/// What is read of `cache.bumped`.
#[derive(Deserialize)]
struct Bumped {
    tag: String,
    parts: Vec<String>,
}

impl RefreshWorker {
    /// A worker on this database and broker, for these orgs, that warms through `library` and tells `vendors`.
    #[must_use]
    pub fn new(pool: PgPool, bus: Bus, orgs: Live, library: Library, vendors: Vendors) -> Self {
        let warmer = Arc::new(Warmer::new(pool.clone(), orgs.clone(), library));
        let teller = Arc::new(Teller::new(pool.clone(), bus, orgs.clone(), vendors));
        Self { pool, orgs, warmer, teller }
    }

    /// Notes what one event asks for.
    fn note(&self, event: &Event, notes: &mut Notes) -> Result<(), Outcome> {
        let org = &event.envelope.org;
        match event.envelope.kind {
            EventType::CallInbound => self.note_inbound(event, &read(event)?, notes)?,
            EventType::CallRecorded => {
                let Recorded { source, call_id } = read(event)?;
                let key = CallKey { org: org.to_string(), source, call_id };
                // Our own is a dead letter that somebody has sent again.
                let ours = event.envelope.source == Source::REFRESH_WORKER;
                if ours {
                    notes.refused.insert(key)
                } else {
                    notes.calls.insert(key)
                };
            }
            EventType::CacheBumped => {
                let Bumped { tag, parts } = read(event)?;
                notes.bumped.extend(parts.into_iter().next().map(|first| (org.to_string(), tag, first)));
            }
            kind => return Err(Outcome::Reject(format!("{kind} is nothing for this worker"))),
        }
        Ok(())
    }

    fn note_inbound(&self, event: &Event, asked: &Inbound, notes: &mut Notes) -> Result<(), Outcome> {
        let (org, now) = (&event.envelope.org, Utc::now());
        // Of a call of yesterday, told again, nothing is wanted any more.
        let age = (now - event.envelope.time).to_std().unwrap_or_default();
        let Some(time) = CALLER_WANTED.checked_sub(age).filter(|time| !time.is_zero()) else { return Ok(()) };
        let directory = self.orgs.directory().ok_or_else(|| Outcome::Retry("no orgs loaded yet".to_owned()))?;
        // Of an org that is gone nothing is wanted any more.
        let Some(live) = directory.org(org) else { return Ok(()) };
        let branch = asked.branch.as_deref().and_then(|id| live.branch(id));
        for wanted in Wanted::by_call(live, asked.contact_phone.as_ref(), branch, now) {
            notes.want(org, &wanted, time);
        }
        Ok(())
    }
}

impl Verb for RefreshWorker {
    const NAME: &'static str = "refresh-worker";

    async fn handle(&self, events: &[Event]) -> Vec<Outcome> {
        let mut notes = Notes::default();
        let noted: Vec<Result<(), Outcome>> = events.iter().map(|event| self.note(event, &mut notes)).collect();
        let outcome = match store::keep(&self.pool, &notes).await {
            Ok(()) => Outcome::Done,
            // What does not fit is for one event alone to show.
            Err(error) if postgres::is_data_fault(&error) && events.len() == 1 => Outcome::Reject(error.to_string()),
            Err(error) => Outcome::Retry(error.to_string()),
        };
        self.warmer.wake();
        noted.into_iter().map(|noted| noted.err().unwrap_or_else(|| outcome.clone())).collect()
    }

    async fn attend(&self, shutdown: &CancellationToken) {
        tokio::join!(
            desk::attend(&self.warmer, shutdown),
            desk::attend(&self.teller, shutdown),
            stand(&self.pool, &self.orgs, shutdown),
        );
    }

    async fn tidy(&self) -> sqlx::Result<u64> {
        store::retire(&self.pool).await
    }
}

fn read<'a, T: Deserialize<'a>>(event: &'a Event) -> Result<T, Outcome> {
    serde_json::from_slice(&event.body).map_err(|error| Outcome::Reject(error.to_string()))
}
