//! The signature of a post-call delivery: `t=<unix s>,v0=<hex HMAC-SHA256 over t "." body>`, keyed by the whole secret.
//!
//! Source: elevenlabs-python, `webhooks_custom.py`. The prefix `wsec_` is part of the key. The SDKs look only into the past;
//! a time far in the future is refused here too.

use chrono::DateTime;
use contract::Timestamp;

use crate::{
    Refusal,
    mac::{hex_of_32_bytes, mac, made_by_one},
};

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "elevenlabs-signature";
/// How old a signature may be, in milliseconds; the limit itself is accepted.
pub const WINDOW_MS: i64 = 30 * 60 * 1000;
/// How far a signature's time may be ahead of ours, in milliseconds; the limit itself is accepted.
pub const FUTURE_MS: i64 = 5 * 60 * 1000;
/// The most parts of a header that are looked at.
const PARTS_MAX: usize = 16;

/// The header value for `body`, signed with `secret` at `at`.
#[must_use]
pub fn sign(secret: &str, body: &[u8], at: Timestamp) -> String {
    let seconds = at.timestamp().max(0).to_string();
    let code = mac(secret.as_bytes(), &[seconds.as_bytes(), b".", body]);
    format!("t={seconds},v0={}", hex::encode(code))
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
    let (seconds, claimed) = header.and_then(parse).ok_or(Refusal::BadSignature)?;
    let authentic = made_by_one(secrets.into_iter().map(str::as_bytes), &[seconds.as_bytes(), b".", body], &[claimed]);
    let signed_at = seconds.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let signed_at = signed_at.filter(|_| authentic).ok_or(Refusal::BadSignature)?;
    let age_ms = now.timestamp_millis() - signed_at.timestamp_millis();
    if !(-FUTURE_MS..=WINDOW_MS).contains(&age_ms) {
        return Err(Refusal::StaleSignature);
    }
    Ok(signed_at)
}

/// The digits of `t` and the bytes of `v0`, in whatever order they stand; each once.
fn parse(header: &str) -> Option<(&str, [u8; 32])> {
    let (mut seconds, mut claimed) = (None, None);
    for part in header.splitn(PARTS_MAX, ',') {
        let part = part.trim();
        let known = if let Some(digits) = part.strip_prefix("t=") {
            seconds.replace(digits).is_some()
        } else if let Some(digits) = part.strip_prefix("v0=") {
            claimed.replace(hex_of_32_bytes(digits)?).is_some()
        } else {
            false
        };
        if known {
            return None;
        }
    }
    let seconds = seconds.filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    Some((seconds, claimed?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    const FAILURE: &[u8] = br#"{"type":"call_initiation_failure","event_timestamp":1795000000,"data":{"agent_id":"agent_a1","conversation_id":"conv_b2","failure_reason":"busy"}}"#;
    /// From the wire facts; the SDK makes the same, see `tests/conformance/vectors.py`.
    const DIGEST: &str = "8cc75b8cc55869b19ecb67b444468f0771b218bca04c44735251aba46a1e2dc7";

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_vector_passes_in_any_order_and_beside_schemes_to_come() {
        let header = format!("t=1795000005,v0={DIGEST}");
        assert_eq!(sign("wsec_test_secret", FAILURE, at(1_795_000_005)), header);
        for header in [header, format!("v0={DIGEST},t=1795000005"), format!("v1=abc, t=1795000005, v0={DIGEST}")] {
            let verified = verify(["wsec_test_secret"], Some(&header), FAILURE, at(1_795_000_005));
            assert_eq!(verified, Ok(at(1_795_000_005)), "{header}");
        }
    }

    #[test]
    fn a_body_and_a_secret_beyond_ascii_are_signed_as_the_library_does() {
        let header = "t=1795000005,v0=08a9bed82aa90861d1293f4174e43d69469c4369777072e94ff4872616cde919";
        let body = r#"{"type":"lead.created","data":{"name":"Zoë 😀"}}"#;
        assert_eq!(sign("wsec_ключ", body.as_bytes(), at(1_795_000_005)), header);
    }

    #[test]
    fn half_an_hour_back_and_five_minutes_ahead_with_their_edges() {
        let header = sign("k", b"{}", at(1_795_000_000));
        for (offset_ms, fits) in [(0, true), (1_800_000, true), (1_800_001, false), (-300_000, true), (-300_001, false)]
        {
            let verified = verify(["k"], Some(&header), b"{}", at(1_795_000_000) + TimeDelta::milliseconds(offset_ms));
            assert_eq!(verified.map_err(|refusal| refusal == Refusal::StaleSignature).is_ok(), fits, "{offset_ms}");
        }
    }

    #[test]
    fn any_valid_secret_will_do_and_no_other() {
        let header = sign("old", b"{}", at(0));
        assert!(verify(["new", "old"], Some(&header), b"{}", at(0)).is_ok());
        for secrets in [&["new"][..], &[]] {
            let refused = verify(secrets.iter().copied(), Some(&header), b"{}", at(0));
            assert_eq!(refused, Err(Refusal::BadSignature));
        }
    }

    #[test]
    fn a_malformed_header_is_refused() {
        let malformed = [
            String::new(),
            "t=1795000005".to_owned(),
            format!("v0={DIGEST}"),
            format!("t=,v0={DIGEST}"),
            format!("t=+1795000005,v0={DIGEST}"),
            format!("t=99999999999999999999,v0={DIGEST}"),
            format!("t=1795000005,v0={}", &DIGEST[1..]),
            format!("t=1795000005,v0={DIGEST}00"),
            format!("t=1795000005,t=1795000005,v0={DIGEST}"),
            format!("t=1795000005,v0={DIGEST},v0={DIGEST}"),
        ];
        for header in malformed.iter().map(String::as_str).map(Some).chain([None]) {
            let refused = verify(["wsec_test_secret"], header, FAILURE, at(1_795_000_005));
            assert_eq!(refused, Err(Refusal::BadSignature), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_signed_is_verified_and_one_flipped_bit_is_not(
            secret in ".{1,40}",
            body in proptest::collection::vec(any::<u8>(), 1..300),
            seconds in 1_000_000_000i64..3_000_000_000,
            flip in any::<prop::sample::Index>(),
            bit in 0..8u8,
        ) {
            let header = sign(&secret, &body, at(seconds));
            prop_assert_eq!(verify([secret.as_str()], Some(&header), &body, at(seconds)), Ok(at(seconds)));
            let mut spoiled = body.clone();
            spoiled[flip.index(body.len())] ^= 1 << bit;
            prop_assert_eq!(verify([secret.as_str()], Some(&header), &spoiled, at(seconds)), Err(Refusal::BadSignature));
            let mut spoiled = header.clone().into_bytes();
            let place = header.len() - 64 + flip.index(64);
            spoiled[place] ^= 1 << bit;
            // A digit's case is no difference; `a` and `A` differ in bit 5.
            if !spoiled.eq_ignore_ascii_case(header.as_bytes())
                && let Ok(spoiled) = std::str::from_utf8(&spoiled)
            {
                prop_assert_eq!(verify([secret.as_str()], Some(spoiled), &body, at(seconds)), Err(Refusal::BadSignature));
            }
        }
    }
}
