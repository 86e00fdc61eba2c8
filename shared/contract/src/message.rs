//! A message and the state of its channel in our own words, whichever messenger told of them.
//!
//! Holds what one event says. A group and a status broadcast have no contact: who writes there has not written to us.

use serde::{Deserialize, Serialize};

use crate::{Direction, PhoneNumber, Timestamp};

/// What sort of thing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Words, also those of a button that was pressed.
    Text,
    /// Sound; a voice note too.
    Audio,
    /// A picture.
    Image,
    /// A film.
    Video,
    /// A file.
    Document,
    /// A sticker.
    Sticker,
    /// A place.
    Location,
    /// Somebody's card.
    Contact,
    /// A sign put to another message; without text it was taken back.
    Reaction,
    /// A question with answers to choose from.
    Poll,
    /// Anything this version has no word for.
    Other,
}

/// Whom a message reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// One person and us.
    Person,
    /// A group that we are in.
    Group,
    /// Everybody who has the sender's number.
    Broadcast,
}

/// What one event says of a message. `None` means that the event does not say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MessageFacts {
    /// The provider's id; unique within its conversation and direction, not beyond.
    pub external_id: Option<String>,
    /// The conversation, by the provider's id.
    pub conversation: Option<String>,
    /// See [`Audience`].
    pub audience: Option<Audience>,
    /// See [`Direction`].
    pub direction: Option<Direction>,
    /// The person at the other side of the conversation; none in a group and where the provider hides the number.
    pub contact_phone: Option<PhoneNumber>,
    /// What that person, or in a group the author, goes by.
    pub contact_name: Option<String>,
    /// Who wrote it, if not we.
    pub author_phone: Option<PhoneNumber>,
    /// See [`MessageKind`].
    pub kind: Option<MessageKind>,
    /// Its words: text, caption, what was said, the sign of a reaction, the name of a file, place or person. Without NUL.
    pub text: Option<String>,
    /// The message that it answers or reacts to, by the provider's id.
    pub reply_to: Option<String>,
    /// Media type of what is attached.
    pub media_type: Option<String>,
    /// Where the attachment is kept; may expire.
    pub media_url: Option<String>,
    /// Length of a recording in milliseconds.
    pub duration_ms: Option<i64>,
    /// When it was sent, by the provider's clock.
    pub sent_at: Option<Timestamp>,
}

/// Whether a messaging channel can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelState {
    /// Messages go out and come in.
    Connected,
    /// On its way.
    Connecting,
    /// Nothing goes out or comes in.
    Disconnected,
}

/// What one event says of a messaging channel. `None` means that the event does not say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChannelFacts {
    /// See [`ChannelState`].
    pub state: Option<ChannelState>,
    /// Our number on it.
    pub our_phone: Option<PhoneNumber>,
    /// The provider's code for why; an open set.
    pub reason: Option<i64>,
}
