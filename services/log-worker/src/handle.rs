//! The verb: record a batch of events, then say that it is recorded.

use std::ops::Range;

use bus::{BODY_REUSED_FOR, BodyError, Bus, Event, Outcome};
use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use contract::{Envelope, EventKey, Source, Timestamp};
use sqlx::PgPool;
use tracing::Instrument as _;
use worker::Verb;

use crate::{NAME, record::Record, recorded::Recorded, store};

/// The worker as the bus sees it.
pub struct LogWorker {
    pool: PgPool,
    bus: Bus,
    archive_days: u16,
}

/// A body that nobody refers to after so long never will be: no source sends again for longer.
const ORPHANED_AFTER: TimeDelta = TimeDelta::days(1);
/// How far the position may be ahead of what is really archived, clocks included.
const POSITION_MARGIN: TimeDelta = TimeDelta::hours(1);

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
        fn told(error: impl std::fmt::Display) -> String {
            error.to_string()
        }
        let position = postgres::position(&self.pool, NAME).await.map_err(told)?.unwrap_or_default();
        // Only the archive knows who refers to what: as far as it has come, and for as long as it keeps.
        let before = before.min(position - BODY_REUSED_FOR - POSITION_MARGIN);
        let after = Utc::now() - TimeDelta::days(i64::from(self.archive_days)) + ORPHANED_AFTER;
        let bodies = self.bus.bodies_of(after..before).await.map_err(told)?;
        let mut orphans = store::unreferenced(&self.pool, &bodies).await.map_err(told)?;
        if !orphans.is_empty() {
            // A rejected event is in no archive.
            let dead = self.bus.dead_bodies().await.map_err(told)?;
            orphans.retain(|orphan| !dead.contains(orphan));
        }
        for orphan in &orphans {
            self.bus.forget_body(orphan, before).await.map_err(told)?;
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
                // An id stands in logs, and the subject may be somebody's number.
                id: format!(
                    "{kind}:{}",
                    EventKey::new(&event.envelope.org, Source::LOG_WORKER, &subject, &event.key.to_string())
                ),
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
            let body = if Record::is_read(event) { self.bus.body(event).await } else { Ok(Bytes::new()) };
            match body {
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
