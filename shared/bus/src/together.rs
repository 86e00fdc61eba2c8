//! Publish many events at the price of a few: JetStream writes each message that comes alone to the disk by itself, and a batch
//! in one go.
//!
//! An atomic batch (NATS ADR-50) is stored whole or not at all. What can't go together goes one by one, under the same
//! `Nats-Msg-Id`s, so nothing is stored twice. Refuses to report success on anything but a PubAck.

use std::{error::Error as _, sync::Once};

use async_nats::{
    HeaderMap,
    header::{NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE},
    jetstream::{self, context::PublishError as PublishFailure},
};
use bytes::Bytes;
use contract::Envelope;
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::{
    Bus, PublishError,
    large::INLINE_BYTES_MAX,
    publish::{PUBLISH_MAX, headers},
    topology::{CURE, EVENTS},
};

/// Events of one batch. The server takes 1,000; one that syncs each by itself all the same has to be done before the attempt
/// is given up.
pub const TOGETHER_MAX: usize = 256;
/// A batch costs the server about as much as so many events alone.
const TOGETHER_MIN: usize = 16;
/// Whether it was said that batches are not taken.
static ALONE: Once = Once::new();
/// An event as it goes to the broker.
pub struct Prepared {
    subject: String,
    headers: HeaderMap,
    body: Bytes,
    follows: bool,
}

impl Prepared {
    /// An event of the current trace.
    ///
    /// # Errors
    /// [`PublishError::Refused`] when it can never be stored, or has a body above 512 KiB, which [`Bus::publish`] takes.
    pub fn new(envelope: &Envelope, body: Bytes) -> Result<Self, PublishError> {
        if body.len() > INLINE_BYTES_MAX {
            return Err(PublishError::Refused(format!("a body of {} bytes does not go with others", body.len())));
        }
        let (headers, follows) = (headers(envelope)?, envelope.source.follows());
        Ok(Self { subject: envelope.broker_subject(), headers, body, follows })
    }
}

impl Bus {
    /// Publishes up to [`TOGETHER_MAX`] events, and says of each, in their order, how it went; see [`Bus::publish`].
    pub async fn publish_together(&self, events: &[&Prepared]) -> Vec<Result<(), PublishError>> {
        debug_assert!(events.len() <= TOGETHER_MAX, "{} events are too many", events.len());
        if events.len() >= TOGETHER_MIN {
            let error = match timeout(PUBLISH_MAX, self.publish_batch(events)).await {
                Ok(Ok(())) => return vec![Ok(()); events.len()],
                Ok(Err(error)) => error,
                Err(_) => PublishError::Unavailable(format!("no answer within {} s", PUBLISH_MAX.as_secs())),
            };
            if self.reachable().is_err() {
                return vec![Err(error); events.len()];
            }
            tracing::debug!(%error, events = events.len(), "published one by one");
        }
        join_all(events.iter().map(|event| self.publish_alone(event))).await
    }

    async fn publish_alone(&self, event: &Prepared) -> Result<(), PublishError> {
        self.admits(event.follows)?;
        let Prepared { subject, headers, body, .. } = event;
        self.publish_raw(subject.clone(), headers.clone(), body.clone()).await.map(drop)
    }

    /// All or nothing. An error leaves open which.
    async fn publish_batch(&self, events: &[&Prepared]) -> Result<(), PublishError> {
        self.admits(events.iter().all(|event| event.follows))?;
        self.reachable()?;
        let unavailable = |error: &dyn std::fmt::Display| PublishError::Unavailable(error.to_string());
        let id = self.client.new_inbox();
        let with_place = |nth: usize| {
            let mut headers = events[nth].headers.clone();
            headers.insert(NATS_BATCH_ID, id.as_str());
            headers.insert(NATS_BATCH_SEQUENCE, (nth + 1).to_string());
            (events[nth].subject.clone(), headers, events[nth].body.clone())
        };
        let last = events.len() - 1;
        for (subject, headers, body) in (0..last).map(with_place) {
            self.client.publish_with_headers(subject, headers, body).await.map_err(|error| unavailable(&error))?;
        }
        let (subject, mut headers, body) = with_place(last);
        headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
        let sent = self.jetstream.publish_with_headers(subject, headers, body).await;
        let ack = sent.map_err(|error| unavailable(&error))?.await;
        let ack = ack.inspect_err(say_once_what_helps).map_err(|error| unavailable(&error))?;
        match ack.batch_size {
            Some(stored) if stored as usize == events.len() => Ok(()),
            // A server that knows no batches stores each message as one.
            stored => Err(PublishError::Unavailable(format!("{stored:?} of {} events are acknowledged", events.len()))),
        }
    }
}

/// As long as the stream takes no batches, each is refused.
fn say_once_what_helps(error: &PublishFailure) {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<jetstream::Error>());
    if cause.is_some_and(|cause| cause.error_code() == jetstream::ErrorCode::ATOMIC_PUBLISH_DISABLED) {
        ALONE.call_once(|| tracing::warn!("stream {EVENTS} takes no batches, so events go one by one; {CURE}"));
    }
}
