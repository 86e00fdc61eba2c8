//! The verb: record a batch of events, then say that it is recorded.

use std::ops::Range;

use bus::{Bus, Event, Outcome};
use bytes::Bytes;
use chrono::Utc;
use contract::{CallFacts, Envelope, EventType, Source};
use serde_json::json;
use sources::retell::{self, Decoded};
use sqlx::PgPool;
use tracing::Instrument as _;
use worker::Verb;

use crate::{
    merge::Stamp,
    store::{self, Recorded},
};

/// The worker as the bus sees it.
pub struct LogWorker {
    pool: PgPool,
    bus: Bus,
    archive_days: u16,
}

/// One event, decoded: what will be archived, and what it says of a call, if it does.
pub(crate) struct Record<'a> {
    pub(crate) event: &'a Event,
    pub(crate) call: Option<(String, Stamp, Box<CallFacts>)>,
}

impl LogWorker {
    /// A worker on this database and broker that keeps the archive for so many days.
    #[must_use]
    pub fn new(pool: PgPool, bus: Bus, archive_days: u16) -> Self {
        Self { pool, bus, archive_days }
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
        let records: Vec<Record<'_>> = events.iter().map(Record::decode).collect();
        let outcomes = self.record(&records).await;
        let finish = events.iter().zip(outcomes).map(async |(event, outcome)| match outcome {
            Ok(recorded) => self.follow_up(event, &recorded).instrument(event.span.clone()).await,
            Err(outcome) => outcome,
        });
        futures_util::future::join_all(finish).await
    }

    async fn tidy(&self) -> sqlx::Result<u64> {
        store::retire_events(&self.pool, self.archive_days).await
    }
}

impl<'a> Record<'a> {
    /// What can't be decoded is recorded as an event and nothing more; a better decoder can be run over the archive.
    fn decode(event: &'a Event) -> Self {
        let Envelope { kind, subject, time, source, .. } = &event.envelope;
        if *source != Source::RETELL {
            return Self { event, call: None };
        }
        let call = match (retell::decode(*kind, &event.body), subject) {
            (Ok(Decoded::Call(facts)), Some(call_id)) => {
                let stamp = Stamp(retell::rank(*kind), time.timestamp_millis(), event.key.as_uuid());
                Some((call_id.replace('\0', ""), stamp, facts))
            }
            (Ok(_), _) => None,
            (Err(error), _) => {
                tracing::warn!(event.id = event.envelope.id, %error, "archived without being understood");
                None
            }
        };
        Self { event, call }
    }
}

impl Recorded {
    fn follow_ups(&self) -> Vec<(EventType, String, Bytes)> {
        let Self::Call { source, call_id, branch, contact_phone } = self else { return Vec::new() };
        let body = json!({ "source": source, "call_id": call_id, "branch": branch, "contact_phone": contact_phone });
        let body = Bytes::from(body.to_string());
        let call = (EventType::CallRecorded, call_id.clone(), body.clone());
        let contact = contact_phone.iter().map(|phone| (EventType::ContactRecorded, phone.clone(), body.clone()));
        std::iter::once(call).chain(contact).collect()
    }
}
