//! Any bytes from Cal.com: as the header of a delivery and as an event. No time is signed beside a body, so its own counts.

use chrono::{DateTime, TimeDelta};
use contract::{Source, Timestamp};
use serde::Deserialize;
use sources::{Refusal, calcom};

use super::{OTHER_SECRET, SECRET, altered, decoded, lines, mended, named, now, refused};

/// Panics where these bytes break it.
pub fn holds(bytes: &[u8]) {
    credential(bytes);
    named(Source::CALCOM, |made_at| calcom::name(bytes, made_at));
    mended(bytes);
    decoded(Source::CALCOM, bytes);
}

fn credential(body: &[u8]) {
    let verify = |header: Option<&str>, body: &[u8], now: Timestamp| calcom::verify([SECRET], header, body, now);
    let header = calcom::sign(SECRET, body);
    match verify(Some(&header), body, now()) {
        Ok(made_at) => assert!((made_at - now()).abs() <= TimeDelta::milliseconds(calcom::WINDOW_MS), "{made_at}"),
        // Then by its own word, and at that time it was not.
        Err(refusal) => {
            assert_eq!(refusal, Refusal::StaleSignature);
            let made_at = created_at(body).expect("what says no time is not stale");
            assert_eq!(verify(Some(&header), body, made_at), Ok(made_at));
        }
    }
    refused(|header| verify(header, &altered(body), now()), &[&header]);
    let (one, _) = lines(body);
    let foreign = calcom::sign(OTHER_SECRET, body);
    refused(|header| verify(header, body, now()), &[&one, &foreign, "no-secret-provided"]);
}

/// The rest is not read, and may be no text at all.
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "createdAt")]
    created_at: String,
}

/// When the body says it was made.
fn created_at(body: &[u8]) -> Option<Timestamp> {
    let body: Body = serde_json::from_slice(body).ok()?;
    Some(DateTime::parse_from_rfc3339(&body.created_at).ok()?.to_utc())
}
