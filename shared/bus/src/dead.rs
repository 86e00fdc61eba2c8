//! Dead letters: what a worker rejected, whole, with the reason.
//!
//! A letter is stored before its event is terminated, under an id derived from both, so a crash in between makes no second one.

use async_nats::{HeaderMap, header::NATS_MESSAGE_ID};
use bytes::Bytes;
use contract::Envelope;

use crate::{Bus, PublishError, message::Delivery};

/// The longest reason that is kept, in bytes.
const REASON_BYTES_MAX: usize = 1024;

impl Bus {
    /// Stores a rejected message under `dead.{worker}`.
    pub(crate) async fn bury(&self, worker: &str, delivery: &Delivery, reason: &str) -> Result<(), PublishError> {
        let mut headers = HeaderMap::new();
        // The message's own instructions to the broker were for its first stream.
        let kept = delivery
            .message
            .headers
            .iter()
            .flat_map(HeaderMap::iter)
            .filter(|(name, _)| !name.to_string().starts_with("Nats-"));
        for (name, values) in kept {
            values.iter().for_each(|value| headers.append(name.clone(), value.clone()));
        }
        let subject = delivery.message.subject.as_str();
        let identity = delivery.event.as_ref().map_or_else(|_| delivery.place.clone(), |event| event.key.to_string());
        self.store_letter(worker, &identity, subject, headers, delivery.message.payload.clone(), reason).await
    }

    /// Stores a letter of work that a worker gave up beside its events, under an event that was never published: sent again,
    /// it asks for the work again. A repetition for the same event makes no second letter.
    ///
    /// # Errors
    /// When it is not known to be stored; see [`Bus::publish`].
    pub async fn write_dead_letter(
        &self,
        worker: &str,
        envelope: &Envelope,
        body: Bytes,
        reason: &str,
    ) -> Result<(), PublishError> {
        let mut headers = HeaderMap::new();
        envelope.headers().into_iter().for_each(|(name, value)| headers.insert(name, value));
        let (identity, subject) = (envelope.key().to_string(), envelope.broker_subject());
        self.store_letter(worker, &identity, &subject, headers, body, reason).await
    }

    async fn store_letter(
        &self,
        worker: &str,
        identity: &str,
        subject: &str,
        mut headers: HeaderMap,
        body: Bytes,
        reason: &str,
    ) -> Result<(), PublishError> {
        headers.insert(NATS_MESSAGE_ID, format!("dead:{worker}:{identity}"));
        headers.insert("offhook-worker", worker);
        headers.insert("offhook-subject", subject);
        headers.insert("offhook-reason", one_line(reason));
        self.publish_raw(format!("dead.{worker}"), headers, body).await.map(|_| ())
    }
}

/// A header value has no line breaks; a database's error message may.
fn one_line(reason: &str) -> String {
    let mut line: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.truncate(line.floor_char_boundary(REASON_BYTES_MAX));
    line
}
