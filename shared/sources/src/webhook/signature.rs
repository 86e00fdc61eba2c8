//! The signature of a Standard Webhooks delivery: base64 HMAC-SHA256 over id "." timestamp "." body.
//!
//! Source: standard-webhooks 1.0.0, `spec/standard-webhooks.md`. Of several signatures one has to fit; versions that are not
//! known are passed over. Refuses an id with a dot, which would let the parts be cut elsewhere.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use chrono::DateTime;
use contract::Timestamp;

use crate::{
    Refusal, SUBJECT_BYTES_MAX,
    mac::{mac, made_by_one},
};

/// The header that carries the id of the event, the same at each attempt.
pub const ID_HEADER: &str = "webhook-id";
/// The header that carries when this attempt was made, in seconds since the epoch.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header that carries the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";
/// How far the signature's time may be from ours, before or after, in milliseconds; the limit itself is accepted.
pub const WINDOW_MS: u64 = 5 * 60 * 1000;
/// The most signatures of a header that are looked at.
const SIGNATURES_MAX: usize = 16;
/// What a secret in its usual spelling begins with.
const PREFIX: &str = "whsec_";
/// Secrets are handed out with and without the padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a delivery shows for itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    /// See [`ID_HEADER`].
    pub id: Option<&'a str>,
    /// See [`TIMESTAMP_HEADER`].
    pub timestamp: Option<&'a str>,
    /// See [`SIGNATURE_HEADER`].
    pub signature: Option<&'a str>,
}

/// The three headers for `body`, signed with `secret` at `at`; nothing if the secret is no `whsec_` and base64.
#[must_use]
pub fn sign(secret: &str, id: &str, body: &[u8], at: Timestamp) -> Option<[(&'static str, String); 3]> {
    let seconds = at.timestamp().max(0).to_string();
    let code = mac(&key(secret)?, &[id.as_bytes(), b".", seconds.as_bytes(), b".", body]);
    let signature = format!("v1,{}", BASE64_STANDARD.encode(code));
    Some([(ID_HEADER, id.to_owned()), (TIMESTAMP_HEADER, seconds), (SIGNATURE_HEADER, signature)])
}

/// Checks the headers against the body with every secret and returns when it was signed. A secret that is no base64 signs
/// nothing.
///
/// # Errors
/// See [`Refusal`].
pub fn verify<'a>(
    secrets: impl IntoIterator<Item = &'a str>,
    headers: Headers<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    let Headers { id: Some(id), timestamp: Some(seconds), signature: Some(signatures) } = headers else {
        return Err(Refusal::BadSignature);
    };
    let fits = !id.is_empty() && id.len() <= SUBJECT_BYTES_MAX && !id.contains('.');
    let plain = !seconds.is_empty() && seconds.bytes().all(|b| b.is_ascii_digit());
    let parts = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
    if !fits || !plain || !made_by_one(secrets.into_iter().filter_map(key), &parts, &claims(signatures)) {
        return Err(Refusal::BadSignature);
    }
    let signed_at = seconds.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let signed_at = signed_at.ok_or(Refusal::BadSignature)?;
    if now.timestamp_millis().abs_diff(signed_at.timestamp_millis()) > WINDOW_MS {
        return Err(Refusal::StaleSignature);
    }
    Ok(signed_at)
}

/// The key in a secret.
fn key(secret: &str) -> Option<Vec<u8>> {
    let key = LENIENT.decode(secret.strip_prefix(PREFIX).unwrap_or(secret)).ok()?;
    (!key.is_empty()).then_some(key)
}

/// The signatures of version 1.
fn claims(signatures: &str) -> Vec<Vec<u8>> {
    let first = signatures.split(' ').take(SIGNATURES_MAX);
    first.filter_map(|signature| BASE64_STANDARD.decode(signature.strip_prefix("v1,")?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    /// The vector of the specification's Rust library.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn verified(secret: &str, id: &str, timestamp: &str, signature: &str) -> Result<Timestamp, Refusal> {
        let headers = Headers { id: Some(id), timestamp: Some(timestamp), signature: Some(signature) };
        verify([secret], headers, BODY, at(1_649_367_553))
    }

    #[test]
    fn the_published_vector_passes_beside_others_and_with_any_spelling_of_the_secret() {
        let signed = sign(SECRET, ID, BODY, at(1_649_367_553)).unwrap();
        assert_eq!(signed.map(|(_, value)| value), [ID, "1649367553", SIGNATURE].map(str::to_owned));
        for signatures in [
            SIGNATURE.to_owned(),
            format!("v1,AAAA {SIGNATURE}"),
            format!("v1a,xyz v2,abc {SIGNATURE} v1,b2xk"),
            format!("nonsense  {SIGNATURE}"),
        ] {
            assert_eq!(verified(SECRET, ID, "1649367553", &signatures), Ok(at(1_649_367_553)), "{signatures}");
        }
        assert!(verified(SECRET.strip_prefix(PREFIX).unwrap(), ID, "1649367553", SIGNATURE).is_ok());
    }

    #[test]
    fn a_body_beyond_ascii_is_signed_as_the_libraries_for_python_and_javascript_do() {
        let body = r#"{"type":"lead.created","data":{"name":"Zoë 😀"}}"#;
        for secret in ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA"] {
            let [_, _, (_, signature)] = sign(secret, "msg_01JD8Z0K6T", body.as_bytes(), at(1_795_000_000)).unwrap();
            assert_eq!(signature, "v1,f8VsrhhwKXjeD0JVK4Z+kaXHyQ+Tm8lpX8ZdUQKQZCE=");
        }
    }

    #[test]
    fn the_window_is_five_minutes_both_ways_and_its_edge_is_inside() {
        let [id, timestamp, signature] = sign(SECRET, ID, BODY, at(1_795_000_000)).unwrap().map(|(_, value)| value);
        let headers = Headers { id: Some(&id), timestamp: Some(&timestamp), signature: Some(&signature) };
        for (offset_ms, fits) in [(0, true), (300_000, true), (-300_000, true), (300_001, false), (-300_001, false)] {
            let verified = verify([SECRET], headers, BODY, at(1_795_000_000) + TimeDelta::milliseconds(offset_ms));
            let expected = if fits { Ok(at(1_795_000_000)) } else { Err(Refusal::StaleSignature) };
            assert_eq!(verified, expected, "{offset_ms}");
        }
    }

    #[test]
    fn other_secrets_and_what_is_no_signature_are_refused() {
        for (secret, id, timestamp, signature) in [
            ("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", ID, "1649367553", SIGNATURE),
            ("whsec_not base64!", ID, "1649367553", SIGNATURE),
            ("whsec_", ID, "1649367553", SIGNATURE),
            (SECRET, "msg_other", "1649367553", SIGNATURE),
            (SECRET, "", "1649367553", SIGNATURE),
            (SECRET, "msg.1", "1649367553", SIGNATURE),
            (SECRET, ID, "1649367554", SIGNATURE),
            (SECRET, ID, "+1649367553", SIGNATURE),
            (SECRET, ID, "", SIGNATURE),
            (SECRET, ID, "1649367553.0", SIGNATURE),
            (SECRET, ID, "1649367553", ""),
            (SECRET, ID, "1649367553", &SIGNATURE[3..]),
            (SECRET, ID, "1649367553", &SIGNATURE.replace("v1,", "v2,")),
            (SECRET, ID, "1649367553", &format!("{}{SIGNATURE}", "v1,AAAA ".repeat(SIGNATURES_MAX))),
        ] {
            let refused = verified(secret, id, timestamp, signature);
            assert_eq!(refused, Err(Refusal::BadSignature), "{secret} {id} {timestamp} {signature}");
        }
        let whole = Headers { id: Some(ID), timestamp: Some("1649367553"), signature: Some(SIGNATURE) };
        for lacking in
            [Headers { id: None, ..whole }, Headers { timestamp: None, ..whole }, Headers { signature: None, ..whole }]
        {
            assert_eq!(verify([SECRET], lacking, BODY, at(1_649_367_553)), Err(Refusal::BadSignature), "{lacking:?}");
        }
        assert_eq!(verify([], whole, BODY, at(1_649_367_553)), Err(Refusal::BadSignature));
        assert!(verify(["x", SECRET], whole, BODY, at(1_649_367_553)).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_signed_is_verified_and_one_flipped_bit_is_not(
            key in proptest::collection::vec(any::<u8>(), 24..=64),
            id in "[a-zA-Z0-9_-]{1,64}",
            body in proptest::collection::vec(any::<u8>(), 1..300),
            flip in any::<prop::sample::Index>(),
            bit in 0..8u8,
        ) {
            let (secret, now) = (format!("whsec_{}", BASE64_STANDARD.encode(key)), at(1_795_000_000));
            let [_, timestamp, signature] = sign(&secret, &id, &body, now).unwrap().map(|(_, value)| value);
            let headers = Headers { id: Some(&id), timestamp: Some(&timestamp), signature: Some(&signature) };
            prop_assert_eq!(verify([secret.as_str()], headers, &body, now), Ok(now));
            let mut spoiled = body.clone();
            spoiled[flip.index(body.len())] ^= 1 << bit;
            prop_assert_eq!(verify([secret.as_str()], headers, &spoiled, now), Err(Refusal::BadSignature));
            let other = format!("{id}x");
            let headers = Headers { id: Some(&other), ..headers };
            prop_assert_eq!(verify([secret.as_str()], headers, &body, now), Err(Refusal::BadSignature));
        }
    }
}
