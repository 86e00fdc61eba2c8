//! Free slots of a calendar.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::{CALENDARS, HighLevel, VENDOR, VERSION};
use crate::{
    By, Slots, VendorError,
    draft::{Draft, Operation},
    lenient::left_out,
    slots::check,
};

const NAME: &str = "free_slots";

impl HighLevel<'_> {
    /// The calendar's free slots from `from` to `to`, at most 31 days, told in `zone`.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn free_slots(
        &self,
        calendar_id: &str,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        zone: Tz,
        by: By,
    ) -> Result<Slots, VendorError> {
        check((from, to))?;
        let draft = Draft::get(["calendars", calendar_id, "free-slots"]).header(VERSION, CALENDARS);
        // Milliseconds go in, ISO 8601 comes out.
        let draft = draft.query("startDate", &from.timestamp_millis()).query("endDate", &to.timestamp_millis());
        let draft = draft.query("timezone", zone.name());
        let days: Map<String, Value> = self.line.call(by, Operation::repeatable(NAME), draft).await?;
        let (slots, unreadable) = slots(&days, zone);
        left_out(unreadable, VENDOR.name, NAME);
        Ok(slots)
    }
}

/// The slots of an answer, and how many can't be read. Beside the dates stands a `traceId`; older answers had the dates within
/// `_dates_`.
fn slots(days: &Map<String, Value>, zone: Tz) -> (Slots, usize) {
    let days = days.get("_dates_").and_then(Value::as_object).unwrap_or(days);
    let mut sorted: BTreeMap<NaiveDate, BTreeSet<DateTime<FixedOffset>>> = BTreeMap::new();
    let mut unreadable = 0;
    for (date, day) in days {
        let Some(begins) = day.get("slots").and_then(Value::as_array) else { continue };
        if let Ok(date) = date.parse() {
            sorted.entry(date).or_default();
        }
        for begin in begins {
            match moment(begin) {
                Some(begin) => {
                    let begin = begin.with_timezone(&zone);
                    sorted.entry(begin.date_naive()).or_default().insert(begin.fixed_offset());
                }
                None => unreadable += 1,
            }
        }
    }
    (sorted.into_iter().map(|(date, begins)| (date, begins.into_iter().collect())).collect(), unreadable)
}

/// ISO 8601 with an offset, or milliseconds since 1970 as a number or a string.
fn moment(value: &Value) -> Option<DateTime<Utc>> {
    let text = match value {
        Value::Number(number) => return DateTime::from_timestamp_millis(number.as_i64()?),
        value => value.as_str()?,
    };
    match text.parse() {
        Ok(millis) => DateTime::from_timestamp_millis(millis),
        Err(_) => DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> (Vec<(String, Vec<String>)>, usize) {
        let (slots, unreadable) = slots(&serde_json::from_str(json).unwrap(), Tz::America__New_York);
        let text = |begins: Vec<DateTime<FixedOffset>>| begins.iter().map(DateTime::to_rfc3339).collect();
        (slots.into_iter().map(|(date, begins)| (date.to_string(), text(begins))).collect(), unreadable)
    }

    #[test]
    fn the_documented_answer_is_read_and_what_is_no_date_is_passed_over() {
        let (slots, unreadable) = read(
            r#"{"2026-12-01":{"slots":["2026-12-01T09:30:00-05:00","2026-12-01T09:00:00-05:00","2026-12-01T14:00:00Z"]},
                "2026-12-02":{"slots":[]},"traceId":"5b2c","other":{"slots":7},"none":null}"#,
        );
        let first = ["2026-12-01T09:00:00-05:00", "2026-12-01T09:30:00-05:00"].map(str::to_owned).to_vec();
        assert_eq!(slots, [("2026-12-01".to_owned(), first), ("2026-12-02".to_owned(), vec![])]);
        assert_eq!(unreadable, 0);
    }

    #[test]
    fn older_shapes_are_read_and_slots_without_a_zone_are_left_out() {
        let (slots, unreadable) = read(
            r#"{"_dates_":{"2026-12-01":{"slots":[1796133600000,"1796135400000","2026-12-01T09:00:00","soon",null,{},1e300]}}}"#,
        );
        let begins = ["2026-12-01T09:00:00-05:00", "2026-12-01T09:30:00-05:00"].map(str::to_owned).to_vec();
        assert_eq!(slots, [("2026-12-01".to_owned(), begins)]);
        assert_eq!(unreadable, 5);
    }

    #[test]
    fn a_day_is_the_zone_s_day_whatever_the_offset_it_comes_in() {
        let (slots, _) = read(r#"{"2026-12-02":{"slots":["2026-12-02T01:00:00Z"]}}"#);
        assert_eq!(slots[0], ("2026-12-01".to_owned(), vec!["2026-12-01T20:00:00-05:00".to_owned()]));
    }
}
