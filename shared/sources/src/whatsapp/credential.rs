//! What a delivery shows for itself: a secret in a header, or a JSON Web Token signed with one (RFC 7519, HS256).
//!
//! Source: Evolution API 2.3.6, `webhook.controller.ts`: header `jwt_key` of an instance's webhook makes tokens of ten
//! minutes, one for all attempts of a delivery. Neither covers the body. Refuses every algorithm but HS256, whatever a token
//! says, and a token that was made for something else.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use contract::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Refusal,
    mac::{is_one, mac, made_by_one},
    naming::moment_of_s,
    text::Lenient,
};

/// The header of a plain secret, if it is not `Authorization: Bearer`.
pub const API_KEY_HEADER: &str = "apikey";
/// How long after its end a token still counts, in milliseconds: a delivery is tried for about 20 minutes with its first one.
pub const LEEWAY_MS: i64 = 25 * 60 * 1000;
/// How far the beginning of a token may be ahead of our clock, in milliseconds.
pub const BEHIND_MS: i64 = 5 * 60 * 1000;
/// How long a token is good for, in seconds.
const TOKEN_S: i64 = 600;
/// The longest credential that is looked at, in bytes.
const CREDENTIAL_BYTES_MAX: usize = 4 * 1024;

/// Something that was signed, or is to be, in the words of the token.
const APP: &str = "evolution";
const ACTION: &str = "webhook";

#[derive(Deserialize)]
struct Header {
    alg: String,
    /// Extensions that a reader has to know; there are none that we know.
    crit: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    exp: f64,
    #[serde(default)]
    iat: Lenient<f64>,
    app: Option<String>,
    action: Option<String>,
}

/// The value of `Authorization` for a delivery at `at`: a token signed with `secret`.
#[must_use]
pub fn sign(secret: &str, at: Timestamp) -> String {
    let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let (header, now) = (part(json!({ "alg": "HS256", "typ": "JWT" })), at.timestamp());
    let claims = part(json!({ "iat": now, "exp": now + TOKEN_S, "app": APP, "action": ACTION }));
    let code = BASE64_URL_SAFE_NO_PAD.encode(mac(secret.as_bytes(), &[header.as_bytes(), b".", claims.as_bytes()]));
    format!("Bearer {header}.{claims}.{code}")
}

/// Checks what a delivery shows: `Authorization: Bearer` with a secret or a token signed with one, or a secret under
/// [`API_KEY_HEADER`]. Returns when the token was made, or `now` for a plain secret.
///
/// # Errors
/// See [`Refusal`].
pub fn verify<'a>(
    secrets: impl IntoIterator<Item = &'a str>,
    authorization: Option<&str>,
    api_key: Option<&str>,
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    let secrets: Vec<&str> = secrets.into_iter().collect();
    let bearer = authorization.and_then(|value| value.strip_prefix("Bearer "));
    let shown = [bearer, api_key].into_iter().flatten().filter(|shown| shown.len() <= CREDENTIAL_BYTES_MAX);
    if shown.fold(false, |found, shown| found | is_one(secrets.iter().copied(), shown)) {
        return Ok(now);
    }
    let token = bearer.filter(|bearer| bearer.len() <= CREDENTIAL_BYTES_MAX).ok_or(Refusal::BadSignature)?;
    let claims = authentic(&secrets, token).ok_or(Refusal::BadSignature)?;
    claims.made_at(now)
}

/// What a token claims, if one of the secrets has signed it for a webhook.
fn authentic(secrets: &[&str], token: &str) -> Option<Claims> {
    let (signed, code) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header: Header = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    let code = BASE64_URL_SAFE_NO_PAD.decode(code).ok()?;
    if header.alg != "HS256" || header.crit.is_some() || !made_by_one(secrets, &[signed.as_bytes()], &[code]) {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let ours = |claim: &Option<String>, expected| claim.as_deref().is_none_or(|claim| claim == expected);
    (ours(&claims.app, APP) && ours(&claims.action, ACTION)).then_some(claims)
}

impl Claims {
    fn made_at(&self, now: Timestamp) -> Result<Timestamp, Refusal> {
        let (now_ms, end_ms) = (now.timestamp_millis(), (self.exp * 1000.0) as i64);
        let made_at = self.iat.0.map_or(Some(now), moment_of_s).ok_or(Refusal::BadSignature)?;
        let late = now_ms > end_ms.saturating_add(LEEWAY_MS);
        if late || made_at.timestamp_millis() > now_ms + BEHIND_MS {
            return Err(Refusal::StaleSignature);
        }
        Ok(made_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, TimeDelta};
    use proptest::prelude::*;

    /// Made by PyJWT 2.15.1 with the key `whatsapp-demo-secret-of-32-bytes`; see `tests/conformance/vectors.py`.
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3OTUwMDAwMDAsImV4cCI6MTc5NTAwMDYwMCwiYXBwIjoiZXZvbHV0aW9uIiwiYWN0aW9uIjoid2ViaG9vayJ9.PxcklF1_WXKKTF4cqtURZ2SdtS0RLhVodQ9s1b6h990";
    const KEY: &str = "whatsapp-demo-secret-of-32-bytes";

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn token(header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
        let code = BASE64_URL_SAFE_NO_PAD.encode(mac(KEY.as_bytes(), &[signed.as_bytes()]));
        format!("Bearer {signed}.{code}")
    }

    #[test]
    fn a_plain_secret_counts_under_both_headers() {
        let now = at(1_795_000_000);
        for (authorization, api_key) in [(Some("Bearer s2"), None), (None, Some("s2")), (Some("Basic x"), Some("s1"))] {
            assert_eq!(verify(["s1", "s2"], authorization, api_key, now), Ok(now));
        }
        for (authorization, api_key) in [
            (None, None),
            (Some("s2"), None),
            (Some("Bearer s"), Some("s")),
            (Some("Bearer "), Some("")),
            (None, Some("s1 ")),
        ] {
            assert_eq!(verify(["s1", "s2"], authorization, api_key, now), Err(Refusal::BadSignature));
        }
        assert_eq!(verify([], Some("Bearer s"), None, now), Err(Refusal::BadSignature));
    }

    #[test]
    fn a_token_of_another_library_counts_until_25_minutes_after_its_end() {
        let made = at(1_795_000_000);
        for (s, expected) in [
            (0, Ok(made)),
            (2_100, Ok(made)),
            (2_101, Err(Refusal::StaleSignature)),
            (-300, Ok(made)),
            (-301, Err(Refusal::StaleSignature)),
        ] {
            let verified = verify(["new", KEY], Some(&format!("Bearer {TOKEN}")), None, made + TimeDelta::seconds(s));
            assert_eq!(verified, expected, "{s}");
        }
        assert_eq!(verify(["new"], Some(&format!("Bearer {TOKEN}")), None, made), Err(Refusal::BadSignature));
        assert_eq!(verify([KEY], None, Some(TOKEN), made), Err(Refusal::BadSignature), "a token is a bearer");
    }

    #[test]
    fn no_other_algorithm_no_other_purpose_and_no_endless_token() {
        let now = at(1_795_000_000);
        let good = r#"{"iat":1795000000,"exp":1795000600,"app":"evolution","action":"webhook"}"#;
        let plain = r#"{"alg":"HS256","typ":"JWT"}"#;
        assert_eq!(verify([KEY], Some(&token(plain, good)), None, now), Ok(now));
        assert_eq!(verify([KEY], Some(&token(plain, r#"{"exp":1795000600}"#)), None, now), Ok(now));
        let none = format!(
            "Bearer {}.{}.",
            BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
            BASE64_URL_SAFE_NO_PAD.encode(good)
        );
        let refused = [
            none,
            token(r#"{"alg":"none"}"#, good),
            token(r#"{"alg":"HS512"}"#, good),
            token(r#"{"alg":"hs256"}"#, good),
            token(r#"{"typ":"JWT"}"#, good),
            token(r#"{"alg":"HS256","crit":["b64"]}"#, good),
            token(plain, r#"{"iat":1795000000}"#),
            token(plain, r#"{"exp":"1795000600"}"#),
            token(plain, r#"{"exp":1795000600,"app":"evolution","action":"login"}"#),
            token(plain, r#"{"exp":1795000600,"app":"other"}"#),
            token(plain, "[]"),
            "Bearer a.b.c".to_owned(),
            "Bearer ...".to_owned(),
            format!("Bearer {}", "x".repeat(CREDENTIAL_BYTES_MAX + 1)),
        ];
        for shown in refused {
            assert_eq!(verify([KEY], Some(&shown), None, now), Err(Refusal::BadSignature), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn what_is_signed_is_verified_and_one_changed_character_is_not(
            secret in "[!-~]{1,40}", seconds in 1_000_000_000i64..3_000_000_000, place in any::<prop::sample::Index>(), with in "[A-Za-z0-9_-]",
        ) {
            let shown = sign(&secret, at(seconds));
            prop_assert_eq!(verify([secret.as_str()], Some(&shown), None, at(seconds)), Ok(at(seconds)));
            // The last character of a part may hold bits that mean nothing; they are refused as well, but by the decoder.
            let place = "Bearer ".len() + place.index(shown.len() - "Bearer ".len());
            let mut spoiled = shown.clone();
            spoiled.replace_range(place..=place, &with);
            if spoiled != shown {
                prop_assert_eq!(verify([secret.as_str()], Some(&spoiled), None, at(seconds)), Err(Refusal::BadSignature));
            }
        }

        #[test]
        fn no_credential_makes_it_panic(authorization in ".{0,200}", api_key in ".{0,50}") {
            let _ = verify(["k"], Some(&authorization), Some(&api_key), at(0));
            let _ = verify(["k"], Some(&format!("Bearer {authorization}")), None, at(0));
        }
    }
}
