//! The signature of every Retell delivery: `v=<unix ms>,d=<hex HMAC-SHA256 over body ++ ms, keyed by the API key>`.
//!
//! Source: retell-typescript-sdk, `src/lib/webhook_auth.ts`. Taken over the raw bytes, never over re-serialised JSON.

use aws_lc_rs::{constant_time, hmac};
use chrono::DateTime;
use contract::Timestamp;

use crate::Refusal;

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-retell-signature";
/// How far the signature's time may be from ours, before or after, in milliseconds; the limit itself is accepted.
pub const WINDOW_MS: u64 = 5 * 60 * 1000;

/// The header value for `body`, signed with `secret` at `at`.
#[must_use]
pub fn sign(secret: &str, body: &[u8], at: Timestamp) -> String {
    let ms = at.timestamp_millis().max(0).unsigned_abs();
    format!("v={ms},d={}", hex::encode(mac(secret, body, ms)))
}

/// Checks the header against the body with every secret and returns when it was signed.
///
/// # Errors
/// See [`Refusal`].
pub fn verify<'a>(
    secrets: impl IntoIterator<Item = &'a str>,
    header: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    let (ms, claimed) = header.and_then(parse).ok_or(Refusal::BadSignature)?;
    // Every secret is tried, so that the time taken does not tell which one is near.
    let authentic = secrets.into_iter().fold(false, |found, secret| {
        found | constant_time::verify_slices_are_equal(mac(secret, body, ms).as_ref(), &claimed).is_ok()
    });
    let signed_at = i64::try_from(ms).ok().and_then(DateTime::from_timestamp_millis).filter(|_| authentic);
    let signed_at = signed_at.ok_or(Refusal::BadSignature)?;
    if now.timestamp_millis().abs_diff(signed_at.timestamp_millis()) > WINDOW_MS {
        return Err(Refusal::StaleSignature);
    }
    Ok(signed_at)
}

fn mac(secret: &str, body: &[u8], ms: u64) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
    context.update(body);
    context.update(ms.to_string().as_bytes());
    context.sign()
}

/// Exactly `v=<digits>,d=<64 hex digits>`, nothing before, between or after.
fn parse(header: &str) -> Option<(u64, Vec<u8>)> {
    let (ms, digest) = header.strip_prefix("v=")?.split_once(",d=")?;
    if !ms.bytes().all(|b| b.is_ascii_digit()) || digest.len() != 64 {
        return None;
    }
    Some((ms.parse().ok()?, hex::decode(digest).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    const INBOUND: &[u8] = br#"{"event":"call_inbound","event_timestamp":1795000000123,"call_inbound":{"agent_id":"agent_7c1","from_number":"+15005550006","to_number":"+15005550001"}}"#;

    fn at(ms: i64) -> Timestamp {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    #[test]
    fn the_published_vectors_pass() {
        let vectors = [
            (
                "test-api-key",
                1_700_000_000_000,
                br#"{"event":"call_ended"}"#.as_slice(),
                "07024cabe7dd8f6d1c6e4a8324ca92c812e6ad4a7ee506c04f7e462e3321823e",
            ),
            (
                "key_test_retell",
                1_795_000_000_456,
                INBOUND,
                "52608cf77dc799d9984c92cde90e191e77a5ef24510bc117cda623bfd7cbe82a",
            ),
            // The SDK makes and takes the same, see `tests/conformance/vectors.py`.
            (
                "key_ключ",
                1_795_000_000_456,
                r#"{"type":"lead.created","data":{"name":"Zoë 😀"}}"#.as_bytes(),
                "adea1c35aeda407ba98c9a1fb506f5d14ca239bbd4a17f39529f6054a13563ae",
            ),
        ];
        for (key, ms, body, digest) in vectors {
            let header = format!("v={ms},d={digest}");
            assert_eq!(sign(key, body, at(ms)), header);
            assert_eq!(verify([key], Some(&header), body, at(ms)), Ok(at(ms)));
        }
    }

    #[test]
    fn the_window_is_five_minutes_both_ways_and_its_edge_is_inside() {
        let header = sign("k", b"{}", at(1_795_000_000_000));
        for (offset, expected) in [(0, true), (300_000, true), (-300_000, true), (300_001, false), (-300_001, false)] {
            let now = at(1_795_000_000_000) + TimeDelta::milliseconds(offset);
            let verified = verify(["k"], Some(&header), b"{}", now);
            assert_eq!(
                verified,
                if expected { Ok(at(1_795_000_000_000)) } else { Err(Refusal::StaleSignature) },
                "{offset}"
            );
        }
    }

    #[test]
    fn any_valid_secret_will_do_and_no_other() {
        let header = sign("old", b"{}", at(0));
        assert!(verify(["new", "old"], Some(&header), b"{}", at(0)).is_ok());
        assert_eq!(verify(["new"], Some(&header), b"{}", at(0)), Err(Refusal::BadSignature));
        assert_eq!(verify([], Some(&header), b"{}", at(0)), Err(Refusal::BadSignature));
    }

    #[test]
    fn a_changed_body_and_a_malformed_header_are_refused() {
        let good = sign("k", INBOUND, at(1_795_000_000_000));
        let digest = &good[16..];
        let reserialised =
            serde_json::to_vec(&serde_json::from_slice::<serde_json::Value>(br#"{ "b":1, "a":2 }"#).unwrap()).unwrap();
        let spaced = sign("k", br#"{ "b":1, "a":2 }"#, at(1_795_000_000_000));
        assert_eq!(verify(["k"], Some(&spaced), &reserialised, at(1_795_000_000_000)), Err(Refusal::BadSignature));
        assert_eq!(
            verify(["k"], Some(&good), &INBOUND[..INBOUND.len() - 1], at(1_795_000_000_000)),
            Err(Refusal::BadSignature)
        );
        let malformed = [
            None,
            Some(String::new()),
            Some(digest.to_owned()),
            Some(format!("v=1795000000000,d={}", &digest[..digest.len() - 1])),
            Some(format!("{good} ")),
            Some(format!("v=+1795000000000,{digest}")),
            Some(format!("v=99999999999999999999999,{digest}")),
            Some(format!("d={digest},v=1795000000000")),
            Some(format!("v=1795000000000,d={}", "zz".repeat(32))),
        ];
        for header in malformed {
            assert_eq!(
                verify(["k"], header.as_deref(), INBOUND, at(1_795_000_000_000)),
                Err(Refusal::BadSignature),
                "{header:?}"
            );
        }
    }
}
