//! Names a HighLevel body: type, id, entity and time.
//!
//! An id is HighLevel's own of the delivery, the same for its repetitions; a body without one is known by its content. A body
//! that can't be named is `other.unknown` with the reason.

use contract::{EventType, Timestamp};

use super::body::Body;
use crate::{Name, naming};

/// The longest id of a delivery that is believed, in bytes.
const ID_BYTES_MAX: usize = 128;

/// Names `body`, which was sent at `sent_at`: the time of an event that carries none.
#[must_use]
pub fn name(body: &[u8], sent_at: Timestamp) -> Name {
    let read = Body::read(body).map_err(|error| error.to_string());
    read.and_then(|parsed| understood(&parsed, body, sent_at))
        .unwrap_or_else(|fault| naming::unreadable("highlevel", body, sent_at, fault))
}

fn understood(parsed: &Body, body: &[u8], sent_at: Timestamp) -> Result<Name, String> {
    let event = naming::event(parsed.text("type").ok_or("it names no type")?)?;
    let kind = kind(event);
    let (subject, changed_at) = match kind {
        EventType::ContactChanged => (parsed.field("id"), parsed.field("dateUpdated")),
        EventType::AppointmentChanged => {
            let of = |name| parsed.within("appointment", name).or_else(|| parsed.field(name));
            (of("id"), of("dateUpdated"))
        }
        _ => (None, None),
    };
    // What is deleted tells when it was last changed before.
    let changed_at = changed_at.filter(|_| !event.ends_with("Delete"));
    if kind != EventType::OtherUnknown {
        // Whose it is, is told by nothing else: the key is HighLevel's, not the org's.
        parsed.text("locationId").ok_or_else(|| format!("{event} names no locationId"))?;
        subject.ok_or_else(|| format!("{event} names no id"))?;
    }
    let subject = naming::subject(subject.map(str::to_owned))?;
    let id = match parsed.text("webhookId").filter(|id| id.len() <= ID_BYTES_MAX) {
        Some(id) => format!("highlevel:{id}"),
        None => format!("highlevel:{event}:{}", naming::hash(body)),
    };
    // What is told cannot have changed after it was told; a clock ahead of others would else win for ever.
    let time = Body::time(changed_at).map_or(sent_at, |changed_at| changed_at.min(sent_at));
    Ok(Name { id, kind, subject, time, fault: None })
}

fn kind(event: &str) -> EventType {
    if event.starts_with("Contact") {
        EventType::ContactChanged
    } else if event.starts_with("Appointment") {
        EventType::AppointmentChanged
    } else {
        EventType::OtherUnknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sent_at() -> Timestamp {
        "2026-11-20T10:00:00Z".parse().unwrap()
    }

    fn named(body: &str) -> Name {
        name(body.as_bytes(), sent_at())
    }

    #[test]
    fn a_contact_is_named_by_the_delivery_whichever_the_shape() {
        let flat = r#"{"type":"ContactUpdate","webhookId":"w1","locationId":"l","id":"c1","dateUpdated":"2026-11-20T10:59:00+01:00"}"#;
        let nested = r#"{"type":"ContactTagUpdate","webhookId":"w1","data":{"locationId":"l","id":"c1","dateUpdated":"2026-11-20T09:59:00Z"}}"#;
        for body in [flat, nested] {
            let name = named(body);
            assert_eq!((name.id.as_str(), name.kind), ("highlevel:w1", EventType::ContactChanged), "{body}");
            assert_eq!((name.subject.as_deref(), name.fault.as_deref()), (Some("c1"), None));
            assert_eq!(name.time.to_rfc3339(), "2026-11-20T09:59:00+00:00");
        }
        let future =
            named(r#"{"type":"ContactUpdate","locationId":"l","id":"c1","dateUpdated":"2099-01-01T00:00:00Z"}"#);
        assert_eq!(future.time, sent_at());
    }

    #[test]
    fn without_an_id_of_the_delivery_the_content_tells() {
        let body = |name: &str| format!(r#"{{"type":"ContactCreate","locationId":"l","id":"c1","name":"{name}"}}"#);
        assert_eq!(named(&body("a")), named(&body("a")));
        assert_ne!(named(&body("a")).id, named(&body("b")).id);
        assert!(named(&body("a")).id.starts_with("highlevel:ContactCreate:"));
        let long = format!(r#"{{"type":"INSTALL","webhookId":"{}"}}"#, "w".repeat(129));
        assert!(named(&long).id.starts_with("highlevel:INSTALL:"));
    }

    #[test]
    fn an_appointment_is_named_by_its_own_id_and_what_is_new_is_kept() {
        let body = r#"{"type":"AppointmentCreate","webhookId":"w2","locationId":"l",
            "appointment":{"id":"apt1","dateUpdated":"2026-11-20T10:05:00+01:00"}}"#;
        let name = named(body);
        assert_eq!((name.kind, name.subject.as_deref()), (EventType::AppointmentChanged, Some("apt1")));
        assert_eq!(name.time.to_rfc3339(), "2026-11-20T09:05:00+00:00");
        let deleted = named(&body.replace("AppointmentCreate", "AppointmentDelete"));
        assert_eq!((deleted.kind, deleted.time), (EventType::AppointmentChanged, sent_at()));
        for event in ["INSTALL", "UNINSTALL", "OpportunityCreate"] {
            let name = named(&format!(r#"{{"type":"{event}","webhookId":"w3"}}"#));
            assert_eq!((name.kind, name.subject, name.fault), (EventType::OtherUnknown, None, None), "{event}");
        }
    }

    #[test]
    fn what_cannot_be_named_is_kept_with_its_reason() {
        let long = format!(r#"{{"type":"ContactUpdate","locationId":"l","id":"{}"}}"#, "c".repeat(129));
        let cases = [
            ("not json", "expected"),
            ("[]", "invalid type"),
            ("{}", "no type"),
            (r#"{"type":7}"#, "no type"),
            (r#"{"type":"ContactUpdate","locationId":"l"}"#, "no id"),
            (r#"{"type":"ContactUpdate","id":"c1"}"#, "no locationId"),
            (long.as_str(), "128"),
        ];
        for (body, reason) in cases {
            let name = named(body);
            assert_eq!((name.kind, name.time), (EventType::OtherUnknown, sent_at()), "{body}");
            assert!(name.fault.as_deref().is_some_and(|fault| fault.contains(reason)), "{body}: {:?}", name.fault);
            assert!(name.id.starts_with("highlevel:unreadable:"));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in r#"\{"type":"Contact[A-Za-z\\u0]{0,8}","data":.{0,40}"#) {
            for body in [&bytes, text.as_bytes()] {
                let name = name(body, sent_at());
                let _ = super::super::decode(name.kind, body);
                let _ = super::super::location_id(body);
            }
        }
    }
}
