//! Appointments: create, read, change, cancel, delete, list by contact.
//!
//! A slot that is taken is a 400, also when the caller's own earlier attempt took it; there is no idempotency key. The list
//! shows times without zone, the event by id with offset.

use axum::http::StatusCode;
use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{
    HighLevel, Location, Record, calendars, contacts, error,
    fields::{Field, Kind, check},
    not_found, trace_id, unprocessable,
};
use crate::{
    call::{Call, Moment, text},
    lagged::Lagged,
    reply::{Answer, Reply},
    slots::{SLOT, Span, can_begin},
    state::State,
};

/// What the location's own clock shows, without zone.
const LOCAL: &str = "%Y-%m-%d %H:%M:%S";
/// States in which an appointment takes up no time.
const FREE: [&str; 2] = ["cancelled", "invalid"];
const STATUSES: [&str; 6] = ["new", "confirmed", "cancelled", "showed", "noshow", "invalid"];

const EDIT: [Field; 15] = [
    ("calendarId", Kind::Text),
    ("startTime", Kind::Text),
    ("endTime", Kind::Text),
    ("title", Kind::Text),
    ("appointmentStatus", Kind::Text),
    ("assignedUserId", Kind::Text),
    ("description", Kind::Text),
    ("address", Kind::Text),
    ("meetingLocationType", Kind::Text),
    ("meetingLocationId", Kind::Text),
    ("overrideLocationConfig", Kind::Flag),
    ("ignoreDateRange", Kind::Flag),
    ("ignoreFreeSlotValidation", Kind::Flag),
    ("toNotify", Kind::Flag),
    ("rrule", Kind::Text),
];
const CREATE: [Field; 2] = [("locationId", Kind::Text), ("contactId", Kind::Text)];

/// One appointment.
#[derive(Debug, Clone)]
pub(crate) struct Appointment {
    /// All but the times.
    pub(crate) record: Record,
    pub(crate) start: DateTime<FixedOffset>,
    pub(crate) end: DateTime<FixedOffset>,
    pub(crate) added_at: DateTime<Utc>,
}

pub(crate) fn create(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let body = check(&call.body, &[&EDIT, &CREATE], &["calendarId", "locationId", "contactId", "startTime"])?;
    let highlevel = &mut state.highlevel;
    let (location_id, contact_id) = (text(&call.body, "locationId"), text(&call.body, "contactId"));
    let (calendar_id, location_id) = (text(&call.body, "calendarId"), location_id.unwrap_or_default().to_owned());
    for (id, what) in [(calendar_id, "Calendar"), (contact_id, "Contact")] {
        highlevel.of(id, what)?;
        if id.and_then(|id| highlevel.home(id)) != Some(location_id.as_str()) {
            return Err(error(StatusCode::FORBIDDEN, "The token does not have access to this location."));
        }
    }
    contacts::of(highlevel, contact_id)?;
    let start = time(call, "startTime")?.ok_or_else(|| unprocessable(&["startTime should not be empty".to_owned()]))?;
    let end = time(call, "endTime")?.unwrap_or(start + SLOT);
    let mut record = body.clone();
    record.entry("appointmentStatus").or_insert(json!("confirmed"));
    let mut appointment = Appointment { record, start, end, added_at: moment.utc };
    highlevel.check(&appointment, None, call, moment)?;
    let id = highlevel.new_id("apt", &location_id);
    appointment.record.insert("id".to_owned(), json!(id));
    let reply = appointment.written();
    highlevel.add_appointment(&location_id, &id, appointment, moment);
    Ok(Reply::ok(reply))
}

pub(crate) fn get(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let id = call.param("eventId");
    let location = state.highlevel.of(id, "Event")?;
    let kept = id.and_then(|id| location.appointments.get(id)).ok_or_else(|| not_found("Event"))?;
    Ok(Reply::ok(json!({ "event": kept.newest().event(), "traceId": trace_id() })))
}

pub(crate) fn update(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let id = call.param("eventId").unwrap_or_default();
    let (highlevel, body) = (&mut state.highlevel, check(&call.body, &[&EDIT], &[])?);
    let kept = highlevel.of(Some(id), "Event")?.appointments.get(id).ok_or_else(|| not_found("Event"))?;
    let before = kept.newest();
    let mut appointment = before.clone();
    appointment.record.extend(body.clone());
    let length = before.end - before.start;
    appointment.start = time(call, "startTime")?.unwrap_or(before.start);
    appointment.end = time(call, "endTime")?.unwrap_or(appointment.start + length);
    let place = |it: &Appointment| (it.record["calendarId"].clone(), it.start, it.end);
    let moves = place(&appointment) != place(before) || before.is_free();
    if moves && !appointment.is_free() {
        highlevel.check(&appointment, Some(id), call, moment)?;
    } else {
        known_status(&appointment)?;
    }
    let reply = appointment.written();
    let (_, location) = highlevel.of_mut(Some(id), "Event")?;
    if let Some(kept) = location.appointments.get_mut(id) {
        kept.set(appointment, moment.now, moment.read_lag);
    }
    Ok(Reply::ok(reply))
}

pub(crate) fn delete(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let id = call.param("eventId").unwrap_or_default();
    let (_, location) = state.highlevel.of_mut(Some(id), "Event")?;
    location.appointments.remove(id).ok_or_else(|| not_found("Event"))?;
    Ok(Reply::created(json!({ "succeeded": true })))
}

/// Those of one contact, by time.
pub(crate) fn list(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let id = call.param("contactId");
    contacts::of(&state.highlevel, id)?;
    let location = state.highlevel.of(id, "Contact")?;
    let seen = location.appointments.values().filter_map(|kept| kept.seen(moment.now));
    let mut of_contact: Vec<_> = seen.filter(|appointment| appointment.record["contactId"].as_str() == id).collect();
    of_contact.sort_by_key(|appointment| appointment.start);
    let events: Vec<Value> = of_contact.into_iter().map(Appointment::listed).collect();
    Ok(Reply::ok(json!({ "events": events })))
}

impl Appointment {
    fn status(&self) -> &str {
        self.record.get("appointmentStatus").and_then(Value::as_str).unwrap_or_default()
    }

    fn is_free(&self) -> bool {
        FREE.contains(&self.status())
    }

    fn span(&self) -> Span {
        (self.start.with_timezone(&Utc), self.end.with_timezone(&Utc))
    }

    /// As create and update answer it: without the dates of the record itself.
    fn written(&self) -> Value {
        let mut shown = self.record.clone();
        for flag in ["ignoreDateRange", "ignoreFreeSlotValidation", "toNotify", "overrideLocationConfig"] {
            shown.remove(flag);
        }
        shown.insert("startTime".to_owned(), json!(self.start.to_rfc3339()));
        shown.insert("endTime".to_owned(), json!(self.end.to_rfc3339()));
        shown.entry("isRecurring").or_insert(json!(false));
        shown.into()
    }

    /// As it is read by id.
    pub(crate) fn event(&self) -> Value {
        let mut shown = self.written();
        shown["dateAdded"] = json!(self.added_at.to_rfc3339_opts(SecondsFormat::Millis, true));
        shown
    }

    /// As it stands in a contact's list: by the location's clock.
    fn listed(&self) -> Value {
        let mut shown = self.event();
        let local = |time: DateTime<FixedOffset>| time.with_timezone(&calendars::ZONE).format(LOCAL).to_string();
        shown["startTime"] = json!(local(self.start));
        shown["endTime"] = json!(local(self.end));
        shown["status"] = json!("booked");
        shown
    }
}

impl Location {
    /// The times that a calendar is booked, as `look` sees its appointments.
    pub(super) fn taken<'a>(
        &'a self,
        calendar_id: &str,
        look: impl Fn(&'a Lagged<Appointment>) -> Option<&'a Appointment>,
    ) -> Vec<Span> {
        let all = self.appointments.values().filter_map(look);
        let of_calendar =
            all.filter(|appointment| appointment.record["calendarId"] == calendar_id && !appointment.is_free());
        of_calendar.map(Appointment::span).collect()
    }
}

impl HighLevel {
    /// An appointment with this id.
    pub(crate) fn add_appointment(&mut self, location_id: &str, id: &str, appointment: Appointment, moment: &Moment) {
        self.homes.insert(id.to_owned(), location_id.to_owned());
        let kept = Lagged::new(appointment, moment.now, moment.read_lag);
        self.open(location_id).appointments.insert(id.to_owned(), kept);
    }

    /// Refuses what can't be booked. Looks at what was last written, not at what is seen: nothing is booked twice.
    fn check(
        &self,
        appointment: &Appointment,
        itself: Option<&str>,
        call: &Call,
        moment: &Moment,
    ) -> Result<(), Reply> {
        known_status(appointment)?;
        if appointment.end <= appointment.start {
            return Err(unprocessable(&["endTime must be after startTime".to_owned()]));
        }
        let calendar_id = appointment.record["calendarId"].as_str();
        let (location, _) = calendars::of(self, calendar_id)?;
        let others = |kept: &Lagged<Appointment>| itself.is_none_or(|id| kept.newest().record["id"] != id);
        let taken = location.taken(calendar_id.unwrap_or_default(), |kept| others(kept).then(|| kept.newest()));
        let is_free = || can_begin(appointment.start, appointment.span().1, calendars::ZONE, &taken, moment.utc);
        if call.body["ignoreFreeSlotValidation"] != true && !is_free() {
            return Err(error(StatusCode::BAD_REQUEST, "The slot you have selected is no longer available."));
        }
        Ok(())
    }
}

fn known_status(appointment: &Appointment) -> Result<(), Reply> {
    let known = STATUSES.contains(&appointment.status());
    let fault = || unprocessable(&[format!("appointmentStatus must be one of: {}", STATUSES.join(", "))]);
    if known { Ok(()) } else { Err(fault()) }
}

/// A time with offset.
fn time(call: &Call, name: &str) -> Result<Option<DateTime<FixedOffset>>, Reply> {
    let time = call.text(name).map(DateTime::parse_from_rfc3339).transpose();
    time.map_err(|_| unprocessable(&[format!("{name} must be a valid ISO 8601 date string")]))
}
