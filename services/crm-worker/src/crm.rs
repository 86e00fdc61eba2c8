//! The CRMs as the pusher sees them, all alike: bring a contact up to date, read its notes, add one.
//!
//! The one place that tells vendors apart. A further one is a name in [`VENDORS`], a variant, and a module.

mod highlevel;
mod hubspot;

use chrono::{DateTime, Utc};
use context::{Accounts, OutOfReach};
use contract::PhoneNumber;
use orgs::LiveOrg;
use vendors::{By, VendorError, Vendors};

use self::{highlevel::HighLevel, hubspot::HubSpot};
use crate::desired::Desired;

/// The vendors that are CRMs, as orgs name them.
pub(crate) const VENDORS: [&str; 2] = ["highlevel", "hubspot"];

/// On everybody whom a voice agent has spoken to.
const TAG: &str = "voice-ai";

/// An org's account at its CRM, with the org's settings for it.
pub(crate) enum Crm {
    HighLevel(HighLevel),
    HubSpot(HubSpot),
}

/// A note as the CRM has it.
pub(crate) struct Note {
    pub(crate) id: String,
    pub(crate) body: String,
}

/// What is to be so of one contact.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) phone: &'a PhoneNumber,
    /// The CRM's id of the contact, as last heard.
    pub(crate) known: Option<&'a str>,
    pub(crate) desired: &'a Desired,
}

/// Where a contact is at the vendor, and what is still to be filled in there.
pub(crate) struct Placed {
    pub(crate) id: String,
    /// It has no name.
    nameless: bool,
    /// It has no e-mail address.
    addressless: bool,
    /// Of our tags, those that it has not.
    tags_missing: Vec<String>,
}

/// The CRMs that an org names, reachable or not.
pub(crate) fn named(org: &LiveOrg) -> impl Iterator<Item = &'static str> {
    VENDORS.into_iter().filter(|vendor| org.vendor(vendor).is_some())
}

impl Crm {
    /// The org's account at this vendor, if the org names it.
    pub(crate) fn of(org: &LiveOrg, vendor: &str) -> Option<Result<Self, OutOfReach>> {
        let settings = org.vendor(vendor)?;
        let accounts = Accounts::of(org);
        Some(match vendor {
            "highlevel" => accounts.highlevel()?.map(|account| Self::HighLevel(HighLevel::new(account, &settings))),
            "hubspot" => accounts.hubspot()?.map(|account| Self::HubSpot(HubSpot::new(account, &settings))),
            _ => return None,
        })
    }

    /// Finds the contact, or makes it, with what may replace what is there. May be repeated, unless [`Self::may_double`].
    pub(crate) async fn place(&self, vendors: &Vendors, wanted: Wanted<'_>, by: By) -> Result<Placed, VendorError> {
        match self {
            Self::HighLevel(crm) => crm.place(vendors, wanted, by).await,
            Self::HubSpot(crm) => crm.place(vendors, wanted, by).await,
        }
    }

    /// Fills in what a contact lacks: what a person typed is never replaced. May be repeated. Apart from
    /// [`Self::place`], so that the id of a contact that was made is kept whatever becomes of this.
    pub(crate) async fn fill(
        &self,
        vendors: &Vendors,
        placed: &Placed,
        desired: &Desired,
        by: By,
    ) -> Result<(), VendorError> {
        match self {
            Self::HighLevel(crm) => crm.fill(vendors, placed, desired, by).await,
            Self::HubSpot(crm) => crm.fill(vendors, placed, desired, by).await,
        }
    }

    /// Whether a placing of a contact whose id is not known can make a second one, if the first is not looked for in time.
    pub(crate) fn may_double(&self) -> bool {
        match self {
            Self::HighLevel(_) => false,
            Self::HubSpot(crm) => crm.may_double(),
        }
    }

    /// The contact's notes.
    pub(crate) async fn notes(&self, vendors: &Vendors, id: &str, by: By) -> Result<Vec<Note>, VendorError> {
        match self {
            Self::HighLevel(crm) => crm.notes(vendors, id, by).await,
            Self::HubSpot(crm) => crm.notes(vendors, id, by).await,
        }
    }

    /// Adds a note about what happened at `at`, each time another one; its id.
    pub(crate) async fn add_note(
        &self,
        vendors: &Vendors,
        id: &str,
        body: &str,
        at: DateTime<Utc>,
        by: By,
    ) -> Result<String, VendorError> {
        match self {
            // A note's time is when it came.
            Self::HighLevel(crm) => crm.add_note(vendors, id, body, by).await,
            Self::HubSpot(crm) => crm.add_note(vendors, id, body, at, by).await,
        }
    }
}

/// The usual tag, and the org's own: `front desk, english`.
fn tags(more: Option<&str>) -> Vec<String> {
    let more = more.unwrap_or_default().split(',').map(str::trim);
    let more = more.filter(|tag| !tag.is_empty() && !tag.eq_ignore_ascii_case(TAG));
    std::iter::once(TAG).chain(more).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_org_s_own_tags_come_after_the_usual_one() {
        assert_eq!(tags(None), ["voice-ai"]);
        assert_eq!(tags(Some(" front desk,, Voice-AI ,english")), ["voice-ai", "front desk", "english"]);
    }
}
