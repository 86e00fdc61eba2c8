//! Any bytes from Evolution API: as what a delivery shows, as each part of a token, as an event; and the keys in it, which nobody
//! may keep.

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use contract::{Source, Timestamp};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use sources::{Refusal, whatsapp};

use super::{OTHER_SECRET, SECRET, decoded, lines, mended, named, now, refused};

/// A key of an instance, where a body has one.
const PLANTED: &str = "planted-429683C4C977415CAAFCCE10F7D57E11";

/// Panics where these bytes break it.
pub fn holds(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // What shows the secret opens, and rightly so.
    if !text.contains(SECRET) {
        credential(bytes);
    }
    token(bytes);
    named(Source::WHATSAPP, |signed_at| whatsapp::name(bytes, signed_at));
    mended(bytes);
    decoded(Source::WHATSAPP, bytes);
    redacted(bytes);
    if !text.contains(PLANTED) {
        planted(bytes);
    }
}

fn credential(bytes: &[u8]) {
    let verify =
        |authorization: Option<&str>, api_key: Option<&str>| whatsapp::verify([SECRET], authorization, api_key, now());
    let opens = [
        verify(Some(&whatsapp::sign(SECRET, now())), None),
        verify(Some(&format!("Bearer {SECRET}")), None),
        verify(None, Some(SECRET)),
    ];
    assert_eq!(opens, [Ok(now()); 3]);
    let (one, rest) = lines(bytes);
    refused(|header| verify(header, Some(&rest)), &[&one, &whatsapp::sign(OTHER_SECRET, now())]);
    refused(|header| verify(header.map(|one| format!("Bearer {one}")).as_deref(), None), &[&one, &rest]);
}

/// A token of these two parts, signed with our secret.
fn signed(header: &[u8], claims: &[u8]) -> String {
    let signed = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    format!("Bearer {signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())))
}

/// A token that is ours, whatever it claims: it opens for its own time alone, and by no other algorithm.
fn token(bytes: &[u8]) {
    let verify = |token: &str| whatsapp::verify([SECRET], Some(token), None, now());
    let claims = format!(r#"{{"exp":{}}}"#, now().timestamp() + 60);
    if verify(&signed(bytes, claims.as_bytes())).is_ok() {
        let header: Header = serde_json::from_slice(bytes).expect("what opens was read");
        assert!(header.alg == "HS256" && header.crit.is_none(), "{header:?}");
    }
    match verify(&signed(br#"{"alg":"HS256"}"#, bytes)) {
        Ok(made_at) => {
            assert!((made_at - now()).num_milliseconds() <= whatsapp::BEHIND_MS, "{made_at}");
            assert!(ends_after(bytes, now()), "it has ended");
        }
        Err(refusal) => assert!(matches!(refusal, Refusal::BadSignature | Refusal::StaleSignature)),
    }
}

/// What a token says of itself; the rest is not read, and may be no text at all.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    exp: f64,
}

/// Whether these claims are good at `now`, with all the leeway there is.
fn ends_after(claims: &[u8], now: Timestamp) -> bool {
    let claims: Claims = serde_json::from_slice(claims).expect("what opens was read");
    let leeway_s = whatsapp::LEEWAY_MS / 1000;
    claims.exp + leeway_s as f64 + 1.0 >= now.timestamp() as f64
}

/// If it was JSON it still is, means the same but for the keys, and has none left.
fn redacted(body: &[u8]) {
    let redacted = whatsapp::redact(body);
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        assert_eq!(serde_json::from_slice::<Value>(&redacted).ok(), Some(without_keys(value)));
        assert_eq!(whatsapp::redact(&redacted), redacted, "twice is once");
    }
}

fn without_keys(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let cleared = members.into_iter().map(|(name, value)| {
                let value = if name.eq_ignore_ascii_case("apikey") { Value::Null } else { without_keys(value) };
                (name, value)
            });
            Value::Object(cleared.collect())
        }
        Value::Array(items) => items.into_iter().map(without_keys).collect(),
        value => value,
    }
}

/// A key beside anything that is JSON is neither kept nor named, also where the body ends too early.
fn planted(value: &[u8]) {
    if serde_json::from_slice::<Value>(value).is_err() {
        return;
    }
    let body = [br#"{"data":"#, value, format!(r#","apikey":"{PLANTED}"}}"#).as_bytes()].concat();
    for end in [body.len(), body.len() - 1, body.len() - 2] {
        let kept = whatsapp::redact(&body[..end]);
        assert!(!String::from_utf8_lossy(&kept).contains(PLANTED), "the key is kept");
        unnamed(&body[..end]);
    }
    // A parser quotes the text that it stumbles over.
    unnamed(format!("\"{PLANTED}\"").as_bytes());
}

fn unnamed(body: &[u8]) {
    let name = whatsapp::name(body, now());
    assert!(!format!("{name:?}").contains(PLANTED), "the key is named: {name:?}");
}
