//! What a body says in our own words, whoever sent it: no worker needs to know one source from another.

use contract::{AppointmentFacts, CallFacts, ChannelFacts, ContactFacts, EventType, MessageFacts, Source};

use crate::{calcom, elevenlabs, highlevel, retell, whatsapp};

/// What a body says.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// Something about a call.
    Call(Box<CallFacts>),
    /// Something about a contact, by the CRM.
    Contact(ContactFacts),
    /// A message.
    Message(Box<MessageFacts>),
    /// How a messaging channel stands.
    Channel(ChannelFacts),
    /// Something about an appointment.
    Appointment(Box<AppointmentFacts>),
    /// Nothing that has a row of its own yet: kept in the archive.
    Other,
}

/// Decodes the body of an event of type `kind` from `source`. What a source has no decoder for is [`Decoded::Other`].
///
/// # Errors
/// When the body is not what the source sends for this type; the text says where.
pub fn decode(source: Source, kind: EventType, body: &[u8]) -> Result<Decoded, serde_json::Error> {
    match source {
        Source::RETELL => retell::decode(kind, body),
        Source::ELEVENLABS => elevenlabs::decode(kind, body),
        Source::WHATSAPP => whatsapp::decode(kind, body),
        Source::CALCOM => calcom::decode(kind, body),
        Source::HIGHLEVEL => highlevel::decode(kind, body),
        _ => Ok(Decoded::Other),
    }
}

/// How much the events of a type know of a call: a value from a higher rank replaces one from a lower, whatever came first.
#[must_use]
pub fn rank(kind: EventType) -> u8 {
    match kind {
        EventType::CallAnalyzed => 5,
        EventType::CallEnded => 4,
        EventType::CallTransferStarted
        | EventType::CallTransferBridged
        | EventType::CallTransferCancelled
        | EventType::CallTransferEnded => 3,
        EventType::CallTranscriptUpdated => 2,
        EventType::CallStarted => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_source_is_read_in_its_own_way_and_our_own_services_in_none() {
        let retell = br#"{"call":{"agent_id":"a"}}"#;
        let elevenlabs = br#"{"data":{"agent_id":"a"}}"#;
        let read = |source, body: &[u8]| decode(source, EventType::CallAnalyzed, body).ok();
        let Some(Decoded::Call(call)) = read(Source::RETELL, retell) else { panic!("a call") };
        assert_eq!(call.agent_id.as_deref(), Some("a"));
        assert_eq!(read(Source::ELEVENLABS, elevenlabs), Some(Decoded::Call(call)));
        assert_eq!((read(Source::RETELL, elevenlabs), read(Source::ELEVENLABS, retell)), (None, None));
        for source in [Source::WHATSAPP, Source::CALCOM, Source::WEBHOOK, Source::LOG_WORKER, Source::ANSWER] {
            assert_eq!(read(source, retell), Some(Decoded::Other), "{source}");
        }
        let message = decode(Source::WHATSAPP, EventType::MessageReceived, br#"{"data":{}}"#);
        assert!(matches!(message, Ok(Decoded::Message(_))));
        let appointment = decode(Source::CALCOM, EventType::AppointmentBooked, br#"{"payload":{}}"#);
        assert!(matches!(appointment, Ok(Decoded::Appointment(_))));
    }

    proptest! {
        #[test]
        fn no_body_of_any_source_and_type_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            for source in Source::ALL {
                for kind in EventType::ALL {
                    let _ = decode(source, *kind, &body);
                }
            }
        }
    }
}
