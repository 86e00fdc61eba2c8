//! One module per source: verify a delivery, name it, decode it, and sign one for the simulator.
//!
//! Pure functions over bytes. `verify` and `name` run in ingress and read as little as they can; `decode` runs in the
//! workers, so that a better decoder can be run over the past.

pub mod calcom;
mod decoded;
pub mod elevenlabs;
pub mod highlevel;
mod mac;
mod money;
mod naming;
mod person;
pub mod retell;
mod text;
pub mod webhook;
pub mod whatsapp;

pub use decoded::{Decoded, decode, rank};
pub use text::mend;

use contract::{EventType, Timestamp};

/// Why a delivery is not from who it says it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signature, an unreadable one, or one that no valid secret made over these bytes.
    #[error("the signature is missing or does not match the body")]
    BadSignature,
    /// A true signature from outside the accepted window of time.
    #[error("the signature is too old or from the future")]
    StaleSignature,
    /// None of the keys that can be read signed it, and one can't be: it may be the one that did.
    #[error("a key to verify the signature with can't be read")]
    UnreadableKey,
}

/// What ingress needs to know of an authentic body. Never an error: a body that can't be named is kept all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Semantic id, the same for each delivery of the same event.
    pub id: String,
    /// What happened.
    pub kind: EventType,
    /// What it happened to, by the provider's id; at most [`SUBJECT_BYTES_MAX`] bytes.
    pub subject: Option<String>,
    /// When it happened.
    pub time: Timestamp,
    /// Why the body could not be read, if it could not.
    pub fault: Option<String>,
}

/// The longest id of a call or chat; a longer one is taken for rubbish.
pub const SUBJECT_BYTES_MAX: usize = 128;

/// The longest call or recording that is believed, in milliseconds: 30 days. What is longer would end the sums it goes into.
pub const LENGTH_MS_MAX: i64 = 30 * 24 * 60 * 60 * 1000;
