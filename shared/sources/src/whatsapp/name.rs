//! Names a body of Evolution API: type, id, message and time, without reading the rest.
//!
//! A message's id is unique only with its conversation and direction. The server writes its local time as if it were UTC, so
//! only a message's own time is believed. Nothing of the body but the event's name, an address, an id and a number gets into a
//! name: a fault says where, never what.

use contract::{EventType, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::decode::{Key, Stamp};
use crate::{
    Name,
    naming::{self, hash, unreadable},
    text::Lenient,
};

/// The longest address of a conversation that is believed, in bytes.
const JID_BYTES_MAX: usize = 128;

#[derive(Deserialize)]
struct Body<'a> {
    event: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    instance: Lenient<String>,
    #[serde(default)]
    date_time: Lenient<String>,
}

#[derive(Deserialize)]
struct Message {
    key: Key,
    #[serde(default, rename = "messageTimestamp")]
    sent_at: Lenient<Stamp>,
}

/// Names `body`, which was received or signed at `at`: the time of an event that carries none.
#[must_use]
pub fn name(body: &[u8], at: Timestamp) -> Name {
    // The parser's own words may quote the body, and in it a key.
    let place = |error: serde_json::Error| {
        format!("no event: {:?} error at line {} column {}", error.classify(), error.line(), error.column())
    };
    let parsed = serde_json::from_slice(body).map_err(place);
    parsed.and_then(|parsed| understood(&parsed, at)).unwrap_or_else(|fault| unreadable("whatsapp", body, at, fault))
}

fn understood(body: &Body<'_>, at: Timestamp) -> Result<Name, String> {
    let event = naming::event(&body.event)?;
    let data = body.data.map_or("null", RawValue::get);
    match event {
        "messages.upsert" | "send.message" => message(event, data, at),
        "connection.update" => {
            // The same state can come again, and then it has happened again.
            let time = body.date_time.0.as_deref().unwrap_or_default();
            let id = format!("whatsapp:{event}:{}", hash(format!("{time} {data}").as_bytes()));
            let subject = naming::subject(body.instance.0.clone())?;
            Ok(Name { id, kind: EventType::ChannelChanged, subject, time: at, fault: None })
        }
        _ => {
            let id = format!("whatsapp:{event}:{}", hash(data.as_bytes()));
            Ok(Name { id, kind: EventType::OtherUnknown, subject: None, time: at, fault: None })
        }
    }
}

fn message(event: &str, data: &str, at: Timestamp) -> Result<Name, String> {
    let lacks = |what: &str| format!("{event} without {what}");
    let Message { key, sent_at } = serde_json::from_str(data).map_err(|_| lacks("a message's key"))?;
    let subject = naming::subject(key.id.0)?.ok_or_else(|| lacks("an id"))?;
    let conversation = key.remote_jid.0.filter(|jid| jid.len() <= JID_BYTES_MAX).ok_or_else(|| lacks("an address"))?;
    let (kind, direction) = match key.from_me.0.ok_or_else(|| lacks("a word on whose it is"))? {
        true => (EventType::MessageSent, "out"),
        false => (EventType::MessageReceived, "in"),
    };
    // The conversation is somebody's number, and an id stands in logs.
    let id = format!("whatsapp:{event}:{}:{direction}:{subject}", hash(conversation.as_bytes()));
    let time = sent_at.0.and_then(Stamp::moment).unwrap_or(at);
    Ok(Name { id, kind, subject: Some(subject), time, fault: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use proptest::prelude::*;

    fn received_at() -> Timestamp {
        DateTime::from_timestamp(1_795_000_100, 0).unwrap()
    }

    fn named(body: &str) -> Name {
        name(body.as_bytes(), received_at())
    }

    fn upsert(jid: &str, from_me: &str, id: &str) -> String {
        format!(
            r#"{{"event":"messages.upsert","instance":"clinic-01","data":{{"key":{{"remoteJid":"{jid}","fromMe":{from_me},"id":"{id}"}},
            "message":{{"conversation":"Hi"}},"messageTimestamp":1795000000}},"apikey":"key-of-the-instance"}}"#
        )
    }

    #[test]
    fn a_message_is_named_by_conversation_direction_and_id() {
        let one = named(&upsert("15005550006@s.whatsapp.net", "false", "3EB0"));
        assert_eq!(one.id, "whatsapp:messages.upsert:4aa51bc71ad6db06b40f2370621c0a93:in:3EB0");
        assert_eq!((one.kind, one.subject.as_deref()), (EventType::MessageReceived, Some("3EB0")));
        assert_eq!((one.time.timestamp(), one.fault), (1_795_000_000, None));
        let ours = named(&upsert("15005550006@s.whatsapp.net", "true", "3EB0"));
        assert_eq!((ours.kind, ours.id.contains(":out:")), (EventType::MessageSent, true));
        assert_ne!(named(&upsert("15005550007@s.whatsapp.net", "false", "3EB0")).id, one.id);
        let sent =
            named(&upsert("15005550006@s.whatsapp.net", "true", "3EB0").replace("messages.upsert", "send.message"));
        assert_eq!(sent.kind, EventType::MessageSent);
    }

    #[test]
    fn a_connection_that_comes_and_goes_tells_of_it_each_time_and_once_per_time() {
        let of = |state: &str, time: &str, key: &str| {
            named(&format!(
                r#"{{"event":"connection.update","instance":"clinic-01","data":{{"instance":"clinic-01","state":"{state}"}},
                "date_time":"2026-11-20T07:06:{time}.000Z","apikey":{key}}}"#
            ))
        };
        let open = of("open", "40", "null");
        assert_eq!((open.kind, open.subject.as_deref()), (EventType::ChannelChanged, Some("clinic-01")));
        assert_eq!((open.time, &open.id), (received_at(), &of("open", "40", r#""k""#).id));
        assert!(open.id != of("open", "41", "null").id && open.id != of("close", "40", "null").id);
    }

    #[test]
    fn the_rest_is_kept_and_repeats_by_content() {
        let of = |time: &str, status: &str| {
            named(&format!(
                r#"{{"event":"messages.update","data":{{"keyId":"3EB0","status":"{status}"}},"date_time":"{time}"}}"#
            ))
        };
        let read = of("1", "READ");
        assert_eq!((read.kind, read.fault.clone()), (EventType::OtherUnknown, None));
        assert!(read.id == of("2", "READ").id && read.id != of("1", "PLAYED").id);
        assert_eq!(named(r#"{"event":"qrcode.updated"}"#).fault, None);
    }

    #[test]
    fn an_unreadable_body_is_kept_and_no_key_gets_into_its_reason() {
        let long = upsert("15005550006@s.whatsapp.net", "false", &"x".repeat(129));
        let far = upsert(&"1".repeat(129), "false", "3EB0");
        for body in [
            "",
            "[]",
            r#""key-of-the-instance""#,
            r#"{"event":"","apikey":"key-of-the-instance"}"#,
            r#"{"event":"messages.upsert","data":"key-of-the-instance"}"#,
            r#"{"event":"messages.upsert","data":{"key":"key-of-the-instance"}}"#,
            r#"{"event":"messages.upsert","data":{"key":{"id":"a","remoteJid":"b"}}}"#,
            r#"{"event":"messages.upsert"}"#,
            &long,
            &far,
        ] {
            let unreadable = named(body);
            let fault = unreadable.fault.unwrap_or_else(|| panic!("{body} has a fault"));
            assert!(!fault.contains("key-of-the-instance"), "{fault}");
            assert!(unreadable.id.starts_with("whatsapp:unreadable:") && unreadable.kind == EventType::OtherUnknown);
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300), event in "[a-z.]{0,20}", data in ".{0,60}") {
            let _ = name(&body, received_at());
            let _ = named(&format!(r#"{{"event":"{event}","data":{data}}}"#));
        }
    }
}
