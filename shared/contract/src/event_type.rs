//! The types of events and the subject each is published under.
//!
//! Refuses to invent: a provider's event that has no type here is `other.unknown`, never a new subject.

use std::{fmt, str::FromStr};

use crate::{OrgId, Source, Unnamed};

/// What an event is about: the third token of its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entity {
    /// A phone or web call.
    Call,
    /// A text conversation with an agent.
    Chat,
    /// A person who calls or is called.
    Contact,
    /// A text, voice note or picture that somebody sent.
    Message,
    /// An address that reaches a branch.
    Channel,
    /// A visit that a calendar holds.
    Appointment,
    /// What a memory vendor holds of a contact.
    Memory,
    /// What the caches hold.
    Cache,
    /// Anything this version has no word for.
    Other,
}

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $entity:ident . $verb:literal),* $(,)?) => {
        /// One kind of fact, written `entity.verb`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventType { $($(#[$doc])* $name),* }

        impl EventType {
            /// Every type there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What the event is about.
            #[must_use]
            pub fn entity(self) -> Entity {
                match self { $(Self::$name => Entity::$entity),* }
            }

            /// What happened to it: the fourth token of the subject.
            #[must_use]
            pub fn verb(self) -> &'static str {
                match self { $(Self::$name => $verb),* }
            }
        }
    };
}

event_types! {
    /// Written by the answer service: it was asked about a caller. Makes no call and counts none.
    CallInbound = Call."inbound",
    /// The call connected.
    CallStarted = Call."started",
    /// The call is over, or never connected.
    CallEnded = Call."ended",
    /// The provider's analysis is ready; may come again.
    CallAnalyzed = Call."analyzed",
    /// The transcript grew.
    CallTranscriptUpdated = Call."transcript_updated",
    /// A transfer to a person or another number began.
    CallTransferStarted = Call."transfer_started",
    /// The transfer's other side answered.
    CallTransferBridged = Call."transfer_bridged",
    /// The transfer was given up.
    CallTransferCancelled = Call."transfer_cancelled",
    /// The transferred leg is over.
    CallTransferEnded = Call."transfer_ended",
    /// The provider sends the sound of a call; kept, and read by nobody yet.
    CallAudioReceived = Call."audio_received",
    /// Written by log-worker after the call's row is committed.
    CallRecorded = Call."recorded",
    /// A chat began.
    ChatStarted = Chat."started",
    /// A chat is over.
    ChatEnded = Chat."ended",
    /// The provider's analysis of a chat is ready.
    ChatAnalyzed = Chat."analyzed",
    /// A chat's transcript grew.
    ChatTranscriptUpdated = Chat."transcript_updated",
    /// Written by log-worker after the contact's row is committed.
    ContactRecorded = Contact."recorded",
    /// The CRM says that a contact was made or changed there.
    ContactChanged = Contact."changed",
    /// Somebody wrote on a messaging channel.
    MessageReceived = Message."received",
    /// We wrote, through the channel's API or on the phone itself.
    MessageSent = Message."sent",
    /// A messaging channel was connected, or lost its connection.
    ChannelChanged = Channel."changed",
    /// A calendar holds a new appointment.
    AppointmentBooked = Appointment."booked",
    /// An appointment was moved; at some vendors the moved one has a new id.
    AppointmentRescheduled = Appointment."rescheduled",
    /// An appointment was called off.
    AppointmentCancelled = Appointment."cancelled",
    /// Somebody did not come, or is said to have come after all.
    AppointmentNoShow = Appointment."no_show",
    /// Anything else about an appointment: asked for, turned down, paid.
    AppointmentChanged = Appointment."changed",
    /// Written by log-worker after the appointment's row is committed.
    AppointmentRecorded = Appointment."recorded",
    /// Written by refresh-worker once the memory vendor tells what it was told of a call.
    MemoryStored = Memory."stored",
    /// Written by invalidate-worker once no cache tells what was loaded before.
    CacheBumped = Cache."bumped",
    /// Authentic, kept, and not understood by this version.
    OtherUnknown = Other."unknown",
}

impl Entity {
    /// The token as written in subjects and types.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Chat => "chat",
            Self::Contact => "contact",
            Self::Message => "message",
            Self::Channel => "channel",
            Self::Appointment => "appointment",
            Self::Memory => "memory",
            Self::Cache => "cache",
            Self::Other => "other",
        }
    }
}

impl EventType {
    /// The subject `events.{org}.{entity}.{verb}.{source}` this type is published under.
    #[must_use]
    pub fn subject(self, org: &OrgId, source: Source) -> String {
        format!("events.{org}.{}.{}.{source}", self.entity().as_str(), self.verb())
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.entity().as_str(), self.verb())
    }
}

impl FromStr for EventType {
    type Err = Unnamed;

    fn from_str(name: &str) -> Result<Self, Unnamed> {
        let known = Self::ALL.iter().copied().find(|known| {
            name.split_once('.').is_some_and(|(entity, verb)| known.entity().as_str() == entity && known.verb() == verb)
        });
        known.ok_or_else(|| Unnamed { name: name.to_owned(), expected: "an event type we know" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::is_token_byte;

    #[test]
    fn every_type_parses_back_and_makes_a_subject_of_five_plain_tokens() {
        let org = "demo".parse().unwrap();
        for &kind in EventType::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            let subject = kind.subject(&org, Source::RETELL);
            let tokens: Vec<_> = subject.split('.').collect();
            assert_eq!(tokens.len(), 5, "{subject}");
            assert!(tokens.iter().all(|t| !t.is_empty() && t.bytes().all(is_token_byte)), "{subject}");
        }
    }
}
