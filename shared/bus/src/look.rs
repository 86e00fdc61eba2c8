//! A look at the stream, for people and their tools; no service decides anything by it.

use async_nats::jetstream::{context::ConsumerInfoErrorKind, message::StreamMessage, stream::DirectGetErrorKind};
use bytes::Bytes;
use contract::Envelope;

use crate::{Bus, BusError, EVENTS, topology::DEAD};

/// An event as it stands in the stream.
#[derive(Debug, Clone)]
pub struct Stored {
    /// What is known of it.
    pub envelope: Envelope,
    /// Its place in the stream; not an identity.
    pub sequence: u64,
}

/// A rejected event as it is kept.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// What is known of the event.
    pub envelope: Envelope,
    /// Why its worker rejected it.
    pub reason: String,
    /// The event's body, verbatim.
    pub body: Bytes,
}

/// What a worker has still to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Events that nobody has pulled yet.
    pub pending: u64,
    /// Events that are pulled, or wait for another try.
    pub unacked: u64,
}

impl Bus {
    /// What the worker has still to do; `None` if its consumer does not exist.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn lag(&self, worker: &str) -> Result<Option<Lag>, BusError> {
        let stream = self.jetstream.get_stream_no_info(EVENTS).await.map_err(unavailable)?;
        match stream.consumer_info(worker).await {
            Ok(info) => Ok(Some(Lag { pending: info.num_pending, unacked: info.num_ack_pending as u64 })),
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// How many dead letters there are.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn dead_letters(&self) -> Result<u64, BusError> {
        let stream = self.jetstream.get_stream(DEAD).await.map_err(unavailable)?;
        Ok(stream.cached_info().state.messages)
    }

    /// The newest event under `subject`, if there is one.
    ///
    /// # Errors
    /// When the broker does not answer, or the message is not ours.
    pub async fn latest(&self, subject: &str) -> Result<Option<Stored>, BusError> {
        let Some(message) = self.newest(EVENTS, subject).await? else { return Ok(None) };
        Ok(Some(Stored { envelope: envelope(&message)?, sequence: message.sequence }))
    }

    /// The newest dead letter of a worker, if there is one.
    ///
    /// # Errors
    /// When the broker does not answer, or the message never was an event.
    pub async fn latest_dead(&self, worker: &str) -> Result<Option<DeadLetter>, BusError> {
        let Some(message) = self.newest(DEAD, &format!("dead.{worker}")).await? else { return Ok(None) };
        let reason = message.headers.get("offhook-reason").map(ToString::to_string).unwrap_or_default();
        Ok(Some(DeadLetter { envelope: envelope(&message)?, reason, body: message.payload }))
    }

    async fn newest(&self, stream: &str, subject: &str) -> Result<Option<StreamMessage>, BusError> {
        let stream = self.jetstream.get_stream_no_info(stream).await.map_err(unavailable)?;
        match stream.direct_get_last_for_subject(subject).await {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }
}

fn envelope(message: &StreamMessage) -> Result<Envelope, BusError> {
    let envelope = Envelope::from_headers(|name| message.headers.get(name).map(async_nats::HeaderValue::as_str));
    envelope.map_err(|error| BusError::Refused(error.to_string()))
}

fn unavailable(error: impl std::fmt::Display) -> BusError {
    BusError::Unavailable(error.to_string())
}
