//! Any bytes from a sender of Standard Webhooks: as each header of a delivery, as its body, and as the field of a type.

use contract::{EventType, Source};
use sources::webhook::{self, Headers};

use super::{NOW_S, OTHER_SECRET, SECRET, altered, decoded, lines, mended, named, now, refused};

/// Panics where these bytes break it.
pub fn holds(bytes: &[u8]) {
    let (one, rest) = lines(bytes);
    credential(bytes, &one, &rest);
    mended(bytes);
    decoded(Source::WEBHOOK, bytes);
    for field in [None, Some("type"), Some("event.type"), Some(one.as_str()).filter(|field| field.len() <= 64)] {
        let name = named(Source::WEBHOOK, |signed_at| webhook::name("msg_1", field, bytes, signed_at));
        assert!(name.kind == EventType::OtherUnknown && name.id.ends_with(":msg_1"), "{name:?}");
    }
}

fn credential(body: &[u8], one: &str, rest: &str) {
    let seconds = NOW_S.to_string();
    for id in ["msg_1", one, rest] {
        let [_, _, (_, signature)] = webhook::sign(SECRET, id, body, now()).expect("a secret of the standard");
        let shown = Headers { id: Some(id), timestamp: Some(&seconds), signature: Some(&signature) };
        let fits = (1..=sources::SUBJECT_BYTES_MAX).contains(&id.len()) && !id.contains('.');
        assert_eq!(webhook::verify([SECRET], shown, body, now()).is_ok(), fits, "{id:?}");
        if fits {
            named(Source::WEBHOOK, |signed_at| webhook::name(id, Some("type"), body, signed_at));
        }
        let verify =
            |signature: Option<&str>| webhook::verify([SECRET], Headers { signature, ..shown }, &altered(body), now());
        refused(verify, &[&signature, one, &format!("v1,{one}")]);
        let [_, _, (_, foreign)] = webhook::sign(OTHER_SECRET, id, body, now()).expect("a secret of the standard");
        refused(|signature| webhook::verify([SECRET], Headers { signature, ..shown }, body, now()), &[&foreign, one]);
        // Each part is signed: another of them in its place is not.
        refused(|id| webhook::verify([SECRET], Headers { id, ..shown }, body, now()), &[&format!("{id}2")]);
        let (later, fraction) = (format!("{}", NOW_S + 1), format!("{NOW_S}.0"));
        let verify = |timestamp: Option<&str>| webhook::verify([SECRET], Headers { timestamp, ..shown }, body, now());
        refused(verify, &[&later, &fraction, &format!(" {seconds}"), &format!("0{seconds}")]);
    }
}
