//! The verb: record a batch of events, then say that it is recorded.

use std::{collections::BTreeSet, ops::Range};

use bus::{BodyError, Bus, Event, Outcome};
use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use contract::{CallFacts, ContactFacts, Envelope, EventType, Source, Timestamp};
use serde_json::{Value, json};
use sources::{Decoded, rank};
use sqlx::PgPool;
use tracing::Instrument as _;
use worker::Verb;

use crate::{
    NAME,
    merge::Stamp,
    store::{
        self, Recorded,
        contacts::{Person, Said},
    },
};

/// The worker as the bus sees it.
pub struct LogWorker {
    pool: PgPool,
    bus: Bus,
    archive_days: u16,
}

/// A body that nobody refers to after so long never will be: no source sends again for longer.
const ORPHANED_AFTER: TimeDelta = TimeDelta::days(1);

/// How much a name counts that was heard on a call, and one that stands in the CRM: nobody types in what they did not check.
const HEARD: u8 = 1;
const TYPED_IN: u8 = 2;

/// One event, decoded: what will be archived, and what it says of a call and of a contact, if it does.
pub(crate) struct Record<'a> {
    pub(crate) event: &'a Event,
    pub(crate) call: Option<(String, Stamp, Box<CallFacts>)>,
    pub(crate) contact: Option<Said>,
}

impl LogWorker {
    /// A worker on this database and broker that keeps the archive for so many days.
    #[must_use]
    pub fn new(pool: PgPool, bus: Bus, archive_days: u16) -> Self {
        Self { pool, bus, archive_days }
    }

    /// Deletes the bodies that were stored before `before` for events that were never published; returns how many.
    ///
    /// # Errors
    /// Why it can't be told or done now; the next hour tries again.
    pub async fn sweep(&self, before: Timestamp) -> Result<usize, String> {
        let position = postgres::position(&self.pool, NAME).await.map_err(|error| error.to_string())?;
        // Only the archive knows who refers to what, and only as far as it has come.
        let before = before.min(position.unwrap_or_default() - ORPHANED_AFTER / 24);
        let bodies = self.bus.bodies_before(before).await.map_err(|error| error.to_string())?;
        let orphans = store::unreferenced(&self.pool, &bodies).await.map_err(|error| error.to_string())?;
        for orphan in &orphans {
            self.bus.forget_body(orphan).await.map_err(|error| error.to_string())?;
        }
        Ok(orphans.len())
    }

    /// Records all, halving what Postgres refuses for its data until the one bad event stands alone.
    async fn record(&self, records: &[Record<'_>]) -> Vec<Result<Recorded, Outcome>> {
        let mut outcomes: Vec<_> = records.iter().map(|_| Err(Outcome::Retry("not reached".to_owned()))).collect();
        let whole = 0..records.len();
        let mut open: Vec<Range<usize>> = std::iter::once(whole).collect();
        while let Some(range) = open.pop() {
            match store::record(&self.pool, &records[range.clone()]).await {
                Ok(recorded) => range.zip(recorded).for_each(|(nth, recorded)| outcomes[nth] = Ok(recorded)),
                Err(error) if postgres::is_data_fault(&error) && range.len() > 1 => {
                    let middle = range.start + range.len() / 2;
                    open.extend([middle..range.end, range.start..middle]);
                }
                Err(error) if postgres::is_data_fault(&error) => {
                    outcomes[range.start] = Err(Outcome::Reject(error.to_string()))
                }
                Err(error) => range.for_each(|nth| outcomes[nth] = Err(Outcome::Retry(error.to_string()))),
            }
        }
        outcomes
    }

    /// Publishes what follows from a recorded event. Also when the inbox had seen it: the process may have died between
    /// commit and publish, and a repeated follow-up has the key of the first.
    async fn follow_up(&self, event: &Event, recorded: &Recorded) -> Outcome {
        for (kind, subject, body) in recorded.follow_ups() {
            let envelope = Envelope {
                org: event.envelope.org.clone(),
                source: Source::LOG_WORKER,
                channel: String::new(),
                id: format!("{kind}:{subject}:{}", event.key),
                kind,
                subject: Some(subject),
                time: event.envelope.time,
                received_at: Utc::now(),
                content_type: "application/json".to_owned(),
                fault: None,
            };
            if let Err(error) = self.bus.publish(&envelope, body).await {
                return Outcome::Retry(format!("{kind} not published: {error}"));
            }
        }
        Outcome::Done
    }
}

impl Verb for LogWorker {
    const NAME: &'static str = "log-worker";

    async fn handle(&self, events: &[Event]) -> Vec<Outcome> {
        let (mut records, mut unread) = (Vec::with_capacity(events.len()), Vec::with_capacity(events.len()));
        for event in events {
            // One after the other: a large body is let go before the next is read.
            match self.bus.body(event).await {
                Ok(body) => {
                    records.push(Record::decode(event, &body));
                    unread.push(None);
                }
                Err(error @ BodyError::Unavailable(_)) => unread.push(Some(Outcome::Retry(error.to_string()))),
                Err(error @ BodyError::Lost(_)) => unread.push(Some(Outcome::Reject(error.to_string()))),
            }
        }
        let mut recorded = self.record(&records).await.into_iter();
        let outcomes = unread.into_iter().map(|outcome| match outcome {
            Some(outcome) => Err(outcome),
            None => recorded.next().unwrap_or_else(|| Err(Outcome::Retry("no outcome".to_owned()))),
        });
        let finish = events.iter().zip(outcomes).map(async |(event, outcome)| match outcome {
            Ok(recorded) => self.follow_up(event, &recorded).instrument(event.span.clone()).await,
            Err(outcome) => outcome,
        });
        futures_util::future::join_all(finish).await
    }

    async fn tidy(&self) -> sqlx::Result<u64> {
        if let Err(error) = self.sweep(Utc::now() - ORPHANED_AFTER).await {
            tracing::warn!(error, "bodies that no event refers to are not all deleted");
        }
        store::retire_events(&self.pool, self.archive_days).await
    }
}

impl<'a> Record<'a> {
    /// What can't be decoded is recorded as an event and nothing more; a better decoder can be run over the archive.
    fn decode(event: &'a Event, body: &[u8]) -> Self {
        let Envelope { kind, subject, source, .. } = &event.envelope;
        let mut record = Self { event, call: None, contact: None };
        match sources::decode(*source, *kind, body) {
            Ok(Decoded::Call(facts)) => record.hear(subject.as_deref(), facts),
            Ok(Decoded::Contact(facts)) => record.look_up(facts),
            Ok(_) => {}
            Err(error) => tracing::warn!(event.id = event.envelope.id, %error, "archived without being understood"),
        }
        record
    }

    /// What an event of a call says of it, and of the person.
    fn hear(&mut self, call_id: Option<&str>, facts: Box<CallFacts>) {
        let Some(call_id) = call_id else { return };
        let person = Person { name: facts.contact_name.clone(), email: facts.contact_email.clone() };
        // The number that this event names: another one of the same call may yet turn out to be the wrong one.
        let phone = facts.contact_phone().filter(|_| person != Person::default());
        self.contact = phone.map(|phone| Said { phone, stamp: self.stamp(HEARD), person });
        self.call = Some((call_id.replace('\0', ""), self.stamp(rank(self.event.envelope.kind)), facts));
    }

    /// What the CRM says of a contact. What it says of one that it deletes is no news of their name.
    fn look_up(&mut self, facts: ContactFacts) {
        let ContactFacts { phone: Some(phone), name, email, deleted, .. } = facts else { return };
        let person = if deleted { Person::default() } else { Person { name, email } };
        self.contact = Some(Said { phone, stamp: self.stamp(TYPED_IN), person });
    }

    fn stamp(&self, rank: u8) -> Stamp {
        Stamp(rank, self.event.envelope.time.timestamp_millis(), self.event.key.as_uuid())
    }
}

impl Recorded {
    fn follow_ups(&self) -> Vec<(EventType, String, Bytes)> {
        let follow_up = |kind, subject: &str, body: Value| (kind, subject.to_owned(), Bytes::from(body.to_string()));
        match self {
            Self::Archived => Vec::new(),
            Self::Contact { phone } => {
                vec![follow_up(EventType::ContactRecorded, phone, json!({ "contact_phone": phone }))]
            }
            Self::Call { source, call_id, branch, contact_phone, others } => {
                let body = |contact_phone: Option<&String>| json!({ "source": source, "call_id": call_id, "branch": branch, "contact_phone": contact_phone });
                let call = follow_up(EventType::CallRecorded, call_id, body(contact_phone.as_ref()));
                let contacts: BTreeSet<&String> = contact_phone.iter().chain(others).collect();
                let contacts = contacts.into_iter();
                let contacts = contacts.map(|phone| follow_up(EventType::ContactRecorded, phone, body(Some(phone))));
                std::iter::once(call).chain(contacts).collect()
            }
        }
    }
}
