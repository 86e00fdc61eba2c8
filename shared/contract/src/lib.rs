//! The words every service shares: org ids, sources, event types, the envelope, the event key, subjects, phone numbers.
//!
//! Pure: no IO, no clock, no async. Refuses anything that could not be a subject token, a header value or a key.

mod appointment;
mod call;
mod contact;
mod envelope;
mod event_type;
mod id;
mod key;
mod message;
mod phone;

pub use appointment::{AppointmentFacts, AppointmentStatus};
pub use call::{CallFacts, CallStatus, Direction};
pub use contact::ContactFacts;
pub use envelope::{Envelope, EnvelopeError, HEADER_BYTES_MAX};
pub use event_type::{Entity, EventType};
pub use id::{OrgId, Source, Unnamed};
pub use key::EventKey;
pub use message::{Audience, ChannelFacts, ChannelState, MessageFacts, MessageKind};
pub use phone::PhoneNumber;

/// The moment something happened or was received: UTC, kept to the microsecond.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
