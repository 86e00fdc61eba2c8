//! Any bytes from Retell: as the header of a delivery, as an event, as the question that is asked while the line rings.

use contract::Source;
use serde_json::json;
use sources::retell;

use super::{NOW_S, OTHER_SECRET, SECRET, altered, decoded, lines, mended, named, now, refused, storable};

/// Panics where these bytes break it.
pub fn holds(bytes: &[u8]) {
    credential(bytes);
    named(Source::RETELL, |signed_at| retell::name(bytes, signed_at));
    mended(bytes);
    decoded(Source::RETELL, bytes);
    question(bytes);
}

fn credential(body: &[u8]) {
    let verify = |header: Option<&str>, body: &[u8]| retell::verify([SECRET], header, body, now());
    let header = retell::sign(SECRET, body, now());
    assert_eq!(verify(Some(&header), body), Ok(now()));
    refused(|header| verify(header, &altered(body)), &[&header]);
    let (one, _) = lines(body);
    let (time, digest) = (format!("v={one},d={}", "0".repeat(64)), format!("v={NOW_S}000,d={one}"));
    let foreign = retell::sign(OTHER_SECRET, body, now());
    refused(|header| verify(header, body), &[&one, &time, &digest, &foreign]);
}

fn question(body: &[u8]) {
    let asked = retell::inbound(body);
    storable(&json!([asked.from_number, asked.to_number, asked.agent_id, asked.call_id]));
    let answer = json!(asked.answer(&json!({ "greeting": "Hello" }), "ans_1"));
    let told =
        answer.pointer("/call_inbound/dynamic_variables/greeting").or(answer.pointer("/dynamic_variables/greeting"));
    assert_eq!(told, Some(&json!("Hello")), "{answer}");
}
