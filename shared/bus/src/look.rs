//! A look at the stream, for people and their tools; no service decides anything by it.

use async_nats::jetstream::stream::DirectGetErrorKind;
use contract::Envelope;

use crate::{Bus, BusError, EVENTS};

/// An event as it stands in the stream.
#[derive(Debug, Clone)]
pub struct Stored {
    /// What is known of it.
    pub envelope: Envelope,
    /// Its place in the stream; not an identity.
    pub sequence: u64,
}

impl Bus {
    /// The newest event under `subject`, if there is one.
    ///
    /// # Errors
    /// When the broker does not answer, or the message is not ours.
    pub async fn latest(&self, subject: &str) -> Result<Option<Stored>, BusError> {
        let unavailable = |error: String| BusError::Unavailable(error);
        let stream = self.jetstream.get_stream_no_info(EVENTS).await.map_err(|error| unavailable(error.to_string()))?;
        let message = match stream.direct_get_last_for_subject(subject).await {
            Ok(message) => message,
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unavailable(error.to_string())),
        };
        let envelope = Envelope::from_headers(|name| message.headers.get(name).map(async_nats::HeaderValue::as_str));
        let envelope = envelope.map_err(|error| BusError::Refused(error.to_string()))?;
        Ok(Some(Stored { envelope, sequence: message.sequence }))
    }
}
