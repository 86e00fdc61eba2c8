//! The signature of a Cal.com delivery: hex HMAC-SHA256 over the body alone.
//!
//! Source: calcom/cal.com, `packages/features/webhooks/lib/sendPayload.ts`. No time is signed beside the body, so the body's own
//! `createdAt` is looked at once it is authentic. Refuses what a webhook without a secret sends.

use chrono::TimeDelta;
use contract::Timestamp;
use serde::Deserialize;

use crate::{
    Refusal,
    mac::{hex_of_32_bytes, mac, made_by_one},
    naming::moment_of_text,
    text::Lenient,
};

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-cal-signature-256";
/// How far a body's `createdAt` may be from our clock, before or after, in milliseconds: wide, as a delivery that is refused
/// does not come again; what is repeated within it has the same id.
pub const WINDOW_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Deserialize)]
struct Body {
    #[serde(default, rename = "createdAt")]
    created_at: Lenient<String>,
}

/// The header value for `body`, signed with `secret`.
#[must_use]
pub fn sign(secret: &str, body: &[u8]) -> String {
    hex::encode(mac(secret.as_bytes(), &[body]))
}

/// Checks the header against the body with every secret and returns when the body says it was made, or `now` if it does not.
///
/// # Errors
/// See [`Refusal`].
pub fn verify<'a>(
    secrets: impl IntoIterator<Item = &'a str>,
    header: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    // `no-secret-provided`, which stands there without a secret, is no hex.
    let claimed = header.and_then(hex_of_32_bytes).ok_or(Refusal::BadSignature)?;
    if !made_by_one(secrets.into_iter().map(str::as_bytes), &[body], &[claimed]) {
        return Err(Refusal::BadSignature);
    }
    let created_at = serde_json::from_slice::<Body>(body).ok().and_then(|body| body.created_at.0);
    let made_at = created_at.as_deref().and_then(moment_of_text).unwrap_or(now);
    if (now - made_at).abs() > TimeDelta::milliseconds(WINDOW_MS) {
        return Err(Refusal::StaleSignature);
    }
    Ok(made_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CREATED: &[u8] =
        br#"{"triggerEvent":"BOOKING_CREATED","createdAt":"2026-11-20T10:00:00.000Z","payload":{"uid":"bk_uid_1"}}"#;
    const DIGEST: &str = "bd34c68f0ccf7ed664aebc64bbf44a3200011a00f161f15ff0aae1088c76d080";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_vector_passes_within_a_day() {
        assert_eq!(sign("cal-test-secret", CREATED), DIGEST);
        let created = at("2026-11-20T10:00:00Z");
        for (now, expected) in [
            ("2026-11-20T10:00:01Z", Ok(created)),
            ("2026-11-21T10:00:00Z", Ok(created)),
            ("2026-11-21T10:00:00.001Z", Err(Refusal::StaleSignature)),
            ("2026-11-19T09:59:59Z", Err(Refusal::StaleSignature)),
        ] {
            assert_eq!(verify(["other", "cal-test-secret"], Some(DIGEST), CREATED, at(now)), expected, "{now}");
        }
    }

    #[test]
    fn a_body_that_does_not_say_when_counts_from_now() {
        let now = at("2026-11-20T10:00:00Z");
        for body in [&b"name=Noor&uid=1"[..], br#"{"createdAt":"soon"}"#, b"", b"\xff"] {
            assert_eq!(verify(["k"], Some(&sign("k", body)), body, now), Ok(now), "{body:?}");
        }
    }

    #[test]
    fn other_secrets_and_headers_that_are_no_signature_are_refused() {
        let headers = [
            None,
            Some(""),
            Some("no-secret-provided"),
            Some(&DIGEST[1..]),
            Some(&*format!("sha256={DIGEST}")),
            Some("zz"),
        ]
        .map(|header| header.map(str::to_owned));
        for header in headers {
            let refused = verify(["cal-test-secret"], header.as_deref(), CREATED, at("2026-11-20T10:00:00Z"));
            assert_eq!(refused, Err(Refusal::BadSignature), "{header:?}");
        }
        for secrets in [&["other"][..], &["no-secret-provided"], &[]] {
            let refused = verify(secrets.iter().copied(), Some(DIGEST), CREATED, at("2026-11-20T10:00:00Z"));
            assert_eq!(refused, Err(Refusal::BadSignature));
        }
    }

    proptest! {
        #[test]
        fn what_is_signed_is_verified_and_one_flipped_bit_is_not(
            secret in ".{1,40}", body in proptest::collection::vec(any::<u8>(), 1..300), flip in any::<prop::sample::Index>(), bit in 0..8u8,
        ) {
            let (now, header) = (at("2026-11-20T10:00:00Z"), sign(&secret, &body));
            prop_assert_eq!(verify([secret.as_str()], Some(&header), &body, now), Ok(now));
            let mut spoiled = body.clone();
            spoiled[flip.index(body.len())] ^= 1 << bit;
            prop_assert_eq!(verify([secret.as_str()], Some(&header), &spoiled, now), Err(Refusal::BadSignature));
        }
    }
}
