//! The envelope that HighLevel puts around every event.
//!
//! The event's own fields stand beside it or in `data`: HighLevel's pages show both.

use chrono::DateTime;
use contract::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::text::mend;

/// One body, whichever its shape.
#[derive(Debug, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub(super) struct Body {
    whole: Map<String, Value>,
    /// Where the event's own fields are, if not beside the envelope.
    data: Option<Map<String, Value>>,
}

impl From<Map<String, Value>> for Body {
    fn from(mut whole: Map<String, Value>) -> Self {
        let data = match whole.remove("data") {
            Some(Value::Object(data)) => Some(data),
            _ => None,
        };
        Self { whole, data }
    }
}

impl Body {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub(super) fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&mend(body))
    }

    /// A text of the envelope; an empty one is none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        of(&self.whole, name).or_else(|| of(self.data.as_ref()?, name))
    }

    /// A text of the event; an empty one is none.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        of(self.event(), name)
    }

    /// A text of an object within the event.
    pub(super) fn within(&self, object: &str, name: &str) -> Option<&str> {
        of(self.event().get(object)?.as_object()?, name)
    }

    /// A moment, as texts of RFC 3339 tell it.
    pub(super) fn time(text: Option<&str>) -> Option<Timestamp> {
        Some(DateTime::parse_from_rfc3339(text?).ok()?.to_utc())
    }

    fn event(&self) -> &Map<String, Value> {
        self.data.as_ref().unwrap_or(&self.whole)
    }
}

/// The location that a body is about, if it can be read and names one.
#[must_use]
pub fn location_id(body: &[u8]) -> Option<String> {
    Body::read(body).ok()?.text("locationId").map(str::to_owned)
}

/// When the body says that it was sent.
pub(super) fn sent_at(body: &[u8]) -> Option<Timestamp> {
    Body::time(Body::read(body).ok()?.text("timestamp"))
}

fn of<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}
