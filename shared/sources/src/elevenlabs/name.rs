//! Names an ElevenLabs body: type, id, conversation and time, without reading the rest.
//!
//! There is no event id. Failure and sound come once per conversation; an analysis can be run again, so its id carries a hash
//! of the body. A body that can't be named is `other.unknown` with the reason.

use contract::{EventType, Timestamp};
use serde::Deserialize;

use crate::{
    Name,
    naming::{self, hash, moment_of_s, unreadable},
    text::Lenient,
};

#[derive(Deserialize)]
struct Body {
    r#type: String,
    #[serde(default)]
    event_timestamp: Lenient<f64>,
    #[serde(default)]
    data: Lenient<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    conversation_id: Lenient<String>,
    #[serde(default)]
    agent_id: Lenient<String>,
}

/// The agent that a body is about, if it can be read and names one.
#[must_use]
pub fn agent_id(body: &[u8]) -> Option<String> {
    let parsed: Body = serde_json::from_slice(body).ok()?;
    parsed.data.0?.agent_id.0
}

/// Names `body`, which was signed at `signed_at`: the time of an event that carries none.
#[must_use]
pub fn name(body: &[u8], signed_at: Timestamp) -> Name {
    let parsed = serde_json::from_slice(body).map_err(|error| error.to_string());
    parsed
        .and_then(|parsed| understood(parsed, body, signed_at))
        .unwrap_or_else(|fault| unreadable("elevenlabs", body, signed_at, fault))
}

fn understood(parsed: Body, body: &[u8], signed_at: Timestamp) -> Result<Name, String> {
    let event = naming::event(&parsed.r#type)?;
    let kind = kind(event);
    let subject = naming::subject(parsed.data.0.and_then(|data| data.conversation_id.0))?;
    if subject.is_none() && kind != EventType::OtherUnknown {
        return Err(format!("{event} names no conversation_id"));
    }
    let mut id = format!("elevenlabs:{event}:{}", subject.as_deref().unwrap_or("-"));
    if !matches!(kind, EventType::CallEnded | EventType::CallAudioReceived) {
        id.push(':');
        id.push_str(&hash(body));
    }
    let time = parsed.event_timestamp.0.and_then(moment_of_s).unwrap_or(signed_at);
    Ok(Name { id, kind, subject, time, fault: None })
}

fn kind(event: &str) -> EventType {
    match event {
        "post_call_transcription" => EventType::CallAnalyzed,
        "call_initiation_failure" => EventType::CallEnded,
        "post_call_audio" => EventType::CallAudioReceived,
        _ => EventType::OtherUnknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    fn named(body: &str) -> Name {
        name(body.as_bytes(), DateTime::from_timestamp(1_795_000_000, 0).unwrap())
    }

    #[test]
    fn the_agent_is_found_where_it_belongs_and_nowhere_else() {
        let of = |body: &str| agent_id(body.as_bytes());
        let whole =
            r#"{"type":"post_call_audio","data":{"agent_id":"agent_1","conversation_id":"c","full_audio":"AA"}}"#;
        assert_eq!(of(whole).as_deref(), Some("agent_1"));
        for body in ["", "{", "[]", r#"{"type":"x","agent_id":"a"}"#, r#"{"type":"x","data":{"agent_id":7}}"#] {
            assert_eq!(of(body), None, "{body}");
        }
    }

    #[test]
    fn transcript_and_sound_of_one_conversation_are_two_events() {
        let of = |event, more| {
            named(&format!(
                r#"{{"type":"{event}","event_timestamp":1795000140,"data":{{"conversation_id":"conv_1"{more}}}}}"#
            ))
        };
        let sound = of("post_call_audio", r#","full_audio":"AAAA""#);
        assert_eq!(
            (sound.id.as_str(), sound.kind),
            ("elevenlabs:post_call_audio:conv_1", EventType::CallAudioReceived)
        );
        let failure = of("call_initiation_failure", "");
        assert_eq!(
            (failure.id.as_str(), failure.kind),
            ("elevenlabs:call_initiation_failure:conv_1", EventType::CallEnded)
        );
        let (one, other) = (of("post_call_transcription", ""), of("post_call_transcription", r#","status":"done""#));
        assert_eq!((one.kind, one.subject.as_deref()), (EventType::CallAnalyzed, Some("conv_1")));
        assert!(one.id.starts_with("elevenlabs:post_call_transcription:conv_1:") && one.id != other.id);
        assert_eq!(one.time.timestamp(), 1_795_000_140);
    }

    #[test]
    fn an_unknown_type_and_an_unreadable_body_are_kept() {
        let unknown = named(r#"{"type":"unredacted_transcript","data":{"conversation_id":"conv_1"}}"#);
        assert_eq!((unknown.kind, unknown.fault), (EventType::OtherUnknown, None));
        assert!(unknown.id.starts_with("elevenlabs:unredacted_transcript:conv_1:"));
        let long = format!(r#"{{"type":"post_call_audio","data":{{"conversation_id":"{}"}}}}"#, "x".repeat(129));
        for body in ["", "[]", "{", r#"{"type":7}"#, r#"{"type":""}"#, r#"{"type":"post_call_audio"}"#, &long] {
            let unreadable = named(body);
            assert!(unreadable.fault.is_some() && unreadable.id.starts_with("elevenlabs:unreadable:"), "{body}");
            assert_eq!(unreadable.kind, EventType::OtherUnknown);
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = name(&body, DateTime::UNIX_EPOCH);
        }
    }
}
