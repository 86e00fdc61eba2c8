//! Free slots, whoever keeps the calendar.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, FixedOffset, NaiveDate, Utc};

use crate::VendorError;

/// The longest time that may be asked about at once.
const DAYS_MAX: i64 = 31;

/// When slots begin, in order, by the date in the zone that was asked for. A day that is not there has none.
pub type Slots = BTreeMap<NaiveDate, Vec<DateTime<FixedOffset>>>;

/// Refuses a range of no time, or of too much.
pub(crate) fn check((from, to): (DateTime<Utc>, DateTime<Utc>)) -> Result<(), VendorError> {
    if to <= from || to - from > Duration::days(DAYS_MAX) {
        return Err(VendorError::Unsendable(format!("slots of no time or of more than {DAYS_MAX} days")));
    }
    Ok(())
}
