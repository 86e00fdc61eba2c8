//! A call in our own words, whichever provider told of it.
//!
//! Holds what one event says; merging several events is the work of whoever owns the rows.

use serde::{Deserialize, Serialize};

use crate::{PhoneNumber, Timestamp};

/// Who dialled, or wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A person called us: our number is `to_number`. Or wrote to us.
    Inbound,
    /// We called a person: our number is `from_number`. Or wrote to one.
    Outbound,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// Ringing or talking.
    Active,
    /// Over.
    Ended,
    /// Nobody picked up.
    NotConnected,
    /// Broke off by a fault.
    Error,
}

/// What one event says of a call. `None` means that the event does not say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CallFacts {
    /// See [`CallStatus`].
    pub status: Option<CallStatus>,
    /// See [`Direction`]; a web call has none.
    pub direction: Option<Direction>,
    /// `phone_call`, `web_call`.
    pub call_type: Option<String>,
    /// The voice agent, by the provider's id.
    pub agent_id: Option<String>,
    /// As the provider wrote it; may be no number at all.
    pub from_number: Option<String>,
    /// As the provider wrote it; may be no number at all.
    pub to_number: Option<String>,
    /// When the call connected.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Length in milliseconds.
    pub duration_ms: Option<i64>,
    /// The provider's word for why it ended; an open set.
    pub disconnection_reason: Option<String>,
    /// Plain text, without NUL.
    pub transcript: Option<String>,
    /// The provider's summary.
    pub summary: Option<String>,
    /// The provider's word for the mood; an open set.
    pub sentiment: Option<String>,
    /// Whether the agent did what it was there for, says the provider.
    pub successful: Option<bool>,
    /// Whether a machine picked up.
    pub in_voicemail: Option<bool>,
    /// Cost in cents, as an exact decimal.
    pub cost_cents: Option<String>,
    /// Whether a transfer was bridged, or ended the call; never told to be false.
    pub transferred: Option<bool>,
    /// Where the call was transferred to: a number or a SIP address.
    pub transfer_destination: Option<String>,
    /// Where the recording is kept; may expire.
    pub recording_url: Option<String>,
    /// The id of the answer that this call was given when it rang.
    pub answer_id: Option<String>,
    /// The person's name, as it was heard. Tells of the contact, and is no column of the call.
    #[serde(skip)]
    pub contact_name: Option<String>,
    /// The person's e-mail address, as it was heard. Tells of the contact, and is no column of the call.
    #[serde(skip)]
    pub contact_email: Option<String>,
}

impl CallFacts {
    /// Our own number, as the provider wrote it.
    #[must_use]
    pub fn our_number(&self) -> Option<&str> {
        match self.direction? {
            Direction::Inbound => self.to_number.as_deref(),
            Direction::Outbound => self.from_number.as_deref(),
        }
    }

    /// The person's number, if it is one; an anonymous caller and a web visitor have none.
    #[must_use]
    pub fn contact_phone(&self) -> Option<PhoneNumber> {
        let theirs = match self.direction? {
            Direction::Inbound => self.from_number.as_deref(),
            Direction::Outbound => self.to_number.as_deref(),
        };
        theirs?.parse().ok()
    }
}
