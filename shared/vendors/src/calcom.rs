//! Cal.com (API v2): free slots of an event type, and bookings, as they are read.
//!
//! Wire facts: cal.com/docs/api-reference/v2 and calcom/cal.com, `apps/api/v2`. A header names the version of each resource; one
//! that is missing or unknown selects an older API without a word. A list of bookings finds an attendee by e-mail address alone,
//! and whoever booked with nothing but a phone number has an address that Cal.com makes of it ([`address_of`]). Refuses to book,
//! move and cancel, and to take bookings of another answer than it documents for none.

mod booking;
mod slots;

pub use booking::{Attendee, Booking, Status, address_of};

use std::time::Duration;

use cache::Rate;
use contract::OrgId;
use secrecy::SecretString;
use serde::Deserialize;

use crate::{
    Vendors,
    line::{Line, Vendor},
};

/// Where the API is, unless an account says otherwise.
pub const BASE_URL: &str = "https://api.cal.com";

const VERSION: &str = "cal-api-version";
/// The version of everything under `/slots`.
const SLOTS: &str = "2024-09-04";
/// The version under which bookings are read: the one whose list is documented by pages of `take` and `skip`. What 2026-02-25
/// does otherwise is not documented; 2026-05-01 lists by cursor.
const BOOKINGS: &str = "2024-08-13";

/// A key may be used 120 times in a minute, and is shut out for the next one if it was more: a burst and a minute of the rate
/// stay under 110, as others may use the key too.
const VENDOR: Vendor =
    Vendor { name: "calcom", rate: Rate { burst: 30, every: Duration::from_millis(800), reserve: 12, share: 25 } };

/// An account at Cal.com.
#[derive(Debug, Clone)]
pub struct Account {
    /// Whose.
    pub org: OrgId,
    /// [`BASE_URL`], or the sandbox's.
    pub base_url: String,
    /// Its API key (`cal_live_…`), or an OAuth access token.
    pub token: SecretString,
}

/// Cal.com, as one account sees it.
pub struct Calcom<'a> {
    line: Line<'a>,
}

/// What every answer has around it.
#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

impl Vendors {
    /// Cal.com for this account.
    #[must_use]
    pub fn calcom<'a>(&'a self, account: &'a Account) -> Calcom<'a> {
        let line = Line {
            vendors: self,
            vendor: &VENDOR,
            account: cache::Account { org: account.org.clone(), name: VENDOR.name.to_owned() },
            base_url: &account.base_url,
            scheme: "Bearer",
            credentials: account.token.clone(),
            secrets: vec![account.token.clone()],
        };
        Calcom { line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_brings_a_key_near_its_limit() {
        let Rate { burst, every, reserve, share } = VENDOR.rate;
        let in_a_minute = |burst: u32, every: Duration| u128::from(burst) + 60_000 / every.as_millis();
        assert!(in_a_minute(burst, every) < 110);
        assert!(reserve < burst);
        // Without Redis each of four processes keeps to its quarter.
        assert!(4 * in_a_minute(burst * share / 100, every * 100 / share) < 110);
    }
}
