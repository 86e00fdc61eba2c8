//! Dead letters: what a worker rejected, whole, with the reason.
//!
//! A letter is stored before its event is terminated, under an id derived from both, so a crash in between makes no second one.

use async_nats::header::NATS_MESSAGE_ID;
use contract::EventKey;

use crate::{Bus, PublishError};

/// The longest reason that is kept, in bytes.
const REASON_BYTES_MAX: usize = 1024;

impl Bus {
    /// Stores a rejected message under `dead.{worker}`.
    pub(crate) async fn bury(
        &self,
        worker: &str,
        message: &async_nats::Message,
        key: Option<EventKey>,
        reason: &str,
    ) -> Result<(), PublishError> {
        let mut headers = message.headers.clone().unwrap_or_default();
        let identity = key.map_or_else(
            || headers.get(NATS_MESSAGE_ID).map(ToString::to_string).unwrap_or_default(),
            |key| key.to_string(),
        );
        headers.insert(NATS_MESSAGE_ID, format!("dead:{worker}:{identity}"));
        headers.insert("offhook-worker", worker);
        headers.insert("offhook-subject", message.subject.as_str());
        headers.insert("offhook-reason", one_line(reason));
        self.publish_raw(format!("dead.{worker}"), headers, message.payload.clone()).await.map(|_| ())
    }
}

/// A header value has no line breaks; a database's error message may.
fn one_line(reason: &str) -> String {
    let mut line: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.truncate(line.floor_char_boundary(REASON_BYTES_MAX));
    line
}
