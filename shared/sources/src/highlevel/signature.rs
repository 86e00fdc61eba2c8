//! The signature of every delivery: base64 of Ed25519 over the raw body, in `X-GHL-Signature`.
//!
//! The header carries no time, so the body's `timestamp` bounds how long a delivery may be repeated.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use contract::Timestamp;

use super::body;
use crate::Refusal;

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-ghl-signature";
/// How far the body's time may be from ours, before or after, in milliseconds; the limit itself is accepted. HighLevel tries
/// again for about 70 min, and does not say whether with a new time.
pub const WINDOW_MS: u64 = 90 * 60 * 1000;
/// HighLevel's own key, as its Webhook Integration Guide prints it. It may be rotated by announcement.
pub const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=\n-----END PUBLIC KEY-----\n";

/// What stands before the 32 bytes of a public key in its DER (RFC 8410 § 4).
const DER_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

/// The text is no Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no Ed25519 key: 32 bytes in hex or base64, or, if it is a public one, PEM")]
pub struct BadKey;

/// The header value for `body`, signed with a private key of 32 bytes in hex or base64.
///
/// # Errors
/// When the key is none.
pub fn sign(private_key: &str, body: &[u8]) -> Result<String, BadKey> {
    Ok(BASE64_STANDARD.encode(pair(private_key)?.sign(body)))
}

/// The public key of a private one, in hex.
///
/// # Errors
/// When the key is none.
pub fn public_key(private_key: &str) -> Result<String, BadKey> {
    Ok(hex::encode(pair(private_key)?.public_key()))
}

/// Checks the header against the body with every public key and returns when the body says that it was sent; `now` for one that
/// does not say.
///
/// # Errors
/// See [`Refusal`].
pub fn verify<'a>(
    public_keys: impl IntoIterator<Item = &'a str>,
    header: Option<&str>,
    body: &[u8],
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    let claimed = header.and_then(|header| BASE64_STANDARD.decode(header).ok());
    let claimed = claimed.filter(|claimed| claimed.len() == SIGNATURE_BYTES).ok_or(Refusal::BadSignature)?;
    let mut refusal = Refusal::BadSignature;
    let made_it = |key: &str| match read(key) {
        Ok(key) => UnparsedPublicKey::new(&ED25519, key).verify(body, &claimed).is_ok(),
        Err(BadKey) => {
            // It may be the one that would fit.
            refusal = Refusal::UnreadableKey;
            false
        }
    };
    if !public_keys.into_iter().any(made_it) {
        return Err(refusal);
    }
    let sent_at = body::sent_at(body).unwrap_or(now);
    if now.timestamp_millis().abs_diff(sent_at.timestamp_millis()) > WINDOW_MS {
        return Err(Refusal::StaleSignature);
    }
    Ok(sent_at)
}

fn pair(private_key: &str) -> Result<Ed25519KeyPair, BadKey> {
    Ed25519KeyPair::from_seed_unchecked(&read(private_key)?).map_err(|_| BadKey)
}

/// The bytes of a key, whichever way it is written.
fn read(key: &str) -> Result<[u8; KEY_BYTES], BadKey> {
    let lines = key.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    let text: String = lines.collect();
    let bytes = if text.len() == 2 * KEY_BYTES {
        hex::decode(text).map_err(|_| BadKey)?
    } else {
        BASE64_STANDARD.decode(text).map_err(|_| BadKey)?
    };
    bytes.strip_prefix(&DER_PREFIX).unwrap_or(&bytes).try_into().map_err(|_| BadKey)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Made by tests/conformance/highlevel_vectors.py.
    fn vectors() -> Value {
        serde_json::from_str(include_str!("vectors.json")).unwrap()
    }

    fn text<'a>(vectors: &'a Value, name: &str) -> &'a str {
        vectors[name].as_str().unwrap()
    }

    fn sent_at() -> Timestamp {
        "2026-11-20T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_another_tool_signed_is_verified_with_its_key_in_every_spelling() {
        let vectors = vectors();
        for delivery in vectors["deliveries"].as_array().unwrap() {
            let (body, signature) = (text(delivery, "body").as_bytes(), text(delivery, "signature"));
            for key in ["public_key_hex", "public_key_base64", "public_key_pem"] {
                let verified = verify([text(&vectors, key)], Some(signature), body, sent_at());
                assert_eq!(verified, Ok(sent_at()), "{key} {}", delivery["name"]);
            }
            assert_eq!(
                sign(text(&vectors, "private_key_hex"), body).as_deref(),
                Ok(signature),
                "Ed25519 has one signature"
            );
            assert_eq!(verify([PUBLIC_KEY], Some(signature), body, sent_at()), Err(Refusal::BadSignature));
        }
        assert_eq!(public_key(text(&vectors, "private_key_hex")).as_deref(), Ok(text(&vectors, "public_key_hex")));
    }

    #[test]
    fn the_published_key_is_the_one_that_is_used_unless_another_is_named() {
        let bytes = "8b61d1d6cacbe28d7c3bc0516bb815258ec6edbba96cddc7f40c09ac708388e8";
        assert_eq!(read(PUBLIC_KEY).map(hex::encode).as_deref(), Ok(bytes));
    }

    #[test]
    fn of_two_keys_each_will_do_and_one_that_cannot_be_read_is_no_refusal_of_the_sender() {
        let vectors = vectors();
        let key = text(&vectors, "public_key_pem");
        let delivery = &vectors["deliveries"][0];
        let (body, signature) = (text(delivery, "body").as_bytes(), Some(text(delivery, "signature")));
        assert!(verify([PUBLIC_KEY, key], signature, body, sent_at()).is_ok());
        assert!(verify(["rubbish", key], signature, body, sent_at()).is_ok());
        assert_eq!(verify(["rubbish", PUBLIC_KEY], signature, body, sent_at()), Err(Refusal::UnreadableKey));
        assert_eq!(verify([], signature, body, sent_at()), Err(Refusal::BadSignature));
        for bad in ["", "00", "zz", &"0".repeat(63), "-----BEGIN PUBLIC KEY-----"] {
            assert_eq!(sign(bad, b"").unwrap_err(), BadKey, "{bad}");
        }
    }

    #[test]
    fn the_window_is_ninety_minutes_both_ways_and_its_edge_is_inside() {
        let vectors = vectors();
        let key = text(&vectors, "public_key_hex");
        let delivery = &vectors["deliveries"][1];
        let (body, signature) = (text(delivery, "body").as_bytes(), Some(text(delivery, "signature")));
        let edge = i64::try_from(WINDOW_MS).unwrap();
        for (offset, inside) in [(edge, true), (-edge, true), (edge + 1, false), (-edge - 1, false)] {
            let verified = verify([key], signature, body, sent_at() + TimeDelta::milliseconds(offset));
            assert_eq!(verified, if inside { Ok(sent_at()) } else { Err(Refusal::StaleSignature) }, "{offset}");
        }
    }

    #[test]
    fn a_header_that_is_none_is_refused() {
        let vectors = vectors();
        let key = text(&vectors, "public_key_hex");
        let delivery = &vectors["deliveries"][0];
        let (body, signature) = (text(delivery, "body").as_bytes(), text(delivery, "signature"));
        for header in
            [None, Some(""), Some("N/A"), Some("AAAA"), Some(&signature[..86]), Some(&format!("{signature} "))]
        {
            assert_eq!(verify([key], header, body, sent_at()), Err(Refusal::BadSignature), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_signed_is_verified_and_a_flipped_bit_is_not(
            seed in any::<[u8; 32]>(), body in proptest::collection::vec(any::<u8>(), 1..200), bit in any::<prop::sample::Index>(),
        ) {
            let private = hex::encode(seed);
            let (public, signature) = (public_key(&private).unwrap(), sign(&private, &body).unwrap());
            let verified = |body: &[u8]| verify([public.as_str()], Some(&signature), body, sent_at());
            prop_assert_eq!(verified(&body), Ok(sent_at()));
            let mut flipped = body;
            let bit = bit.index(flipped.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(verified(&flipped), Err(Refusal::BadSignature));
        }
    }
}
