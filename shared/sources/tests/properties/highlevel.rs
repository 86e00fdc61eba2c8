//! Any bytes from HighLevel: as the header of a delivery, as a key, as an event. No time is signed beside a body, so its own
//! counts.

use chrono::DateTime;
use contract::{Source, Timestamp};
use serde_json::Value;
use sources::{Refusal, highlevel};

use super::{altered, decoded, lines, mended, named, now, refused};

/// Private keys, ours and somebody else's: RFC 8032 § 7.1, tests 1 and 2.
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const OTHER_SEED: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
/// The public one of [`SEED`].
const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// Panics where these bytes break it.
pub fn holds(bytes: &[u8]) {
    credential(bytes);
    named(Source::HIGHLEVEL, |sent_at| highlevel::name(bytes, sent_at));
    mended(bytes);
    decoded(Source::HIGHLEVEL, bytes);
    assert!(highlevel::location_id(bytes).is_none_or(|id| !id.is_empty()));
}

fn credential(body: &[u8]) {
    let sign = |seed| highlevel::sign(seed, body).expect("a key");
    let verify =
        |key: &str, header: Option<&str>, body: &[u8], now: Timestamp| highlevel::verify([key], header, body, now);
    let header = sign(SEED);
    match verify(KEY, Some(&header), body, now()) {
        Ok(sent_at) => assert!((sent_at - now()).abs().num_milliseconds().unsigned_abs() <= highlevel::WINDOW_MS),
        // Then by its own word, and at that time it was not.
        Err(refusal) => {
            assert_eq!(refusal, Refusal::StaleSignature);
            let taken = |at: Timestamp| verify(KEY, Some(&header), body, at) == Ok(at);
            assert!(times(body).into_iter().any(taken), "what says no time is not stale");
        }
    }
    refused(|header| verify(KEY, header, &altered(body), now()), &[&header]);
    let (one, _) = lines(body);
    refused(|header| verify(KEY, header, body, now()), &[&one, &sign(OTHER_SEED)]);
    if highlevel::public_key(&one).is_err() {
        assert_eq!(verify(&one, Some(&header), body, now()), Err(Refusal::UnreadableKey));
    }
}

/// When the body says it was sent, here or there.
fn times(body: &[u8]) -> Vec<Timestamp> {
    let body: Value = serde_json::from_str(&sources::mend(body)).unwrap_or_default();
    let texts = [&body["timestamp"], &body["data"]["timestamp"]].map(|text| text.as_str().unwrap_or_default().trim());
    texts.iter().filter_map(|text| Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc())).collect()
}
