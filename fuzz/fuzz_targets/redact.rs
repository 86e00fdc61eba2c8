//! Any bytes without their keys: if they were JSON they still are, mean the same but for the keys, and have none left.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sources::whatsapp::redact;

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

fuzz_target!(|body: &[u8]| {
    let redacted = redact(body);
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        assert_eq!(serde_json::from_slice::<Value>(&redacted).ok(), Some(without_keys(value)));
        assert_eq!(redact(&redacted), redacted, "twice is once");
    }
});
