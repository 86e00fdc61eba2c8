//! Reads providers' JSON as it comes: text made storable, fields of the wrong type taken for absent.
//!
//! Providers cut transcripts inside a surrogate pair, and Postgres stores no NUL in text. Touches nothing else.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::value::RawValue;

/// A field that is what it should be, or is not there: absent, null and of another type are the same.
#[derive(Debug)]
pub(crate) struct Lenient<T>(pub(crate) Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).ok()))
    }
}

/// The JSON text of `body` without `\u0000`, with U+FFFD for each half of a surrogate pair and each invalid byte.
#[must_use]
pub fn mend(body: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(body);
    let mut mended = String::new();
    let mut kept = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        let start = at + found;
        let (end, replacement) = match escape(&text[start..]) {
            Escape::Whole(bytes) => (start + bytes, None),
            Escape::Nul => (start + 6, Some("")),
            Escape::Half => (start + 6, Some("\\ufffd")),
            // No JSON. Without what follows it might become an escape, and the text JSON that nobody has sent.
            Escape::Broken => break,
        };
        if let Some(replacement) = replacement {
            mended.push_str(&text[kept..start]);
            mended.push_str(replacement);
            kept = end;
        }
        at = end;
    }
    if kept == 0 {
        return text;
    }
    mended.push_str(&text[kept..]);
    Cow::Owned(mended)
}

enum Escape {
    /// So many bytes that may stay.
    Whole(usize),
    /// `\u0000`.
    Nul,
    /// One half of a surrogate pair.
    Half,
    /// `\u` without its four digits.
    Broken,
}

fn escape(text: &str) -> Escape {
    match unit(text) {
        Some(0) => Escape::Nul,
        Some(0xD800..=0xDBFF) => match text.get(6..).and_then(unit) {
            Some(0xDC00..=0xDFFF) => Escape::Whole(12),
            _ => Escape::Half,
        },
        Some(0xDC00..=0xDFFF) => Escape::Half,
        Some(_) => Escape::Whole(6),
        None if text.starts_with("\\u") => Escape::Broken,
        // A two-character escape, or none: then the JSON is broken, and parsing will say so.
        None => Escape::Whole(1 + text[1..].chars().next().map_or(0, char::len_utf8)),
    }
}

/// The code unit of a `\uXXXX` at the start of the text.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nul_goes_half_pairs_are_replaced_and_whole_pairs_stay() {
        let cases = [
            (r#""a\u0000b""#, "ab"),
            (r#""x\ud83dy""#, "x\u{fffd}y"),
            (r#""x\ude00y""#, "x\u{fffd}y"),
            (r#""\ud83d\ude00""#, "😀"),
            (r#""\\u0000\\""#, "\\u0000\\"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\n\"\u00e9""#, "\n\"é"),
        ];
        for (json, text) in cases {
            assert_eq!(serde_json::from_str::<String>(&mend(json.as_bytes())).unwrap(), text, "{json}");
        }
        assert_eq!(mend(b"\"\xff\""), "\"\u{fffd}\"");
    }

    #[test]
    fn broken_json_does_not_become_whole() {
        for broken in [r#""\u00\u000000""#, r#""\u0000\u00\u000000""#, r#""\ud83d\u12\u000034""#] {
            let mended = mend(broken.as_bytes());
            assert!(serde_json::from_str::<String>(&mended).is_err(), "{broken} became {mended}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_through_without_its_nul(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&mend(json.as_bytes())).unwrap(), text.replace('\0', ""));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), escapes in r"(\\u[0-9a-fA-F+]{0,5}|\\){0,20}") {
            let _ = mend(&bytes);
            let _ = mend(escapes.as_bytes());
        }
    }
}
