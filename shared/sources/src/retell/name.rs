//! Names a Retell body: type, id, entity and time, without reading the rest.
//!
//! Started and ended happen once per call; everything else can come again with new content, so its id carries a hash of
//! the body. A body that can't be named is `other.unknown` with the reason.

use contract::{EventType, Timestamp};
use serde::Deserialize;

use crate::{
    Name,
    naming::{self, hash, moment_of_ms, unreadable},
    text::Lenient,
};

#[derive(Deserialize)]
struct Body {
    event: String,
    #[serde(default)]
    event_timestamp: Lenient<f64>,
    #[serde(default)]
    call: Lenient<Entity>,
    #[serde(default)]
    chat: Lenient<Entity>,
}

#[derive(Deserialize)]
struct Entity {
    #[serde(default)]
    call_id: Lenient<String>,
    #[serde(default)]
    chat_id: Lenient<String>,
    #[serde(default)]
    start_timestamp: Lenient<f64>,
    #[serde(default)]
    end_timestamp: Lenient<f64>,
}

/// Names `body`, which was signed at `signed_at`: the time of an event that carries none.
#[must_use]
pub fn name(body: &[u8], signed_at: Timestamp) -> Name {
    match serde_json::from_slice(body)
        .map_err(|error| error.to_string())
        .and_then(|parsed| understood(parsed, body, signed_at))
    {
        Ok(name) => name,
        Err(fault) => unreadable("retell", body, signed_at, fault),
    }
}

fn understood(parsed: Body, body: &[u8], signed_at: Timestamp) -> Result<Name, String> {
    let Body { event, event_timestamp, call, chat } = parsed;
    let event = naming::event(&event)?;
    let kind = kind(event, chat.0.is_some());
    let entity = call.0.or(chat.0);
    let id = entity.as_ref().and_then(|entity| entity.call_id.0.clone().or_else(|| entity.chat_id.0.clone()));
    let subject = naming::subject(id)?;
    if subject.is_none() && kind != EventType::OtherUnknown {
        return Err(format!("{event} names no call_id or chat_id"));
    }
    let of_entity = entity.and_then(|entity| match kind {
        EventType::CallStarted | EventType::ChatStarted => entity.start_timestamp.0,
        EventType::CallEnded | EventType::ChatEnded => entity.end_timestamp.0,
        _ => None,
    });
    let time = of_entity.and_then(moment_of_ms).or(event_timestamp.0.and_then(moment_of_ms)).unwrap_or(signed_at);
    let mut id = format!("retell:{event}:{}", subject.as_deref().unwrap_or("-"));
    if !happens_once(kind) {
        id.push(':');
        id.push_str(&hash(body));
    }
    Ok(Name { id, kind, subject, time, fault: None })
}

fn kind(event: &str, of_chat: bool) -> EventType {
    match event {
        "call_started" => EventType::CallStarted,
        "call_ended" => EventType::CallEnded,
        "call_analyzed" => EventType::CallAnalyzed,
        "transcript_updated" if of_chat => EventType::ChatTranscriptUpdated,
        "transcript_updated" => EventType::CallTranscriptUpdated,
        "transfer_started" => EventType::CallTransferStarted,
        "transfer_bridged" => EventType::CallTransferBridged,
        "transfer_cancelled" => EventType::CallTransferCancelled,
        "transfer_ended" => EventType::CallTransferEnded,
        "chat_started" => EventType::ChatStarted,
        "chat_ended" => EventType::ChatEnded,
        "chat_analyzed" => EventType::ChatAnalyzed,
        _ => EventType::OtherUnknown,
    }
}

fn happens_once(kind: EventType) -> bool {
    matches!(kind, EventType::CallStarted | EventType::CallEnded | EventType::ChatStarted | EventType::ChatEnded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naming::FAULT_BYTES_MAX;
    use chrono::DateTime;
    use proptest::prelude::*;

    fn signed_at() -> Timestamp {
        DateTime::from_timestamp_millis(1_795_000_000_000).unwrap()
    }

    fn named(body: &str) -> Name {
        name(body.as_bytes(), signed_at())
    }

    #[test]
    fn an_event_that_happens_once_has_the_same_id_whatever_its_content() {
        let ended = named(r#"{"event":"call_ended","call":{"call_id":"c1","end_timestamp":1795000093800}}"#);
        assert_eq!((ended.id.as_str(), ended.kind), ("retell:call_ended:c1", EventType::CallEnded));
        assert_eq!(ended.time.timestamp_millis(), 1_795_000_093_800);
        assert_eq!(named(r#"{"call":{"call_id":"c1"},"event":"call_ended","more":1}"#).id, ended.id);
    }

    #[test]
    fn an_event_that_can_repeat_has_another_id_for_other_content() {
        for event in [
            "call_analyzed",
            "transcript_updated",
            "transfer_started",
            "transfer_bridged",
            "transfer_cancelled",
            "transfer_ended",
        ] {
            let body = |text| format!(r#"{{"event":"{event}","call":{{"call_id":"c1","transcript":"{text}"}}}}"#);
            assert_ne!(named(&body("a")).id, named(&body("b")).id, "{event}");
            assert_eq!(named(&body("a")), named(&body("a")), "{event}");
            assert!(named(&body("a")).id.starts_with(&format!("retell:{event}:c1:")));
        }
    }

    #[test]
    fn fields_that_the_provider_may_add_are_no_hindrance() {
        let more = named(
            r#"{"event":"call_ended","call":{"id":"x","call_id":"c1","chat_id":null},"chat":[],"data":{"call_id":"old"}}"#,
        );
        assert_eq!((more.id.as_str(), more.fault), ("retell:call_ended:c1", None));
    }

    #[test]
    fn a_chat_is_told_from_a_call() {
        let body = r#"{"event":"transcript_updated","chat":{"chat_id":"chat_1"}}"#;
        assert_eq!(named(body).kind, EventType::ChatTranscriptUpdated);
        assert_eq!(named(body).subject.as_deref(), Some("chat_1"));
    }

    #[test]
    fn an_unknown_type_is_kept_under_its_own_name() {
        let unknown = named(r#"{"event":"call_teleported","call":{"call_id":"c1"}}"#);
        assert_eq!((unknown.kind, unknown.fault.clone()), (EventType::OtherUnknown, None));
        assert!(unknown.id.starts_with("retell:call_teleported:c1:"));
        assert!(named(r#"{"event":"ping"}"#).fault.is_none());
    }

    #[test]
    fn an_unreadable_body_is_kept_with_its_reason() {
        let long = format!(r#"{{"event":"call_ended","call":{{"call_id":"{}"}}}}"#, "x".repeat(129));
        for body in
            ["", "[]", "{", r#"{"event":7}"#, r#"{"event":"call_ended"}"#, r#"{"event":"call_ended","call":{}}"#, &long]
        {
            let unreadable = named(body);
            assert!(unreadable.fault.is_some() && unreadable.id.starts_with("retell:unreadable:"), "{body}");
            assert_eq!((unreadable.kind, unreadable.time), (EventType::OtherUnknown, signed_at()));
        }
        assert_ne!(named("[1]").id, named("[2]").id);
        let quoted = named(&format!(r#"{{"event":["{}"]}}"#, "é".repeat(1000)));
        assert!(quoted.fault.unwrap().len() <= FAULT_BYTES_MAX);
    }

    #[test]
    fn a_time_that_is_none_is_replaced_by_the_signatures() {
        for time in ["-1", "1e300", "0", "null"] {
            let body = format!(r#"{{"event":"call_started","call":{{"call_id":"c","start_timestamp":{time}}}}}"#);
            assert_eq!(named(&body).time, signed_at(), "{time}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = name(&body, signed_at());
        }
    }
}
