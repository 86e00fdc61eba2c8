//! HighLevel (LeadConnector API v2): contacts, their notes and tags, free slots, appointments.
//!
//! Wire facts: GoHighLevel/highlevel-api-docs, `apps/contacts.json` and `apps/calendars.json`; shapes that the specification
//! leaves open are read as public clients read them. An upsert never sends `tags`, as that would overwrite all of them. Adding
//! a note is never repeated here: each time makes another one; read [`HighLevel::notes`] first. Refreshes no OAuth token.

mod appointment;
mod contact;
mod note;
mod slots;

pub use appointment::{Appointment, Status, Time};
pub use contact::{Contact, CustomField, Push, Pushed};
pub use note::Note;

use std::time::Duration;

use cache::Rate;
use contract::OrgId;
use secrecy::SecretString;

use crate::{
    Vendors,
    line::{Line, Vendor},
};

/// Where the API is, unless an account says otherwise.
pub const BASE_URL: &str = "https://services.leadconnectorhq.com";

/// The `Version` of everything under `/contacts`: required, and the only legal value there.
const CONTACTS: &str = "2021-07-28";
/// The `Version` of everything under `/calendars`.
const CALENDARS: &str = "2021-04-15";
const VERSION: &str = "version";

/// A location may be called 100 times in 10 s: a burst and ten seconds of the rate stay under 90, as others may use the location
/// too. The 200,000 calls a day are not counted here; the vendor's 429 says when they are used up.
const VENDOR: Vendor =
    Vendor { name: "highlevel", rate: Rate { burst: 20, every: Duration::from_millis(150), reserve: 8, share: 25 } };

/// A location (sub-account) at HighLevel.
#[derive(Debug, Clone)]
pub struct Account {
    /// Whose.
    pub org: OrgId,
    /// [`BASE_URL`], or the sandbox's.
    pub base_url: String,
    /// A private integration token or an OAuth access token of the location.
    pub token: SecretString,
    /// The location's id.
    pub location_id: String,
}

/// HighLevel, as one location sees it.
pub struct HighLevel<'a> {
    line: Line<'a>,
    location_id: &'a str,
}

impl Vendors {
    /// HighLevel for this account.
    #[must_use]
    pub fn highlevel<'a>(&'a self, account: &'a Account) -> HighLevel<'a> {
        let line = Line {
            vendors: self,
            vendor: &VENDOR,
            account: cache::Account {
                org: account.org.clone(),
                name: format!("{}:{}", VENDOR.name, account.location_id),
            },
            base_url: &account.base_url,
            scheme: "Bearer",
            credentials: account.token.clone(),
            secrets: vec![account.token.clone()],
        };
        HighLevel { line, location_id: &account.location_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ten_seconds_bring_a_location_near_its_limit() {
        let Rate { burst, every, reserve, share } = VENDOR.rate;
        let in_ten_seconds = |burst: u32, every: Duration| u128::from(burst) + 10_000 / every.as_millis();
        assert!(in_ten_seconds(burst, every) < 90);
        assert!(reserve < burst);
        // Without Redis each of four processes keeps to its quarter.
        assert!(4 * in_ten_seconds(burst * share / 100, every * 100 / share) < 90);
    }
}
