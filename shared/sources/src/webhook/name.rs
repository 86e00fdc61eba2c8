//! Names a Standard Webhooks delivery: its own id, and beside it the sender's word for what happened.
//!
//! The type of the event stays `other.unknown`. Where a field of the body holds the sender's own type, its value becomes part
//! of the id, so that people can tell events apart. Refuses to look into a body that nobody has asked about.

use std::collections::BTreeMap;

use contract::{EventType, Timestamp};
use serde_json::value::RawValue;

use crate::{Name, naming};

/// Names `body`, which came under `id` and was signed at `signed_at`. `type_field` is where the sender's type stands, members
/// within members with a dot between (`type`, `event.name`); without one the body is not read.
#[must_use]
pub fn name(id: &str, type_field: Option<&str>, body: &[u8], signed_at: Timestamp) -> Name {
    let (word, fault) = match type_field.map(|field| word(field, body)) {
        None => (None, None),
        Some(Ok(word)) => (Some(word), None),
        Some(Err(fault)) => (None, Some(fault)),
    };
    let id = word.map_or_else(|| format!("webhook:{id}"), |word| format!("webhook:{word}:{id}"));
    Name { id, kind: EventType::OtherUnknown, subject: None, time: signed_at, fault }
}

/// The text under `field`.
fn word(field: &str, body: &[u8]) -> Result<String, String> {
    let lacks = || format!("the body has no text under {field}");
    let mut value = std::str::from_utf8(body).map_err(|_| lacks())?;
    for member in field.split('.') {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(value).map_err(|_| lacks())?;
        value = members.get(member).ok_or_else(lacks)?.get();
    }
    let word: String = serde_json::from_str(value).map_err(|_| lacks())?;
    naming::event(&word)?;
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(type_field: Option<&str>, body: &str) -> Name {
        name("msg_1", type_field, body.as_bytes(), "2026-11-20T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn the_senders_id_is_the_id_whatever_the_body_says() {
        for body in [r#"{"type":"lead.created"}"#, "no json", ""] {
            let plain = named(None, body);
            assert_eq!((plain.id.as_str(), plain.kind, plain.fault), ("webhook:msg_1", EventType::OtherUnknown, None));
        }
    }

    #[test]
    fn the_senders_type_is_read_where_it_is_said_to_stand() {
        let body = r#"{"type":"lead.created","event":{"name":"deep","n":1},"other":[1,2]}"#;
        assert_eq!(named(Some("type"), body).id, "webhook:lead.created:msg_1");
        assert_eq!(named(Some("event.name"), body).id, "webhook:deep:msg_1");
        assert_eq!(named(Some("type"), r#"{"type":"call.ended"}"#).kind, EventType::OtherUnknown);
        let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(65));
        for (field, body) in [
            ("gone", body),
            ("event", body),
            ("event.n", body),
            ("other.0", body),
            ("type", "[]"),
            ("type", ""),
            ("type", &long),
        ] {
            let kept = named(Some(field), body);
            assert!(kept.fault.is_some() && kept.id == "webhook:msg_1", "{field} of {body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300), field in ".{0,10}") {
            let _ = name("msg_1", Some(&field), &body, Timestamp::UNIX_EPOCH);
        }
    }
}
