//! When a calendar can be booked: every half hour from nine to five on weekdays, unless it is past or taken.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Days, FixedOffset, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

/// From begin to end.
pub(crate) type Span = (DateTime<Utc>, DateTime<Utc>);

/// The length of a slot.
pub(crate) const SLOT: TimeDelta = TimeDelta::minutes(30);
/// Slots of a day, from nine to five.
const SLOTS: u32 = 16;
const FIRST_HOUR: u32 = 9;

/// The free slots that begin within `range`, by day in `zone`. Days that are closed are not there; full ones are empty.
pub(crate) fn free(
    zone: Tz,
    range: Span,
    taken: &[Span],
    now: DateTime<Utc>,
) -> BTreeMap<NaiveDate, Vec<DateTime<Tz>>> {
    let (from, to) = range;
    let last = (to - TimeDelta::milliseconds(1)).with_timezone(&zone).date_naive();
    let dates =
        std::iter::successors(Some(from.with_timezone(&zone).date_naive()), |date| date.checked_add_days(Days::new(1)));
    let open = dates.take_while(|date| *date <= last).filter(|date| is_open(*date));
    let slots = |date: NaiveDate| {
        let starts =
            (0..SLOTS).filter_map(move |index| zone.from_local_datetime(&date.and_time(begin(index)?)).earliest());
        let free = starts.filter(|start| {
            let start = start.with_timezone(&Utc);
            start >= from && start < to && start > now && !is_taken((start, start + SLOT), taken)
        });
        free.collect()
    };
    open.map(|date| (date, slots(date))).collect()
}

/// Whether a booking may begin then: on the grid by its own offset or by the calendar's zone, in the future, and free.
pub(crate) fn can_begin(
    start: DateTime<FixedOffset>,
    end: DateTime<Utc>,
    zone: Tz,
    taken: &[Span],
    now: DateTime<Utc>,
) -> bool {
    let locals = [start.naive_local(), start.with_timezone(&zone).naive_local()];
    let on_grid = |local: &chrono::NaiveDateTime| {
        is_open(local.date()) && (0..SLOTS).any(|index| begin(index) == Some(local.time()))
    };
    let start = start.with_timezone(&Utc);
    locals.iter().any(on_grid) && start > now && !is_taken((start, end), taken)
}

fn begin(index: u32) -> Option<NaiveTime> {
    NaiveTime::from_hms_opt(FIRST_HOUR + index / 2, index % 2 * 30, 0)
}

fn is_open(date: NaiveDate) -> bool {
    !matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

fn is_taken((start, end): Span, taken: &[Span]) -> bool {
    taken.iter().any(|(from, to)| start < *to && *from < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn weekdays_have_sixteen_slots_in_the_wanted_zone_less_what_is_taken_and_past() {
        let zone = chrono_tz::America::New_York;
        // From a Friday to a Monday, over the end of summer time on Sunday.
        let range = (at("2026-10-30T00:00:00-04:00"), at("2026-11-03T00:00:00-05:00"));
        let taken = [(at("2026-10-30T10:15:00-04:00"), at("2026-10-30T10:45:00-04:00"))];
        let days = free(zone, range, &taken, at("2026-10-30T09:00:00-04:00"));
        let dates: Vec<_> = days.keys().map(ToString::to_string).collect();
        assert_eq!(dates, ["2026-10-30", "2026-11-02"], "Tuesday begins when the range ends");
        let slots: Vec<Vec<_>> = days.values().map(|day| day.iter().map(DateTime::to_rfc3339).collect()).collect();
        assert_eq!(slots[0].len(), 13, "one is past, two are taken");
        assert_eq!(slots[0][0], "2026-10-30T09:30:00-04:00");
        assert_eq!((slots[1].len(), slots[1][15].as_str()), (16, "2026-11-02T16:30:00-05:00"));
    }

    #[test]
    fn a_booking_begins_on_the_grid() {
        let (zone, now) = (chrono_tz::America::New_York, at("2026-10-30T09:00:00-04:00"));
        let can = |text: &str| {
            let start: DateTime<FixedOffset> = text.parse().unwrap();
            can_begin(start, start.with_timezone(&Utc) + SLOT, zone, &[], now)
        };
        for good in ["2026-11-02T09:00:00-05:00", "2026-11-02T14:00:00Z", "2026-11-02T16:30:00+01:00"] {
            assert!(can(good), "{good}");
        }
        for bad in [
            "2026-11-02T09:10:00-05:00",
            "2026-11-01T09:00:00-05:00",
            "2026-10-30T08:30:00-04:00",
            "2026-11-02T17:00:00-05:00",
        ] {
            assert!(!can(bad), "{bad}");
        }
    }
}
