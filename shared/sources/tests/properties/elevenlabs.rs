//! Any bytes from ElevenLabs: as the header of a delivery, as an event, as the question that is asked while the line rings.

use contract::Source;
use serde_json::json;
use sources::{Refusal, elevenlabs};

use super::{NOW_S, OTHER_SECRET, SECRET, altered, decoded, lines, mended, named, now, refused, storable};

/// Panics where these bytes break it.
pub fn holds(bytes: &[u8]) {
    credential(bytes);
    shown(bytes);
    named(Source::ELEVENLABS, |signed_at| elevenlabs::name(bytes, signed_at));
    mended(bytes);
    decoded(Source::ELEVENLABS, bytes);
    let _ = elevenlabs::agent_id(bytes);
    let asked = elevenlabs::initiation(bytes);
    storable(&json!([asked.from_number, asked.to_number, asked.agent_id, asked.call_sid, asked.conversation_id]));
}

fn credential(body: &[u8]) {
    let verify = |header: Option<&str>, body: &[u8]| elevenlabs::verify([SECRET], header, body, now());
    let header = elevenlabs::sign(SECRET, body, now());
    assert_eq!(verify(Some(&header), body), Ok(now()));
    refused(|header| verify(header, &altered(body)), &[&header]);
    let (one, _) = lines(body);
    let (time, digest) = (format!("t={one},v0={}", "0".repeat(64)), format!("t={NOW_S},v0={one}"));
    let foreign = elevenlabs::sign(OTHER_SECRET, body, now());
    refused(|header| verify(header, body), &[&one, &time, &digest, &foreign]);
}

/// The question bears a header that the customer has chosen: the secret and nothing else opens.
fn shown(bytes: &[u8]) {
    let verify = |header: Option<&str>| elevenlabs::verify_initiation([SECRET], header);
    assert_eq!((verify(Some(SECRET)), verify(Some(&format!("Bearer {SECRET}")))), (Ok(()), Ok(())));
    let (one, _) = lines(bytes);
    let (with_bearer, longer) = (format!("Bearer {one}"), format!("{SECRET}{one}"));
    let is_secret = |text: &str| text.trim_start_matches("Bearer ") == SECRET;
    for header in [None, Some(one.as_str()), Some(&with_bearer), Some(&longer)] {
        assert!(verify(header) == Err(Refusal::BadSignature) || header.is_some_and(is_secret), "{header:?}");
    }
}
