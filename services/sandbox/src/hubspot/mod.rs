//! HubSpot (CRM objects API 2026-09): one account's contacts, their notes and properties, whatever the token.
//!
//! Refuses properties that it does not know, values that are no text, an e-mail address or unique value that is another
//! contact's, and more requests than its limits: so many in ten seconds, and a few searches a second. Unlike the real one, a
//! property with many values that lists no options takes any value.

pub(crate) mod contacts;
pub(crate) mod notes;
pub(crate) mod properties;
pub(crate) mod search;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use axum::http::StatusCode;
use chrono::SecondsFormat;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    call::{Call, Moment},
    lagged::Lagged,
    reply::Reply,
    window::Standing,
};

use properties::Property;

/// Properties as they go over the wire: all values are texts.
pub(crate) type Record = Map<String, Value>;

/// The one account there is.
const ACCOUNT: &str = "hub_demo";
/// Requests in a day; told, not enforced.
const DAILY_MAX: u64 = 250_000;
/// The first id of an object; ids grow.
const FIRST_ID: u64 = 101;

/// The account.
pub(crate) struct HubSpot {
    contacts: BTreeMap<u64, Lagged<Record>>,
    notes: BTreeMap<u64, notes::Note>,
    properties: Vec<Property>,
    next_id: u64,
}

impl Default for HubSpot {
    fn default() -> Self {
        let (contacts, notes) = (BTreeMap::new(), BTreeMap::new());
        Self { contacts, notes, properties: properties::standard(), next_id: FIRST_ID }
    }
}

impl HubSpot {
    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Everything, as it was last written.
    pub(crate) fn shown(&self) -> Value {
        json!({
            "contacts": self.contacts.values().map(Lagged::newest).collect::<Vec<_>>(),
            "notes": self.notes.iter().map(|(id, note)| note.shown(*id)).collect::<Vec<_>>(),
            "properties": self.properties.iter().map(Property::shown).collect::<Vec<_>>(),
        })
    }
}

/// The searches that passed within the last second.
#[derive(Default)]
pub(crate) struct Searches(VecDeque<Instant>);

impl Searches {
    /// Whether one more is within the limit; only then it is counted.
    pub(crate) fn passes(&mut self, now: Instant, limit: u64) -> bool {
        while self.0.front().is_some_and(|time| now.duration_since(*time) >= Duration::from_secs(1)) {
            self.0.pop_front();
        }
        let passes = (self.0.len() as u64) < limit;
        if passes {
            self.0.push_back(now);
        }
        passes
    }
}

/// Always the same.
pub(crate) fn account() -> Option<String> {
    Some(ACCOUNT.to_owned())
}

pub(crate) fn admit(call: &Call) -> Result<(), Reply> {
    let refusal = || error(StatusCode::UNAUTHORIZED, "Authentication credentials not found.");
    call.credentials("Bearer").map(|_| ()).ok_or_else(refusal)
}

/// The limits, on every answer but a search's.
pub(crate) fn rate_headers(standing: &Standing, limit: u64) -> Vec<(&'static str, u64)> {
    vec![
        ("x-hubspot-ratelimit-daily", DAILY_MAX),
        ("x-hubspot-ratelimit-daily-remaining", DAILY_MAX.saturating_sub(standing.total)),
        ("x-hubspot-ratelimit-interval-milliseconds", 10_000),
        ("x-hubspot-ratelimit-max", limit),
        ("x-hubspot-ratelimit-remaining", standing.left),
    ]
}

/// What a search is told that comes too soon.
pub(crate) fn too_many_searches() -> Reply {
    limited("SECONDLY", "You have reached your secondly limit.")
}

pub(crate) fn error(status: StatusCode, message: &str) -> Reply {
    if status == StatusCode::TOO_MANY_REQUESTS {
        return limited("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.");
    }
    let category = match status {
        StatusCode::BAD_REQUEST => "VALIDATION_ERROR",
        StatusCode::UNAUTHORIZED => "INVALID_AUTHENTICATION",
        StatusCode::NOT_FOUND => "OBJECT_NOT_FOUND",
        StatusCode::CONFLICT => "CONFLICT",
        _ => "INTERNAL_ERROR",
    };
    let body = json!({ "status": "error", "message": message, "correlationId": Uuid::new_v4(), "category": category });
    Reply::new(status, body)
}

fn limited(policy: &str, message: &str) -> Reply {
    let body = json!({
        "status": "error", "message": message, "errorType": "RATE_LIMIT", "correlationId": Uuid::new_v4(), "policyName": policy,
    });
    Reply::new(StatusCode::TOO_MANY_REQUESTS, body)
}

fn invalid(message: &str) -> Reply {
    error(StatusCode::BAD_REQUEST, message)
}

fn not_found() -> Reply {
    error(StatusCode::NOT_FOUND, "resource not found")
}

/// An object as it goes over the wire: of its properties those that are wanted.
fn object(id: u64, properties: &Record, wanted: impl Fn(&str) -> bool) -> Value {
    let of = |name: &str| properties.get(name).cloned().unwrap_or_default();
    let shown: Record =
        properties.iter().filter(|(name, _)| wanted(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    json!({
        "id": id.to_string(), "properties": shown, "createdAt": of("createdate"), "updatedAt": of("lastmodifieddate"),
        "archived": false,
    })
}

/// The list of texts of that name in a body, if there is one.
fn list<'a>(body: &'a Value, name: &str) -> Option<Vec<&'a str>> {
    Some(body.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
}

/// Now, as properties show it.
fn date(moment: &Moment) -> Value {
    json!(moment.utc.to_rfc3339_opts(SecondsFormat::Millis, true))
}
