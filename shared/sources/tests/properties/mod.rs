//! What holds of any bytes from outside, source by source: what we have not signed is refused, what we have is taken whatever it
//! says, gets a name that can travel, and is read without a panic into what Postgres stores.
//!
//! Said once and asked twice: `fuzz/` looks for bytes that break it, `corpora.rs` replays what was found. Refuses to know of
//! files and fuzzers: a property takes bytes, and panics where it is broken.

pub mod calcom;
pub mod elevenlabs;
pub mod highlevel;
pub mod retell;
pub mod webhook;
pub mod whatsapp;

use std::borrow::Cow;

use chrono::{DateTime, SubsecRound as _, TimeDelta};
use contract::{Envelope, EventType, HEADER_BYTES_MAX, Source, Timestamp};
use serde_json::{Value, json};
use sources::{Decoded, LENGTH_MS_MAX, Name, Refusal, SUBJECT_BYTES_MAX};

/// A property of one source.
pub type Property = fn(&[u8]);

/// Every source's, by the name of its fuzz target, seeds and corpus.
pub const ALL: [(&str, Property); 6] = [
    ("retell", retell::holds),
    ("elevenlabs", elevenlabs::holds),
    ("whatsapp", whatsapp::holds),
    ("calcom", calcom::holds),
    ("highlevel", highlevel::holds),
    ("webhook", webhook::holds),
];

/// When everything here happens, in seconds since the epoch: 2026-11-18T11:06:40Z.
const NOW_S: i64 = 1_795_000_000;
/// The longest id there is: what an envelope allows, in bytes.
const ID_BYTES_MAX: usize = 512;
/// Ours, in the spelling of Standard Webhooks; the other sources take it as it stands.
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// Somebody else's.
const OTHER_SECRET: &str = "whsec_GRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQ==";

fn now() -> Timestamp {
    DateTime::from_timestamp(NOW_S, 0).expect("a moment")
}

/// The bytes as text: its first line, which stands for a header, and the rest.
fn lines(bytes: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(bytes);
    let (one, rest) = text.split_once('\n').unwrap_or((&text, ""));
    (one.to_owned(), rest.to_owned())
}

/// What nobody has signed.
fn altered(body: &[u8]) -> Vec<u8> {
    [body, b" "].concat()
}

/// None of these headers, nor a missing one, opens the door.
fn refused(verify: impl Fn(Option<&str>) -> Result<Timestamp, Refusal>, headers: &[&str]) {
    let refusal = Err(Refusal::BadSignature);
    assert_eq!(verify(None), refusal, "without a header");
    headers.iter().for_each(|header| assert_eq!(verify(Some(header)), refusal, "{header:?}"));
}

/// A name keeps its limits, does not depend on when the event is told, and comes back from the headers it travels in.
fn named(source: Source, name: impl Fn(Timestamp) -> Name) -> Name {
    let (first, again) = (name(now()), name(now() + TimeDelta::minutes(20)));
    let identity = |name: &Name| (name.id.clone(), name.kind, name.subject.clone(), name.fault.clone());
    assert_eq!(identity(&first), identity(&again), "told again it is the same event");
    assert!((1..=ID_BYTES_MAX).contains(&first.id.len()), "{first:?}");
    let subject = first.subject.as_deref();
    assert!(subject.is_none_or(|subject| (1..=SUBJECT_BYTES_MAX).contains(&subject.len())), "{first:?}");

    let sent = envelope(source, &first);
    let headers = sent.headers();
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    assert!(bytes <= HEADER_BYTES_MAX, "{bytes} bytes of headers: {first:?}");
    let printable = |value: &str| value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    assert!(headers.iter().all(|(_, value)| printable(value)), "{headers:?}");
    let get = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str());
    assert_eq!(Envelope::from_headers(get), Ok(sent), "{headers:?}");
    first
}

fn envelope(source: Source, name: &Name) -> Envelope {
    Envelope {
        org: "demo".parse().expect("an org id"),
        source,
        channel: "front-desk".to_owned(),
        id: name.id.clone(),
        kind: name.kind,
        subject: name.subject.clone(),
        // To the microsecond, like every time of ours.
        time: name.time.trunc_subsecs(6),
        received_at: now(),
        content_type: "application/json".to_owned(),
        fault: name.fault.clone(),
    }
}

/// The body as each type of event: what it says can be stored.
fn decoded(source: Source, body: &[u8]) {
    for kind in EventType::ALL {
        match sources::decode(source, *kind, body) {
            Ok(Decoded::Call(call)) => {
                lasts(call.duration_ms);
                assert!(call.cost_cents.as_deref().is_none_or(is_decimal), "{call:?}");
                // These two are no columns, and so not in the JSON.
                storable(&json!([call, call.contact_name, call.contact_email]));
            }
            Ok(Decoded::Message(message)) => {
                lasts(message.duration_ms);
                storable(&json!(message));
            }
            Ok(Decoded::Contact(contact)) => storable(&json!(contact)),
            Ok(Decoded::Channel(channel)) => storable(&json!(channel)),
            Ok(Decoded::Appointment(appointment)) => storable(&json!(appointment)),
            Ok(Decoded::Other) | Err(_) => {}
        }
    }
}

/// No text that Postgres would not take.
fn storable(facts: &Value) {
    match facts {
        Value::String(text) => assert!(!text.contains('\0'), "NUL in {text:?}"),
        Value::Array(items) => items.iter().for_each(storable),
        Value::Object(members) => members.values().for_each(storable),
        _ => {}
    }
}

/// A length that sums of lengths can hold.
fn lasts(duration_ms: Option<i64>) {
    assert!(duration_ms.is_none_or(|ms| (0..=LENGTH_MS_MAX).contains(&ms)), "{duration_ms:?} ms");
}

fn is_decimal(text: &str) -> bool {
    let plain = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, "0"));
    [whole, fraction].iter().all(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Text is mended once and for all: sound JSON stays as it is, and none has a NUL.
fn mended(body: &[u8]) {
    let once = sources::mend(body);
    assert_eq!(sources::mend(once.as_bytes()), once, "twice is once");
    if let Ok(value) = serde_json::from_str::<Value>(&once) {
        storable(&value);
    }
    let sound = serde_json::from_slice::<Value>(body).is_ok() && !body.windows(6).any(|bytes| bytes == b"\\u0000");
    assert!(!sound || matches!(once, Cow::Borrowed(_)), "sound JSON was changed");
}
