//! Dead letters: what a worker rejected, whole, with the reason.
//!
//! A letter is stored before its event is terminated, under an id derived from both, so a crash in between makes no second one.

use async_nats::{HeaderMap, header::NATS_MESSAGE_ID, jetstream::stream::DirectGetErrorKind};
use bytes::Bytes;
use contract::Envelope;

use crate::{Bus, BusError, PublishError, Published, look::unavailable, message::Delivery, topology::DEAD};

/// The longest reason that is kept, in bytes.
const REASON_BYTES_MAX: usize = 1024;

/// What a letter has beside its event: who rejected it, where it was published, why it was rejected.
const OF_THE_LETTER: [&str; 3] = ["offhook-worker", "offhook-subject", "offhook-reason"];

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

    /// Publishes the event of a dead letter again, as it was and where it was; `None` if the letter is gone. The letter stays,
    /// as the stream lets nobody delete. Whoever has applied the event knows it by its key; who rejected it has not.
    ///
    /// # Errors
    /// When the letter never was an event, or the broker does not answer.
    pub async fn send_again(&self, sequence: u64) -> Result<Option<Published>, BusError> {
        let stream = self.jetstream.get_stream_no_info(DEAD).await.map_err(unavailable)?;
        let letter = match stream.direct_get(sequence).await {
            Ok(letter) => letter,
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unavailable(error)),
        };
        let get = |name: &str| letter.headers.get(name).map(async_nats::HeaderValue::as_str);
        let envelope = Envelope::from_headers(get).map_err(|error| BusError::Refused(error.to_string()))?;
        let mut headers = HeaderMap::new();
        let ours = |name: &str| name.starts_with("Nats-") || OF_THE_LETTER.contains(&name);
        for (name, values) in letter.headers.iter().filter(|(name, _)| !ours(name.as_ref())) {
            values.iter().for_each(|value| headers.append(name.clone(), value.clone()));
        }
        // Not the event's own: within ten minutes the stream would take it for the one that it has.
        let at = chrono::Utc::now().timestamp_micros();
        headers.insert(NATS_MESSAGE_ID, format!("{}:again:{sequence}:{at}", envelope.key()));
        let subject = get(OF_THE_LETTER[1]).map_or_else(|| envelope.broker_subject(), str::to_owned);
        let published = self.publish_raw(subject, headers, letter.payload).await;
        published.map(Some).map_err(|error| BusError::Unavailable(error.to_string()))
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
        for (name, value) in OF_THE_LETTER.into_iter().zip([worker, subject, &one_line(reason)]) {
            headers.insert(name, value);
        }
        self.publish_raw(format!("dead.{worker}"), headers, body).await.map(|_| ())
    }
}

/// A header value has no line breaks; a database's error message may.
fn one_line(reason: &str) -> String {
    let mut line: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.truncate(line.floor_char_boundary(REASON_BYTES_MAX));
    line
}
