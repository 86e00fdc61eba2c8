//! HubSpot (CRM objects API 2026-09): contacts and their notes.
//!
//! Wire facts: HubSpot/HubSpot-public-api-spec-collection, `CRM/Contacts` and `CRM/Notes`, 2026-09; the guides to search,
//! properties and notes. Every property's value is a text. A phone number is no key at HubSpot: an account that wants one
//! contact for each number makes a property with unique values for it, and names it here; without one, two first calls of a
//! number at the same time make two contacts, as a search lags some seconds behind. There are no tags: an account may name a
//! property with many values (multiple checkboxes) for them, to which a value with a leading semicolon is added.
//!
//! Not confirmed: how many notes a contact's associations list at once (a list that goes on is read by search instead), the
//! shape of a conflict (409), and that a value added twice is there once.

mod contact;
mod note;
mod upsert;

pub use contact::{Contact, Push};
pub use note::{NOTE_CHARACTERS_MAX, Note};
pub use upsert::Pushed;

use std::time::Duration;

use cache::Rate;
use contract::OrgId;
use secrecy::SecretString;

use crate::{
    Vendors,
    line::{Line, Vendor},
};

/// Where the API is, unless an account says otherwise.
pub const BASE_URL: &str = "https://api.hubapi.com";

/// The path of all objects, in segments: the dated version that is the newest now.
const OBJECTS: [&str; 3] = ["crm", "objects", "2026-09"];

/// An app may call the smallest account 100 times in 10 s: a burst and ten seconds of the rate stay, together with
/// [`SEARCH`]'s, under 90. The 250,000 calls a day are not counted here; the vendor's 429 says when they are used up.
const VENDOR: Vendor =
    Vendor { name: "hubspot", rate: Rate { burst: 20, every: Duration::from_millis(250), reserve: 8, share: 25 } };
/// A search has a limit of its own, 4 to 5 a second by different pages of the vendor: a burst and a second of the rate are 4.
const SEARCH: Vendor =
    Vendor { name: "hubspot", rate: Rate { burst: 2, every: Duration::from_millis(500), reserve: 1, share: 50 } };

/// An account at HubSpot, as one app sees it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Whose.
    pub org: OrgId,
    /// [`BASE_URL`], or the sandbox's.
    pub base_url: String,
    /// The token of a single-account app, a service key, or an OAuth access token.
    pub token: SecretString,
    /// A property of contacts with unique values that holds the number in E.164, such as `voice_phone_e164`.
    pub phone_property: Option<String>,
    /// A property of contacts with many values that stands for tags.
    pub tags_property: Option<String>,
}

/// HubSpot, as one account sees it.
pub struct HubSpot<'a> {
    line: Line<'a>,
    search: Line<'a>,
    phone_property: Option<&'a str>,
    tags_property: Option<&'a str>,
}

impl Vendors {
    /// HubSpot for this account.
    #[must_use]
    pub fn hubspot<'a>(&'a self, account: &'a Account) -> HubSpot<'a> {
        let line = |vendor: &'static Vendor, name: &str| Line {
            vendors: self,
            vendor,
            account: cache::Account { org: account.org.clone(), name: name.to_owned() },
            base_url: &account.base_url,
            scheme: "Bearer",
            credentials: account.token.clone(),
            secrets: vec![account.token.clone()],
        };
        HubSpot {
            line: line(&VENDOR, "hubspot"),
            search: line(&SEARCH, "hubspot:search"),
            phone_property: account.phone_property.as_deref(),
            tags_property: account.tags_property.as_deref(),
        }
    }
}

/// The path of something below the objects.
fn path<const N: usize>(rest: [&str; N]) -> impl Iterator<Item = &str> {
    OBJECTS.into_iter().chain(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ten_seconds_bring_an_account_near_its_limit_and_no_second_its_searches() {
        let within = |rate: &Rate, ms: u128| u128::from(rate.burst) + ms / rate.every.as_millis();
        assert!(within(&VENDOR.rate, 10_000) + within(&SEARCH.rate, 10_000) < 90);
        assert!(within(&SEARCH.rate, 1000) <= 4);
        for Rate { burst, reserve, .. } in [VENDOR.rate, SEARCH.rate] {
            assert!(reserve < burst);
        }
        // Without Redis each of four processes keeps to its quarter.
        let Rate { burst, every, share, .. } = VENDOR.rate;
        assert!(4 * (u128::from(burst * share / 100) + 10_000 / (every * 100 / share).as_millis()) < 90);
    }
}
