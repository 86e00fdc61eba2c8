//! The verb: write down what is to be so at the CRMs of the orgs whose contacts have changed.

use std::collections::{BTreeMap, BTreeSet};

use bus::{Event, Outcome};
use contract::{PhoneNumber, Source};
use orgs::{Live, LiveOrg};
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
}

impl Asked {
    /// Adds what one event asks for; nothing where its org has no CRM.
    fn add(&mut self, org: Option<&LiveOrg>, is_current: bool, event: &Event) -> Result<(), Outcome> {
        let reject = |why: &str| Outcome::Reject(why.to_owned());
        let envelope = &event.envelope;
        let subject = envelope.subject.as_deref().ok_or_else(|| reject("names no contact"))?;
        let phone: PhoneNumber = subject.parse().map_err(|_| reject("its subject is no phone number"))?;
        let again = (envelope.source == Source::CRM_WORKER)
            .then(|| serde_json::from_slice::<Again>(&event.body).map_err(|error| reject(&error.to_string())))
            .transpose()?;
        for vendor in crms(org, is_current)? {
            let key = (envelope.org.to_string(), phone.to_string(), vendor.to_owned());
            if let Some(Again { version, .. }) = again.as_ref().filter(|again| again.vendor == vendor) {
                let newest = self.again.entry(key.clone()).or_insert(*version);
                *newest = (*newest).max(*version);
            }
            self.keys.insert(key);
        }
        Ok(())
    }
}

/// The CRMs that an org names. That it names none, or does not exist, is believed only of orgs that are known to be as they
/// are now.
fn crms(org: Option<&LiveOrg>, is_current: bool) -> Result<Vec<&'static str>, Outcome> {
    let named: Vec<_> = org.into_iter().flat_map(crm::named).collect();
    if named.is_empty() && !is_current {
        return Err(Outcome::Retry("the orgs may have changed unheard".to_owned()));
    }
    Ok(named)
}

impl Verb for CrmWorker {
    const NAME: &'static str = "crm-worker";

    async fn handle(&self, events: &[Event]) -> Vec<Outcome> {
        // Asked first: what is read after it is at least as new.
        let is_current = self.orgs.is_current();
        let Some(directory) = self.orgs.directory() else {
            return vec![Outcome::Retry("no orgs loaded yet".to_owned()); events.len()];
        };
        let mut asked = Asked::default();
        let read: Vec<_> =
            events.iter().map(|event| asked.add(directory.org(&event.envelope.org), is_current, event)).collect();
        let desired = if asked.keys.is_empty() { Ok(()) } else { store::desire(&self.pool, &asked).await };
        let outcome = match desired {
            Ok(()) => Outcome::Done,
            // The rows are all ours: what does not fit is for one event alone to show.
            Err(error) if postgres::is_data_fault(&error) && events.len() == 1 => Outcome::Reject(error.to_string()),
            Err(error) => Outcome::Retry(error.to_string()),
        };
        read.into_iter().map(|read| read.map_or_else(|unread| unread, |()| outcome.clone())).collect()
    }

    async fn attend(&self, shutdown: &CancellationToken) {
        self.pusher.run(shutdown).await;
    }

    async fn tidy(&self) -> sqlx::Result<u64> {
        store::retire_notes(&self.pool).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_org_that_is_not_known_is_believed_not_to_be_there_only_if_every_change_is_heard_of() {
        assert_eq!(crms(None, true), Ok(Vec::new()));
        assert!(matches!(crms(None, false), Err(Outcome::Retry(_))));
    }
}
