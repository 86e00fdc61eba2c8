//! Reads vendors' JSON as it comes: a field of another type than documented is one that is not there.

use metrics::counter;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// For `deserialize_with`, together with `default`.
pub(crate) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// The entries of a list that can be read; the others are counted and left out.
pub(crate) fn readable<T: DeserializeOwned>(list: Vec<Value>, vendor: &'static str, operation: &'static str) -> Vec<T> {
    let all = list.len();
    let entries: Vec<T> = list.into_iter().filter_map(|entry| serde_json::from_value(entry).ok()).collect();
    left_out(all - entries.len(), vendor, operation);
    entries
}

/// Counts entries of an answer that can't be read.
pub(crate) fn left_out(entries: usize, vendor: &'static str, operation: &'static str) {
    if entries > 0 {
        tracing::warn!(vendor, operation, entries, "entries of a vendor's answer can't be read and are left out");
        let counter = counter!("offhook_vendor_left_out_total", "vendor" => vendor, "operation" => operation);
        counter.increment(entries as u64);
    }
}
