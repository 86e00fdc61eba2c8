//! Free slots: asked for by event type, told as objects by the days of the zone that was asked for. Full days are not there.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{Calcom, EVENT_TYPE, ZONE, bookings::Booking, error, invalid, success, time};
use crate::{
    call::{Call, Moment},
    reply::{Answer, Reply},
    slots::{SLOT, Span, free as free_slots},
    state::State,
};

/// Times that have a local date in every zone, in seconds: from 1970 to 9999.
const EPOCH_S: std::ops::Range<i64> = 0..253_402_128_000;
/// The longest range; the real one's is not documented.
const RANGE_MAX: TimeDelta = TimeDelta::days(92);
/// The end of a day that is named without a time.
const LAST: NaiveTime = NaiveTime::from_hms_opt(23, 59, 59).expect("there is one");

pub(crate) fn free(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let event_type = call.query("eventTypeId").and_then(|id| id.parse::<u64>().ok());
    let event_type = event_type.ok_or_else(|| invalid("eventTypeId property is wrong,eventTypeId must be a number"))?;
    if event_type != EVENT_TYPE {
        return Err(error(StatusCode::NOT_FOUND, "Event Type not found"));
    }
    let (from, to) = (date(call, "start", NaiveTime::MIN)?, date(call, "end", LAST)?);
    if to < from || to - from > RANGE_MAX {
        return Err(invalid("Invalid time range given - check the 'start' and 'end' query parameters."));
    }
    let zone = call.query("timeZone").map_or(Ok(Tz::UTC), str::parse);
    let zone = zone.map_err(|_| invalid("timeZone property is wrong,timeZone must be a valid IANA time-zone "))?;
    let with_end = call.query("format") == Some("range");
    let taken = state.calcom.taken(|kept| kept.seen(moment.now));
    let mut days: BTreeMap<NaiveDate, Vec<Value>> = BTreeMap::new();
    for start in free_slots(ZONE, (from, to), &taken, moment.utc).into_values().flatten() {
        let start = start.with_timezone(&zone);
        let mut slot = json!({ "start": time(&start) });
        if with_end {
            slot["end"] = json!(time(&(start + SLOT)));
        }
        days.entry(start.date_naive()).or_default().push(slot);
    }
    let days = days.into_iter().map(|(day, slots)| (day.to_string(), json!(slots)));
    Ok(success(&Value::Object(days.collect())))
}

/// A moment, or a day of UTC.
fn date(call: &Call, name: &str, of_day: NaiveTime) -> Result<DateTime<Utc>, Reply> {
    let text = call.query(name).unwrap_or_default();
    let day = || Some(text.parse::<NaiveDate>().ok()?.and_time(of_day).and_utc());
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok().or_else(day);
    let wrong = || invalid(&format!("{name} property is wrong,{name} must be a valid ISO 8601 date string "));
    time.filter(|time| EPOCH_S.contains(&time.timestamp())).ok_or_else(wrong)
}

impl Calcom {
    /// The times that are booked, as `look` sees them.
    pub(super) fn taken<'a>(
        &'a self,
        look: impl Fn(&'a crate::lagged::Lagged<Booking>) -> Option<&'a Booking>,
    ) -> Vec<Span> {
        self.bookings.values().filter_map(look).filter(|booking| booking.stands()).map(Booking::span).collect()
    }
}
