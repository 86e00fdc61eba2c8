//! What a vendor said when it refused, made fit for logs and dead letters.
//!
//! Takes the vendor's own sentence out of its JSON and nothing else of the body; hides secrets, phone numbers and addresses.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// The longest sentence, in characters.
const CHARACTERS_MAX: usize = 200;
/// So many digits together may be a phone number.
const DIGITS_MIN: usize = 7;
const HIDDEN: char = '…';

/// The vendor's sentence; empty if there is none.
///
/// HighLevel: `message`, a string or a list of them. HubSpot, Zep and Langfuse: `message`. mem0: `details.message`, `detail` or `error`.
/// Cal.com: `error.message`.
pub(crate) fn of(body: &[u8], secrets: &[SecretString]) -> String {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let places =
        [&json["message"], &json["details"]["message"], &json["detail"], &json["error"], &json["error"]["message"]];
    let said = places.into_iter().find_map(|place| match place {
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => Some(list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")),
        _ => None,
    });
    hide(said.unwrap_or_default(), secrets)
}

/// The text without what must not be told, cut to its limit.
pub(crate) fn hide(mut text: String, secrets: &[SecretString]) -> String {
    for secret in secrets.iter().map(|secret| secret.expose_secret()).filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "…");
    }
    let words = text.split_whitespace().map(|word| if word.contains('@') { "…" } else { word });
    hide_numbers(&words.collect::<Vec<_>>().join(" ")).chars().take(CHARACTERS_MAX).collect()
}

/// Puts dots for what may be a phone number, whatever separators stand in it.
fn hide_numbers(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c == '+') {
        let (before, from) = rest.split_at(start);
        let within = |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')' | '/' | '%');
        let end = from.find(|c: char| !within(c)).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        hidden.push_str(before);
        if run.bytes().filter(u8::is_ascii_digit).count() < DIGITS_MIN {
            hidden.push_str(run);
        } else {
            hidden.push(HIDDEN);
            hidden.push_str(&run[run.trim_end().len()..]);
        }
        rest = after;
    }
    hidden + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vendor_s_sentence_is_found_and_nothing_else_of_the_body() {
        let cases = [
            (r#"{"statusCode":422,"message":["a must be b","c"],"error":"Unprocessable Entity"}"#, "a must be b; c"),
            (r#"{"message":"not found"}"#, "not found"),
            (r#"{"error":"400 Bad Request","details":{"message":"no user"}}"#, "no user"),
            (r#"{"detail":"bad key"}"#, "bad key"),
            (r#"{"error":"Unauthorized"}"#, "Unauthorized"),
            (r#"{"contact":{"name":"Ana"}}"#, ""),
            ("<html>a page</html>", ""),
            ("", ""),
        ];
        for (body, said) in cases {
            assert_eq!(of(body.as_bytes(), &[]), said, "{body}");
        }
    }

    #[test]
    fn secrets_numbers_and_addresses_are_hidden_and_long_sentences_cut() {
        let secrets = ["pit-abc".to_owned().into(), String::new().into()];
        let hidden = |text: &str| hide(text.to_owned(), &secrets);
        assert_eq!(hidden("token pit-abc is void"), "token … is void");
        assert_eq!(hidden("phone +1 (415) 555-0100 is taken"), "phone … is taken");
        assert_eq!(hidden("number=%2B14155550100"), "number=%2B…");
        assert_eq!(hidden("ana@example.com exists"), "… exists");
        assert_eq!(hidden("at most 31 days, not 400"), "at most 31 days, not 400");
        assert_eq!(hidden(&"ü".repeat(300)).chars().count(), 200);
    }
}
