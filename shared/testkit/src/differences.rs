//! Where two effects differ, in lines short enough to be read.

use serde_json::Value;

/// One line for each place at which `found` is not what was expected.
#[must_use]
pub fn differences(expected: &Value, found: &Value) -> Vec<String> {
    collect(expected, found, "")
}

fn collect(expected: &Value, found: &Value, place: &str) -> Vec<String> {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            let at = |key: &&String| collect(&expected[*key], &found[*key], &format!("{place}.{key}"));
            keys.iter().flat_map(at).collect()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.flat_map(|(nth, (a, b))| collect(a, b, &format!("{place}[{nth}]"))).collect()
        }
        (Value::Array(a), Value::Array(b)) => {
            let only = |these: &[Value], those: &[Value]| {
                these.iter().filter(|value| !those.contains(value)).take(5).map(Value::to_string).collect::<Vec<_>>()
            };
            vec![format!("{place}: {} instead of {}; missing {:?}, odd {:?}", b.len(), a.len(), only(a, b), only(b, a))]
        }
        (a, b) if a != b => vec![format!("{place}: {b} instead of {a}")],
        _ => Vec::new(),
    }
}
