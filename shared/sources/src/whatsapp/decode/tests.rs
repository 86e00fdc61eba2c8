//! What messages and connections of Evolution API say.

use contract::MessageKind;
use proptest::prelude::*;

use super::*;

fn decoded(key: &str, message: &str) -> MessageFacts {
    let body = format!(
        r#"{{"event":"messages.upsert","instance":"clinic-01","data":{{"key":{key},"pushName":"Noor","status":"DELIVERY_ACK",
        "message":{message},"messageType":"conversation","messageTimestamp":1795000000,"source":"android"}},
        "sender":"15005550001@s.whatsapp.net","apikey":"key-of-the-instance"}}"#
    );
    match decode(EventType::MessageReceived, body.as_bytes()).unwrap() {
        Decoded::Message(facts) => {
            assert!(!format!("{facts:?}").contains("key-of-the-instance"));
            *facts
        }
        other => panic!("{other:?} is no message: {body}"),
    }
}

const PERSON: &str = r#"{"remoteJid":"15005550006@s.whatsapp.net","fromMe":false,"id":"3EB0"}"#;

fn content(message: &str) -> (MessageKind, Option<String>, Option<String>) {
    let facts = decoded(PERSON, message);
    (facts.kind.unwrap(), facts.text, facts.reply_to)
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_persons_words_are_read_whole() {
    let phone = "+15005550006".parse().ok();
    let expected = MessageFacts {
        external_id: text("3EB0"),
        conversation: text("15005550006@s.whatsapp.net"),
        audience: Some(Audience::Person),
        direction: Some(Direction::Inbound),
        contact_phone: phone.clone(),
        contact_name: text("Noor"),
        author_phone: phone,
        kind: Some(MessageKind::Text),
        text: text("Can I come Tuesday?"),
        sent_at: moment_of_s(1_795_000_000.0),
        ..MessageFacts::default()
    };
    assert_eq!(decoded(PERSON, r#"{"conversation":"Can I come Tuesday?"}"#), expected);
}

#[test]
fn our_own_messages_have_the_same_contact_and_no_author() {
    let ours = decoded(&PERSON.replace("false", "true"), r#"{"conversation":"Yes"}"#);
    assert_eq!((ours.direction, ours.author_phone, ours.contact_name), (Some(Direction::Outbound), None, None));
    assert_eq!(ours.contact_phone.unwrap().as_str(), "+15005550006");
}

#[test]
fn a_hidden_number_is_found_where_the_provider_tells_it() {
    let hidden = decoded(r#"{"remoteJid":"150055500061234@lid","addressingMode":"lid","fromMe":false,"id":"a"}"#, "{}");
    assert_eq!((hidden.audience, hidden.contact_phone), (Some(Audience::Person), None));
    for field in ["remoteJidAlt", "senderPn"] {
        let key =
            format!(r#"{{"remoteJid":"1@lid","{field}":"15005550006:3@s.whatsapp.net","fromMe":false,"id":"a"}}"#);
        assert_eq!(decoded(&key, "{}").contact_phone.unwrap().as_str(), "+15005550006", "{field}");
    }
}

#[test]
fn a_group_and_a_status_have_an_author_and_no_contact() {
    for (jid, audience) in [("120363041967849074@g.us", Audience::Group), ("status@broadcast", Audience::Broadcast)] {
        for author in [
            r#""participant":"15005550006@s.whatsapp.net""#,
            r#""participant":"1@lid","participantAlt":"15005550006@s.whatsapp.net""#,
        ] {
            let key = format!(r#"{{"remoteJid":"{jid}","fromMe":false,"id":"a",{author}}}"#);
            let facts = decoded(&key, r#"{"conversation":"All"}"#);
            assert_eq!((facts.audience, facts.contact_phone), (Some(audience), None), "{jid}");
            assert_eq!(facts.author_phone.unwrap().as_str(), "+15005550006");
        }
    }
}

#[test]
fn every_sort_of_content_has_its_words() {
    use MessageKind::{Audio, Contact, Document, Image, Location, Other, Poll, Reaction, Sticker, Text, Video};
    for (message, kind, words) in [
        (r#"{"extendedTextMessage":{"text":"See https://x.example"}}"#, Text, text("See https://x.example")),
        (r#"{"imageMessage":{"caption":"My tooth","mimetype":"image/jpeg"}}"#, Image, text("My tooth")),
        (r#"{"imageMessage":{}}"#, Image, None),
        (r#"{"videoMessage":{"caption":"v"},"base64":"AAAA"}"#, Video, text("v")),
        (r#"{"ptvMessage":{}}"#, Video, None),
        (r#"{"audioMessage":{"seconds":7,"ptt":true}}"#, Audio, None),
        (r#"{"audioMessage":{},"speechToText":"[audio] Hello there"}"#, Audio, text("Hello there")),
        (r#"{"documentMessage":{"fileName":"x-ray.pdf"}}"#, Document, text("x-ray.pdf")),
        (r#"{"documentMessage":{"fileName":"x-ray.pdf","caption":"Mine"}}"#, Document, text("Mine")),
        (r#"{"stickerMessage":{}}"#, Sticker, None),
        (r#"{"locationMessage":{"degreesLatitude":1.5,"name":"Home"}}"#, Location, text("Home")),
        (r#"{"contactMessage":{"displayName":"Ana","vcard":"BEGIN"}}"#, Contact, text("Ana")),
        (r#"{"pollCreationMessageV3":{"name":"When?"}}"#, Poll, text("When?")),
        (r#"{"reactionMessage":{"key":{"id":"3EAA"},"text":""}}"#, Reaction, None),
        (r#"{"buttonsResponseMessage":{"selectedDisplayText":"Yes"}}"#, Text, text("Yes")),
        (r#"{"listResponseMessage":{"title":"Tuesday"}}"#, Text, text("Tuesday")),
        (r#"{"protocolMessage":{"type":"REVOKE"}}"#, Other, None),
        (r#"{"conversation":7,"imageMessage":"x"}"#, Other, None),
        ("null", Other, None),
    ] {
        let (found, said, _) = content(message);
        assert_eq!((found, said), (kind, words), "{message}");
    }
}

#[test]
fn answers_and_reactions_say_to_what() {
    let reaction = r#"{"reactionMessage":{"key":{"id":"3EAA","fromMe":true},"text":"👍"}}"#;
    assert_eq!(content(reaction), (MessageKind::Reaction, text("👍"), text("3EAA")));
    let quoting = r#"{"extendedTextMessage":{"text":"Yes","contextInfo":{"stanzaId":"3EFF"}}}"#;
    assert_eq!(content(quoting), (MessageKind::Text, text("Yes"), text("3EFF")));
    let flattened = r#"{"data":{"message":{"conversation":"Yes"},"contextInfo":{"stanzaId":"3EFF"}}}"#;
    let Decoded::Message(facts) = decode(EventType::MessageReceived, flattened.as_bytes()).unwrap() else {
        panic!("a message");
    };
    assert_eq!(facts.reply_to, text("3EFF"));
}

#[test]
fn wrappers_are_opened_and_a_tower_of_them_falls_on_nobody() {
    for wrapper in ["ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "documentWithCaptionMessage"] {
        let wrapped = format!(r#"{{"{wrapper}":{{"message":{{"imageMessage":{{"caption":"c"}}}}}}}}"#);
        assert_eq!(content(&wrapped).1, text("c"), "{wrapper}");
    }
    let levels = 20_000;
    let tower = format!("{}null{}", r#"{"ephemeralMessage":{"message":"#.repeat(levels), "}}".repeat(levels));
    assert_eq!(content(&tower).0, MessageKind::Other);
}

#[test]
fn attachments_say_where_they_are() {
    let facts = decoded(
        PERSON,
        r#"{"audioMessage":{"mimetype":"audio/ogg; codecs=opus","seconds":7},"mediaUrl":"https://s3.example/a.ogg"}"#,
    );
    assert_eq!((facts.media_type, facts.duration_ms), (text("audio/ogg; codecs=opus"), Some(7000)));
    assert_eq!(facts.media_url, text("https://s3.example/a.ogg"));
}

#[test]
fn a_time_is_read_in_each_of_its_spellings() {
    for stamp in ["1795000000", r#""1795000000""#, r#"{"low":1795000000,"high":0,"unsigned":true}"#] {
        let body = format!(r#"{{"data":{{"messageTimestamp":{stamp}}}}}"#);
        let Decoded::Message(facts) = decode(EventType::MessageSent, body.as_bytes()).unwrap() else {
            panic!("a message");
        };
        assert_eq!(facts.sent_at.map(|at| at.timestamp()), Some(1_795_000_000), "{stamp}");
    }
}

#[test]
fn a_connection_says_its_state_and_our_number() {
    let of = |data: &str| {
        let body = format!(r#"{{"event":"connection.update","data":{data},"sender":"15005550001@s.whatsapp.net"}}"#);
        match decode(EventType::ChannelChanged, body.as_bytes()).unwrap() {
            Decoded::Channel(facts) => facts,
            other => panic!("{other:?} is no channel"),
        }
    };
    let open = of(r#"{"instance":"i","state":"open","statusReason":200,"wuid":"15005550002@s.whatsapp.net"}"#);
    assert_eq!((open.state, open.reason), (Some(ChannelState::Connected), Some(200)));
    assert_eq!(open.our_phone.unwrap().as_str(), "+15005550002");
    assert_eq!(of(r#"{"state":"close","statusReason":401}"#).state, Some(ChannelState::Disconnected));
    assert_eq!(of(r#"{"state":"refused"}"#).our_phone.unwrap().as_str(), "+15005550001");
    assert_eq!(of(r#"{"state":"connecting"}"#).state, Some(ChannelState::Connecting));
    assert_eq!(of(r#"{"state":"odd"}"#).state, None);
}

#[test]
fn emoji_stay_nul_goes_and_a_body_without_data_is_an_error() {
    assert_eq!(content(r#"{"conversation":"a\u0000b\ud83d\ude00\ud83d"}"#).1, text("ab😀\u{fffd}"));
    assert_eq!(decode(EventType::OtherUnknown, b"whatever").unwrap(), Decoded::Other);
    assert!(decode(EventType::MessageReceived, b"{}").is_err());
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300), message in ".{0,60}", jid in ".{0,20}") {
        let near = format!(r#"{{"data":{{"key":{{"remoteJid":{}}},"message":{message}}}}}"#, serde_json::to_string(&jid).unwrap());
        for kind in [EventType::MessageReceived, EventType::MessageSent, EventType::ChannelChanged] {
            let _ = decode(kind, &body);
            let _ = decode(kind, near.as_bytes());
        }
    }
}
