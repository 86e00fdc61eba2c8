//! What was asked of the vendors: the last requests one by one, and counts of all of them.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{call::Call, operation::Operation, vendor::Vendor};

/// Requests that are kept one by one.
const REQUESTS_MAX: usize = 10_000;
/// What is kept of a body, in bytes.
const BODY_BYTES_MAX: usize = 2048;

/// One request; status and duration are missing while it is in flight.
#[derive(Debug, Serialize)]
struct Entry {
    seq: u64,
    #[serde(serialize_with = "millis")]
    at: DateTime<Utc>,
    vendor: Vendor,
    operation: &'static str,
    account: String,
    method: String,
    path: String,
    status: Option<u16>,
    ms: Option<u64>,
    body: String,
}

/// Vendor, operation, and status unless it is in flight.
type Kind = (Vendor, &'static str, Option<u16>);

/// The journal since the last reset; its numbers go on over a reset.
#[derive(Default)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    counts: BTreeMap<Kind, u64>,
    next: u64,
    /// The number of the first request after the last reset.
    first: u64,
}

/// Which entries are wanted; what is not given does not matter.
#[derive(Default)]
pub(crate) struct Filter<'a> {
    pub(crate) vendor: Option<&'a str>,
    pub(crate) operation: Option<&'a str>,
    pub(crate) account: Option<&'a str>,
    /// Only what came after this number.
    pub(crate) since: Option<u64>,
}

impl Journal {
    /// Writes down a request that has arrived.
    pub(crate) fn open(&mut self, operation: &Operation, account: String, call: &Call) -> u64 {
        self.next += 1;
        if self.entries.len() >= REQUESTS_MAX {
            self.entries.pop_front();
        }
        *self.counts.entry((operation.vendor, operation.name, None)).or_default() += 1;
        let body = &call.bytes[..call.bytes.len().min(BODY_BYTES_MAX)];
        self.entries.push_back(Entry {
            seq: self.next,
            at: Utc::now(),
            vendor: operation.vendor,
            operation: operation.name,
            account,
            method: call.method.to_string(),
            path: call.path.clone(),
            status: None,
            ms: None,
            body: String::from_utf8_lossy(body).into_owned(),
        });
        self.next
    }

    /// Writes down how the request `seq` ended.
    pub(crate) fn close(&mut self, seq: u64, operation: &Operation, status: u16, ms: u64) {
        if seq <= self.first {
            return;
        }
        let in_flight = (operation.vendor, operation.name, None);
        if let Some(count) = self.counts.get_mut(&in_flight) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&in_flight);
            }
        }
        *self.counts.entry((operation.vendor, operation.name, Some(status))).or_default() += 1;
        if let Ok(index) = self.entries.binary_search_by_key(&seq, |entry| entry.seq) {
            let entry = &mut self.entries[index];
            (entry.status, entry.ms) = (Some(status), Some(ms));
        }
    }

    pub(crate) fn reset(&mut self) {
        *self = Self { first: self.next, next: self.next, ..Self::default() };
    }

    pub(crate) fn requests(&self, filter: &Filter<'_>) -> Vec<Value> {
        let fits = |wanted: Option<&str>, value: &str| wanted.is_none_or(|wanted| wanted == value);
        let wanted = self.entries.iter().filter(|entry| {
            fits(filter.vendor, entry.vendor.as_str())
                && fits(filter.operation, entry.operation)
                && fits(filter.account, &entry.account)
                && filter.since.is_none_or(|since| entry.seq > since)
        });
        wanted.map(|entry| json!(entry)).collect()
    }

    pub(crate) fn counts(&self) -> Vec<Value> {
        let counts = self.counts.iter();
        let line = counts.map(|((vendor, operation, status), count)| {
            json!({ "vendor": vendor, "operation": operation, "status": status, "count": count })
        });
        line.collect()
    }
}

fn millis<S: serde::Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}
