//! HighLevel (LeadConnector API v2): a CRM and its calendars, by location.
//!
//! Refuses a missing or wrong `Version`, fields it does not know, and more requests than its burst limit, as the real one does.

pub(crate) mod appointments;
pub(crate) mod calendars;
pub(crate) mod contacts;
mod fields;
pub(crate) mod locations;
pub(crate) mod notes;
pub(crate) mod search;
pub(crate) mod tags;

use std::collections::{BTreeMap, HashMap};

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{call::Call, lagged::Lagged, operation::Operation, reply::Reply, window::Standing};

pub(crate) use appointments::Appointment;

/// An object as it goes over the wire.
pub(crate) type Record = Map<String, Value>;

/// The one `Version` of `/calendars`.
const CALENDARS_VERSION: &str = "2021-04-15";
/// The one `Version` of everything else.
const CONTACTS_VERSION: &str = "2021-07-28";
/// Requests of a location in a day; told, not enforced.
const DAILY_MAX: u64 = 200_000;

/// All locations.
#[derive(Default)]
pub(crate) struct HighLevel {
    locations: BTreeMap<String, Location>,
    /// The location of each contact, calendar and appointment: their ids are unique over all of them.
    homes: HashMap<String, String>,
    next_id: u64,
}

/// One sub-account.
#[derive(Default)]
pub(crate) struct Location {
    contacts: BTreeMap<String, Lagged<Record>>,
    /// By contact, oldest first.
    notes: BTreeMap<String, Vec<Record>>,
    custom_fields: Vec<Record>,
    calendars: BTreeMap<String, Record>,
    appointments: BTreeMap<String, Lagged<Appointment>>,
}

impl HighLevel {
    /// The location of that name, empty if it is new.
    pub(crate) fn open(&mut self, location_id: &str) -> &mut Location {
        self.locations.entry(location_id.to_owned()).or_default()
    }

    /// A new id, at home in a location.
    fn new_id(&mut self, kind: &str, location_id: &str) -> String {
        self.next_id += 1;
        let id = format!("{kind}_{:06}", self.next_id);
        self.homes.insert(id.clone(), location_id.to_owned());
        id
    }

    fn home(&self, id: &str) -> Option<&str> {
        self.homes.get(id).map(String::as_str)
    }

    /// The location that this contact, calendar or appointment is at home in.
    fn of(&self, id: Option<&str>, what: &str) -> Result<&Location, Reply> {
        let home = id.and_then(|id| self.home(id));
        home.and_then(|home| self.locations.get(home)).ok_or_else(|| not_found(what))
    }

    fn of_mut(&mut self, id: Option<&str>, what: &str) -> Result<(&str, &mut Location), Reply> {
        let home = id.and_then(|id| self.homes.get(id)).ok_or_else(|| not_found(what))?;
        self.locations.get_mut(home).map(|location| (home.as_str(), location)).ok_or_else(|| not_found(what))
    }

    /// Everything, by location, as it was last written.
    pub(crate) fn shown(&self) -> Value {
        let location = |location: &Location| {
            json!({
                "contacts": location.contacts.values().map(Lagged::newest).collect::<Vec<_>>(),
                "notes": location.notes.values().flatten().collect::<Vec<_>>(),
                "appointments": location.appointments.values().map(|kept| kept.newest().event()).collect::<Vec<_>>(),
                "calendars": location.calendars.values().collect::<Vec<_>>(),
                "custom_fields": location.custom_fields,
            })
        };
        self.locations.iter().map(|(id, kept)| (id.clone(), location(kept))).collect::<Record>().into()
    }
}

/// The location that a request names, or that what it names is at home in.
pub(crate) fn account(state: &HighLevel, call: &Call) -> Option<String> {
    let named = call.param("locationId").or_else(|| call.query("locationId")).or_else(|| call.text("locationId"));
    let ids = ["contactId", "eventId", "calendarId"];
    let homes = || ids.iter().find_map(|id| state.home(call.param(id).or_else(|| call.text(id))?));
    named.or_else(homes).map(str::to_owned)
}

/// The gateway: credentials first, then the version.
pub(crate) fn admit(operation: &Operation, call: &Call) -> Result<(), Reply> {
    if call.credentials("Bearer").is_none() {
        return Err(error(StatusCode::UNAUTHORIZED, "Invalid token: access token is invalid"));
    }
    let wanted = if operation.is_of_calendars() { CALENDARS_VERSION } else { CONTACTS_VERSION };
    match call.headers.get("version").and_then(|version| version.to_str().ok()) {
        Some(version) if version == wanted => Ok(()),
        Some(version) => {
            let message = format!("Endpoint {} not available in API version {version}.", call.path);
            Err(error(StatusCode::BAD_REQUEST, &message))
        }
        None => Err(error(StatusCode::UNAUTHORIZED, "version header was not found.")),
    }
}

/// The limits, on every answer.
pub(crate) fn rate_headers(standing: &Standing, burst_max: u64) -> Vec<(&'static str, u64)> {
    vec![
        ("x-ratelimit-limit-daily", DAILY_MAX),
        ("x-ratelimit-daily-remaining", DAILY_MAX.saturating_sub(standing.total)),
        ("x-ratelimit-interval-milliseconds", 10_000),
        ("x-ratelimit-max", burst_max),
        ("x-ratelimit-remaining", standing.left),
    ]
}

/// An error with one sentence.
pub(crate) fn error(status: StatusCode, message: &str) -> Reply {
    failure(status, &json!(message))
}

/// What is wrong with a request's fields: the message is a list then.
fn unprocessable(messages: &[String]) -> Reply {
    failure(StatusCode::UNPROCESSABLE_ENTITY, &json!(messages))
}

fn not_found(what: &str) -> Reply {
    error(StatusCode::NOT_FOUND, &format!("{what} not found"))
}

fn failure(status: StatusCode, message: &Value) -> Reply {
    let reason = status.canonical_reason().unwrap_or_default();
    let body = json!({ "statusCode": status.as_u16(), "message": message, "error": reason, "traceId": trace_id() });
    Reply::new(status, body)
}

fn trace_id() -> Uuid {
    Uuid::new_v4()
}
