//! Dead letters: what a worker rejected, whole, with the reason.
//!
//! A letter is stored before its event is terminated, under an id derived from both, so a crash in between makes no second one.

use async_nats::{HeaderMap, header::NATS_MESSAGE_ID};

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
        let identity = delivery.event.as_ref().map_or_else(|_| delivery.place.clone(), |event| event.key.to_string());
        headers.insert(NATS_MESSAGE_ID, format!("dead:{worker}:{identity}"));
        headers.insert("offhook-worker", worker);
        headers.insert("offhook-subject", delivery.message.subject.as_str());
        headers.insert("offhook-reason", one_line(reason));
        self.publish_raw(format!("dead.{worker}"), headers, delivery.message.payload.clone()).await.map(|_| ())
    }
}

/// A header value has no line breaks; a database's error message may.
fn one_line(reason: &str) -> String {
    let mut line: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.truncate(line.floor_char_boundary(REASON_BYTES_MAX));
    line
}
