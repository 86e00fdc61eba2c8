//! Calendars and their free slots.
//!
//! Free slots are asked for in epoch milliseconds and answered in ISO 8601 with offset, as a map by day in which a `traceId`
//! stands among the days.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{
    HighLevel, Location, Record, error,
    fields::{Field, Kind, check},
    not_found, trace_id, unprocessable,
};
use crate::{
    call::{Call, Moment},
    reply::{Answer, Reply},
    slots,
    state::State,
};

/// The zone of locations and calendars that name none.
pub(super) const ZONE: Tz = chrono_tz::America::New_York;
/// Times that have a local date in every zone: from 1970 to 9999.
const EPOCH_MS: std::ops::Range<i64> = 0..253_402_128_000_000;
/// The longest range of free slots.
const RANGE_MAX: TimeDelta = TimeDelta::days(31);

const CALENDAR: [Field; 6] = [
    ("locationId", Kind::Text),
    ("name", Kind::Text),
    ("description", Kind::Text),
    ("slotDuration", Kind::Any),
    ("isActive", Kind::Flag),
    ("calendarType", Kind::Text),
];

pub(crate) fn list(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let location_id =
        call.query("locationId").ok_or_else(|| unprocessable(&["locationId should not be empty".to_owned()]))?;
    let location = state.highlevel.locations.get(location_id);
    let calendars: Vec<&Record> = location.into_iter().flat_map(|location| location.calendars.values()).collect();
    Ok(Reply::ok(json!({ "calendars": calendars, "traceId": trace_id() })))
}

pub(crate) fn create(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let body = check(&call.body, &[&CALENDAR], &["locationId", "name"])?;
    let location_id = call.text("locationId").unwrap_or_default();
    let id = state.highlevel.new_id("cal", location_id);
    let calendar = state.highlevel.add_calendar(location_id, &id, body);
    Ok(Reply::ok(json!({ "calendar": calendar, "traceId": trace_id() })))
}

pub(crate) fn get(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let (_, calendar) = of(&state.highlevel, call.param("calendarId"))?;
    Ok(Reply::ok(json!({ "calendar": calendar, "traceId": trace_id() })))
}

pub(crate) fn free_slots(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let calendar_id = call.param("calendarId");
    let (location, _) = of(&state.highlevel, calendar_id)?;
    let (from, to) = (millis(call, "startDate")?, millis(call, "endDate")?);
    if to < from || to - from > RANGE_MAX {
        return Err(error(StatusCode::BAD_REQUEST, "The date range must not be negative or more than 31 days"));
    }
    let zone = call.query("timezone").map_or(Ok(ZONE), str::parse);
    let zone = zone.map_err(|_| unprocessable(&["timezone must be a valid IANA time zone".to_owned()]))?;
    let taken = location.taken(calendar_id.unwrap_or_default(), |appointment| appointment.seen(moment.now));
    let days = slots::free(zone, (from, to), &taken, moment.utc);
    let days = days.iter().map(|(date, slots)| {
        let slots: Vec<String> = slots.iter().map(DateTime::to_rfc3339).collect();
        (date.to_string(), json!({ "slots": slots }))
    });
    let mut days: BTreeMap<String, Value> = days.collect();
    days.insert("traceId".to_owned(), json!(trace_id()));
    Ok(Reply::ok(json!(days)))
}

/// The calendar, and the location that it is in.
pub(super) fn of<'a>(highlevel: &'a HighLevel, id: Option<&str>) -> Result<(&'a Location, &'a Record), Reply> {
    let location = highlevel.of(id, "Calendar")?;
    let calendar = id.and_then(|id| location.calendars.get(id)).ok_or_else(|| not_found("Calendar"))?;
    Ok((location, calendar))
}

fn millis(call: &Call, name: &str) -> Result<DateTime<Utc>, Reply> {
    let millis = call.query(name).and_then(|millis| millis.parse().ok()).filter(|millis| EPOCH_MS.contains(millis));
    let time = millis.and_then(DateTime::from_timestamp_millis);
    time.ok_or_else(|| unprocessable(&[format!("{name} must be a number conforming to the specified constraints")]))
}

impl HighLevel {
    /// A calendar with this id.
    pub(crate) fn add_calendar(&mut self, location_id: &str, id: &str, given: &Record) -> Record {
        let mut calendar = given.clone();
        calendar.insert("id".to_owned(), json!(id));
        calendar.insert("locationId".to_owned(), json!(location_id));
        calendar.entry("isActive").or_insert(json!(true));
        calendar.entry("slotDuration").or_insert(json!(slots::SLOT.num_minutes()));
        self.homes.insert(id.to_owned(), location_id.to_owned());
        self.open(location_id).calendars.insert(id.to_owned(), calendar.clone());
        calendar
    }
}
