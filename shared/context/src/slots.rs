//! Free slots, day by day: a week is its days, so that one booking invalidates one day.

use std::sync::Arc;

use cache::{Key, Kind, Spec};
use chrono::{DateTime, Days, FixedOffset, NaiveDate, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use contract::OrgId;
use orgs::{Branch, Calendar};

use crate::{kinds, tags};

/// Days that are looked ahead, today included.
pub const DAYS: u64 = 7;

/// Whose next free slots are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slots {
    pub(crate) calendar: Arc<Calendar>,
    pub(crate) zone: Tz,
    /// The first day, by the branch's clock.
    pub(crate) from: NaiveDate,
    /// How many; [`DAYS`] at most.
    pub(crate) days: u64,
}

/// The free slots of one day.
#[derive(Debug, Clone)]
pub(crate) struct DayOf {
    pub(crate) org: OrgId,
    pub(crate) calendar: Arc<Calendar>,
    pub(crate) day: NaiveDate,
    pub(crate) zone: Tz,
}

impl Slots {
    /// Of this branch from today; none without a calendar.
    #[must_use]
    pub fn of(branch: &Branch, now: DateTime<Utc>) -> Option<Self> {
        Some(Self::new(branch.calendar.clone()?, branch.time_zone, now))
    }

    /// Of this calendar, by the clock of `zone`.
    pub(crate) fn new(calendar: Calendar, zone: Tz, now: DateTime<Utc>) -> Self {
        Self { calendar: Arc::new(calendar), zone, from: now.with_timezone(&zone).date_naive(), days: DAYS }
    }

    /// Of fewer days; [`DAYS`] at most, and one at least.
    #[must_use]
    pub fn within(self, days: u64) -> Self {
        Self { days: days.clamp(1, DAYS), ..self }
    }

    /// From the first day's beginning to the last one's end.
    pub(crate) fn range(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let midnight = |day: NaiveDate| {
            // Where the clock skips midnight, the day begins with its first hour.
            let hours = (0..24).filter_map(|hour| NaiveTime::from_hms_opt(hour, 0, 0));
            let first = hours.filter_map(|hour| day.and_time(hour).and_local_timezone(self.zone).earliest()).next();
            first.map_or_else(|| Utc.from_utc_datetime(&day.and_time(NaiveTime::MIN)), |local| local.to_utc())
        };
        let end = self.from.checked_add_days(Days::new(self.days)).unwrap_or(NaiveDate::MAX);
        (midnight(self.from), midnight(end))
    }

    /// The days, as they are cached.
    pub(crate) fn days(&self, org: &OrgId) -> Vec<DayOf> {
        let days = (0..self.days).filter_map(|ahead| self.from.checked_add_days(Days::new(ahead)));
        let day = |day| DayOf { org: org.clone(), calendar: Arc::clone(&self.calendar), day, zone: self.zone };
        days.map(day).collect()
    }
}

impl Kind for DayOf {
    const SPEC: Spec = kinds::SLOTS;
    type Value = Vec<DateTime<FixedOffset>>;

    fn key(&self) -> Key {
        Key::of(&self.org).tag(&tags::slots(&self.calendar, self.day)).part(self.zone.name())
    }
}
