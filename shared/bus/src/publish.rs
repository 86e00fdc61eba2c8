//! Publish an event until the stream has acknowledged it, or say that it did not.
//!
//! Every attempt carries the same `Nats-Msg-Id`, so an attempt that was stored but not heard of is no second event.
//! Refuses to report success on anything but a PubAck.

use std::time::Duration;

use async_nats::{
    HeaderMap, connection::State as Connection, header::NATS_MESSAGE_ID, jetstream::context::PublishErrorKind,
};
use backon::{ExponentialBuilder, Retryable as _};
use bytes::Bytes;
use contract::{Envelope, HEADER_BYTES_MAX};

use crate::{
    Bus, State,
    large::{INLINE_BYTES_MAX, LENGTH, REFERENCE},
    trace,
};

/// All attempts to publish one event together; well inside the 10 s that providers wait.
pub(crate) const PUBLISH_MAX: Duration = Duration::from_secs(4);
const PAUSE_MIN: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_millis(400);

/// The stream's acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Where it stands in the stream; for people to look it up, never an identity.
    pub sequence: u64,
    /// Whether the stream already held it.
    pub duplicate: bool,
}

/// An event that is not known to be stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// No PubAck within 4 s; the sender should try again.
    #[error("broker unavailable: {0}")]
    Unavailable(String),
    /// Never publishable as it is.
    #[error("event refused: {0}")]
    Refused(String),
}

impl Bus {
    /// Publishes `body` under the envelope's subject and key, trying again for at most 4 s; above 512 KiB the body is stored
    /// apart before, which takes 6 s at most.
    ///
    /// # Errors
    /// [`PublishError::Unavailable`] without a PubAck in time; [`PublishError::Refused`] when it can never be stored.
    pub async fn publish(&self, envelope: &Envelope, body: Bytes) -> Result<Published, PublishError> {
        let headers = headers(envelope)?;
        self.admits(envelope.source.follows())?;
        let (headers, body) = self.slim(headers, body).await?;
        self.publish_raw(envelope.broker_subject(), headers, body).await
    }

    /// What follows from an acknowledged event is always let in, else a full stream could never be worked off.
    pub(crate) fn admits(&self, follows: bool) -> Result<(), PublishError> {
        match self.state() {
            State::Full(reason) if !follows => Err(PublishError::Unavailable(reason)),
            _ => Ok(()),
        }
    }

    /// The message, with a reference instead of a body that is too large for it.
    async fn slim(&self, mut headers: HeaderMap, body: Bytes) -> Result<(HeaderMap, Bytes), PublishError> {
        if body.len() <= INLINE_BYTES_MAX {
            return Ok((headers, body));
        }
        let stored = self.store(&body).await?;
        headers.insert(REFERENCE, stored.reference());
        headers.insert(LENGTH, stored.bytes.to_string());
        Ok((headers, Bytes::new()))
    }

    /// Publishes a message that already carries its `Nats-Msg-Id`.
    pub(crate) async fn publish_raw(
        &self,
        subject: String,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Published, PublishError> {
        let pauses = ExponentialBuilder::new()
            .with_min_delay(PAUSE_MIN)
            .with_max_delay(PAUSE_MAX)
            .with_jitter()
            .without_max_times();
        let last = std::sync::Mutex::new("no answer".to_owned());
        let attempts = (|| self.attempt(subject.clone(), headers.clone(), body.clone()))
            .retry(pauses)
            .when(|error| matches!(error, PublishError::Unavailable(_)))
            .notify(|error, _| *last.lock().expect("never poisoned") = error.to_string());
        match tokio::time::timeout(PUBLISH_MAX, attempts).await {
            Ok(result) => result,
            Err(_) => Err(PublishError::Unavailable(last.into_inner().expect("never poisoned"))),
        }
    }

    /// Whether anything may be sent now.
    pub(crate) fn reachable(&self) -> Result<(), PublishError> {
        if let State::Refused(reason) = self.state() {
            return Err(PublishError::Unavailable(reason));
        }
        if !self.verified() {
            return Err(PublishError::Unavailable("the streams are not verified yet".to_owned()));
        }
        // The client would buffer the message and send it whenever it is back: not while somebody waits for the answer.
        if self.client.connection_state() != Connection::Connected {
            return Err(PublishError::Unavailable("not connected".to_owned()));
        }
        Ok(())
    }

    async fn attempt(&self, subject: String, headers: HeaderMap, body: Bytes) -> Result<Published, PublishError> {
        self.reachable()?;
        let sent = self.jetstream.publish_with_headers(subject, headers, body).await;
        let acknowledged = match sent {
            Ok(ack) => ack.await,
            Err(error) => Err(error),
        };
        match acknowledged {
            Ok(ack) => Ok(Published { sequence: ack.sequence, duplicate: ack.duplicate }),
            Err(error) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                Err(PublishError::Refused(error.to_string()))
            }
            Err(error) => Err(PublishError::Unavailable(error.to_string())),
        }
    }
}

pub(crate) fn headers(envelope: &Envelope) -> Result<HeaderMap, PublishError> {
    let mut headers = HeaderMap::new();
    let mut bytes = 0;
    for (name, value) in envelope.headers() {
        bytes += name.len() + value.len();
        headers.insert(name, value);
    }
    if bytes > HEADER_BYTES_MAX {
        return Err(PublishError::Refused(format!("{bytes} bytes of headers, at most {HEADER_BYTES_MAX} are allowed")));
    }
    headers.insert(NATS_MESSAGE_ID, envelope.key().to_string());
    trace::inject(&mut headers);
    Ok(headers)
}
