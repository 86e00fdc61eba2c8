//! The verb: write down what is to be so at the CRMs of the orgs whose contacts have changed.

use std::collections::{BTreeMap, BTreeSet};

use bus::{Event, Outcome};
use contract::{PhoneNumber, Source};
use orgs::Live;
use serde::Deserialize;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use worker::Verb;

use crate::{
    crm,
    push::Pusher,
    store::{self, Key},
};

/// The worker as the bus sees it.
pub struct CrmWorker {
    pool: PgPool,
    orgs: Live,
    pusher: Pusher,
}

/// What is read of a dead letter's event that is sent again.
#[derive(Deserialize)]
struct Again {
    vendor: String,
    version: i64,
}

/// What a batch asks for.
#[derive(Default)]
pub(crate) struct Asked {
    /// Contacts to look at anew, at each CRM of their org.
    pub(crate) keys: BTreeSet<Key>,
    /// Refused versions that are to be tried again.
    pub(crate) again: BTreeMap<Key, i64>,
}

impl CrmWorker {
    pub(crate) fn new(pool: PgPool, orgs: Live, pusher: Pusher) -> Self {
        Self { pool, orgs, pusher }
    }

    /// Adds what one event asks for; nothing where its org has no CRM.
    fn ask(&self, directory: &orgs::Directory, event: &Event, asked: &mut Asked) -> Result<(), String> {
        let envelope = &event.envelope;
        let subject = envelope.subject.as_deref().ok_or("names no contact")?;
        let phone: PhoneNumber = subject.parse().map_err(|_| "its subject is no phone number".to_owned())?;
        let again = (envelope.source == Source::CRM_WORKER)
            .then(|| serde_json::from_slice::<Again>(&event.body).map_err(|error| error.to_string()))
            .transpose()?;
        let Some(org) = directory.org(&envelope.org) else { return Ok(()) };
        for vendor in crm::named(org) {
            let key = (envelope.org.to_string(), phone.to_string(), vendor.to_owned());
            if let Some(Again { version, .. }) = again.as_ref().filter(|again| again.vendor == vendor) {
                let newest = asked.again.entry(key.clone()).or_insert(*version);
                *newest = (*newest).max(*version);
            }
            asked.keys.insert(key);
        }
        Ok(())
    }
}

impl Verb for CrmWorker {
    const NAME: &'static str = "crm-worker";

    async fn handle(&self, events: &[Event]) -> Vec<Outcome> {
        let Some(directory) = self.orgs.directory() else {
            return vec![Outcome::Retry("no orgs loaded yet".to_owned()); events.len()];
        };
        let mut asked = Asked::default();
        let read: Vec<_> = events.iter().map(|event| self.ask(&directory, event, &mut asked)).collect();
        let desired = if asked.keys.is_empty() { Ok(()) } else { store::desire(&self.pool, &asked).await };
        let outcome = match desired {
            Ok(()) => Outcome::Done,
            // The rows are all ours: what does not fit is for one event alone to show.
            Err(error) if postgres::is_data_fault(&error) && events.len() == 1 => Outcome::Reject(error.to_string()),
            Err(error) => Outcome::Retry(error.to_string()),
        };
        read.into_iter().map(|read| read.map_or_else(Outcome::Reject, |()| outcome.clone())).collect()
    }

    async fn attend(&self, shutdown: &CancellationToken) {
        self.pusher.run(shutdown).await;
    }
}
