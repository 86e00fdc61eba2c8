//! Free slots of an event type.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, NaiveDate, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::{Calcom, Envelope, SLOTS, VENDOR, VERSION};
use crate::{
    By, Slots, VendorError,
    draft::{Draft, Operation},
    lenient::left_out,
    slots::check,
};

const NAME: &str = "free_slots";

impl Calcom<'_> {
    /// The event type's free slots from `from` to `to`, at most 31 days, told in `zone`. An event type of a team is asked for by
    /// its child's id; its parent has none.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn free_slots(
        &self,
        event_type_id: &str,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        zone: Tz,
        by: By,
    ) -> Result<Slots, VendorError> {
        check((from, to))?;
        let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        // No second way to name the event type beside its id: that is a 400.
        let draft = Draft::get(["v2", "slots"]).header(VERSION, SLOTS).query("eventTypeId", event_type_id);
        let draft = draft.query("start", &text(from)).query("end", &text(to)).query("timeZone", zone.name());
        let days: Envelope<Map<String, Value>> = self.line.call(by, Operation::repeatable(NAME), draft).await?;
        let (slots, unreadable) = slots(&days.data, (from, to), zone);
        left_out(unreadable, VENDOR.name, NAME);
        Ok(slots)
    }
}

/// The slots of an answer that are in the range, as Cal.com has told of others too (calcom/cal.com#24260), and how many can't be
/// read. A day without any is not there, and its slots are objects, or texts as the schema has it.
fn slots(days: &Map<String, Value>, (from, to): (DateTime<Utc>, DateTime<Utc>), zone: Tz) -> (Slots, usize) {
    let mut sorted: BTreeMap<NaiveDate, BTreeSet<DateTime<FixedOffset>>> = BTreeMap::new();
    let mut unreadable = 0;
    for day in days.values() {
        let Some(begins) = day.as_array() else {
            unreadable += 1;
            continue;
        };
        for begin in begins {
            match moment(begin) {
                Some(begin) if (from..to).contains(&begin) => {
                    let begin = begin.with_timezone(&zone);
                    sorted.entry(begin.date_naive()).or_default().insert(begin.fixed_offset());
                }
                Some(_) => {}
                None => unreadable += 1,
            }
        }
    }
    (sorted.into_iter().map(|(date, begins)| (date, begins.into_iter().collect())).collect(), unreadable)
}

fn moment(slot: &Value) -> Option<DateTime<Utc>> {
    let text = slot.get("start").unwrap_or(slot).as_str()?;
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> (Vec<(String, Vec<String>)>, usize) {
        let range = ("2026-12-01T05:00:00Z".parse().unwrap(), "2026-12-03T05:00:00Z".parse().unwrap());
        let (slots, unreadable) = slots(&serde_json::from_str(json).unwrap(), range, Tz::America__New_York);
        let text = |begins: Vec<DateTime<FixedOffset>>| begins.iter().map(DateTime::to_rfc3339).collect();
        (slots.into_iter().map(|(date, begins)| (date.to_string(), text(begins))).collect(), unreadable)
    }

    #[test]
    fn objects_and_texts_are_read_and_sorted_and_others_counted() {
        let (slots, unreadable) = read(
            r#"{"2026-12-01":[{"start":"2026-12-01T09:30:00.000-05:00","end":"2026-12-01T10:00:00.000-05:00"},
                              {"start":"2026-12-01T09:00:00.000-05:00"},"2026-12-01T14:00:00Z"],
                "2026-12-02":[{"start":"soon"},{"time":"2026-12-01T09:00:00Z"},7],"note":"x","2026-12-04":[]}"#,
        );
        let begins = ["2026-12-01T09:00:00-05:00", "2026-12-01T09:30:00-05:00"].map(str::to_owned).to_vec();
        assert_eq!(slots, [("2026-12-01".to_owned(), begins)]);
        assert_eq!(unreadable, 4);
    }

    #[test]
    fn what_was_not_asked_for_is_passed_over() {
        let (slots, unreadable) = read(
            r#"{"2026-11-30":[{"start":"2026-11-30T23:30:00-05:00"}],"2026-12-02":[{"start":"2026-12-02T23:30:00-05:00"}],
                "2026-12-03":[{"start":"2026-12-03T00:00:00-05:00"}]}"#,
        );
        assert_eq!(slots, [("2026-12-02".to_owned(), vec!["2026-12-02T23:30:00-05:00".to_owned()])]);
        assert_eq!(unreadable, 0);
    }

    #[test]
    fn a_day_is_the_zone_s_day_whatever_it_is_filed_under() {
        let (slots, _) = read(r#"{"2026-12-02":[{"start":"2026-12-02T01:00:00.000Z"}]}"#);
        assert_eq!(slots[0], ("2026-12-01".to_owned(), vec!["2026-12-01T20:00:00-05:00".to_owned()]));
    }
}
