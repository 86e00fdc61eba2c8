//! Takes the instance's key out of a body before it is kept: a live credential has no place in a log.
//!
//! The value of each member `apikey` becomes `null`, at any depth and in any spelling JSON has for its name; every other byte
//! stays. Works on JSON, also where it ends too early; in what never was JSON, only as far as its quotes pair up. Refuses to
//! parse: the body's numbers and order are the provider's.

use std::borrow::Cow;

/// The member's name, in whatever case.
const NAME: &str = "apikey";
/// The longest way to write it, in bytes: each letter as `\uXXXX`, between quotes.
const NAME_BYTES_MAX: usize = NAME.len() * 6 + 2;

/// The body without the keys in it.
#[must_use]
pub fn redact(body: &[u8]) -> Cow<'_, [u8]> {
    let (mut redacted, mut kept, mut at) = (Vec::new(), 0, 0);
    while let Some(quote) = body[at..].iter().position(|byte| *byte == b'"') {
        let start = at + quote;
        at = end_of_text(body, start);
        let colon = past_blanks(body, at);
        if body.get(colon) != Some(&b':') || !is_name(&body[start..at]) {
            continue;
        }
        let value = past_blanks(body, colon + 1);
        at = end_of_value(body, value);
        if &body[value..at] != b"null" {
            redacted.extend_from_slice(&body[kept..value]);
            redacted.extend_from_slice(b"null");
            kept = at;
        }
    }
    if kept == 0 {
        return Cow::Borrowed(body);
    }
    redacted.extend_from_slice(&body[kept..]);
    Cow::Owned(redacted)
}

/// Whether this text, with its quotes, is the member's name.
fn is_name(quoted: &[u8]) -> bool {
    let fits = (NAME.len() + 2..=NAME_BYTES_MAX).contains(&quoted.len());
    fits && serde_json::from_slice::<Cow<'_, str>>(quoted).is_ok_and(|name| name.eq_ignore_ascii_case(NAME))
}

/// Behind the quote that closes the one at `start`, or the body's end.
fn end_of_text(body: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    body.len()
}

fn past_blanks(body: &[u8], from: usize) -> usize {
    let blanks = body.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    body.len().min(from + blanks)
}

/// Behind the value that begins at `start`.
fn end_of_value(body: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = body.get(at) {
        let ends = match byte {
            b'"' => {
                at = end_of_text(body, at);
                depth == 0
            }
            b'{' | b'[' => {
                (at, depth) = (at + 1, depth + 1);
                false
            }
            b'}' | b']' if depth > 0 => {
                (at, depth) = (at + 1, depth - 1);
                depth == 0
            }
            b'}' | b']' | b',' if depth == 0 => return at,
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ => {
                at += 1;
                false
            }
        };
        if ends {
            return at;
        }
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    const SECRET: &str = "B6D711FCDE4D4FD5936544120E713976";

    fn text(body: &str) -> String {
        String::from_utf8(redact(body.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn the_key_goes_and_every_other_byte_stays() {
        let cases = [
            (r#"{"apikey":"SECRET"}"#, r#"{"apikey":null}"#),
            (r#"{ "a" : 1.50, "apikey" : "SECRET" , "b":[1, 2] }"#, r#"{ "a" : 1.50, "apikey" : null , "b":[1, 2] }"#),
            (r#"{"apikey":"a\"SECRET\\","b":"\ud83d"}"#, r#"{"apikey":null,"b":"\ud83d"}"#),
            (
                r#"{"data":{"hash":{"apikey":"SECRET"}},"apikey":"SECRET"}"#,
                r#"{"data":{"hash":{"apikey":null}},"apikey":null}"#,
            ),
            (r#"{"\u0061pi\u004bey":"SECRET"}"#, r#"{"\u0061pi\u004bey":null}"#),
            (r#"{"apikey":{"a":["SECRET",{"b":"]}"}],"c":1},"d":2}"#, r#"{"apikey":null,"d":2}"#),
            (r#"{"apikey":["SECRET", "SECRET"] }"#, r#"{"apikey":null }"#),
            (r#"{"apikey":12345}"#, r#"{"apikey":null}"#),
            (r#"{"a":"\\","apikey":"SECRET"}"#, r#"{"a":"\\","apikey":null}"#),
            (r#"{"apikey":"SECRET"#, r#"{"apikey":null"#),
            (r#"{"apikey":"SECRET\"#, r#"{"apikey":null"#),
            (r#"{"apikey":["SECRET","#, r#"{"apikey":null"#),
            (r#"{"apikey":SECRET"#, r#"{"apikey":null"#),
        ];
        for (body, kept) in cases {
            assert_eq!(text(&body.replace("SECRET", SECRET)), kept, "{body}");
        }
    }

    #[test]
    fn what_has_no_key_is_not_even_copied() {
        for body in [
            r#"{"apikey":null}"#,
            r#"{"text":"my \"apikey\":\"is here\""}"#,
            r#"{"a":"apikey","b":"x"}"#,
            r#"["apikey","x"]"#,
            r#"{"apikeys":"x"}"#,
            "",
            "\"",
            r#"{"apikey""#,
            "no json",
        ] {
            assert!(matches!(redact(body.as_bytes()), Cow::Borrowed(same) if same == body.as_bytes()), "{body}");
        }
    }

    /// Any JSON, with members called `apikey` here and there.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            Just(json!(SECRET)),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            let name = prop_oneof![3 => ".{0,6}", 1 => Just("apikey".to_owned())];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec((name, inner), 0..6).prop_map(|members| Map::from_iter(members).into()),
            ]
        })
    }

    fn without_keys(value: Value) -> Value {
        match value {
            Value::Object(members) => {
                let members = members.into_iter().map(|(name, value)| match name.as_str() {
                    name if name.eq_ignore_ascii_case(NAME) => (name.to_owned(), Value::Null),
                    name => (name.to_owned(), without_keys(value)),
                });
                Value::Object(members.collect())
            }
            Value::Array(items) => items.into_iter().map(without_keys).collect(),
            value => value,
        }
    }

    proptest! {
        #[test]
        fn any_json_means_the_same_but_for_its_keys(value in value(), pretty in any::<bool>()) {
            let body = if pretty { serde_json::to_vec_pretty(&value).unwrap() } else { serde_json::to_vec(&value).unwrap() };
            let redacted = redact(&body);
            prop_assert_eq!(serde_json::from_slice::<Value>(&redacted).unwrap(), without_keys(value));
            prop_assert_eq!(redact(&redacted), redacted.clone());
        }

        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200), near in r#"(apikey|["\\:{}\[\], x]){0,30}"#) {
            let _ = redact(&body);
            let _ = redact(near.as_bytes());
        }
    }
}
