//! A vendor's account as `vendors` wants it, from what the orgs file says and what its secrets are now.
//!
//! The one place that knows which field of the file is which. Refuses to guess: what lacks a field is no account.

use contract::OrgId;
use orgs::LiveVendor;
use vendors::{calcom, highlevel, hubspot, langfuse, mem0, zep};

/// The org's location at HighLevel; `None` if a secret or a field of it is not there.
#[must_use]
pub fn highlevel(org: &OrgId, vendor: &LiveVendor<'_>) -> Option<highlevel::Account> {
    Some(highlevel::Account {
        org: org.clone(),
        base_url: base_url(vendor, highlevel::BASE_URL),
        token: vendor.secret("token")?.clone(),
        location_id: vendor.text("location_id")?.to_owned(),
    })
}

/// The org's account at HubSpot; `None` if a secret or a field of it is not there.
#[must_use]
pub fn hubspot(org: &OrgId, vendor: &LiveVendor<'_>) -> Option<hubspot::Account> {
    Some(hubspot::Account {
        org: org.clone(),
        base_url: base_url(vendor, hubspot::BASE_URL),
        token: vendor.secret("token")?.clone(),
        phone_property: vendor.text("phone_property").map(str::to_owned),
        tags_property: vendor.text("tags_property").map(str::to_owned),
    })
}

/// The org's account at Cal.com; `None` if a secret or a field of it is not there.
#[must_use]
pub fn calcom(org: &OrgId, vendor: &LiveVendor<'_>) -> Option<calcom::Account> {
    let (base_url, token) = (base_url(vendor, calcom::BASE_URL), vendor.secret("token")?.clone());
    Some(calcom::Account { org: org.clone(), base_url, token })
}

/// The org's account at Zep; `None` if a secret or a field of it is not there.
#[must_use]
pub fn zep(org: &OrgId, vendor: &LiveVendor<'_>) -> Option<zep::Account> {
    let (base_url, api_key) = (base_url(vendor, zep::BASE_URL), vendor.secret("token")?.clone());
    Some(zep::Account { org: org.clone(), base_url, api_key })
}

/// The org's account at mem0; `None` if a secret or a field of it is not there.
#[must_use]
pub fn mem0(org: &OrgId, vendor: &LiveVendor<'_>) -> Option<mem0::Account> {
    let (base_url, api_key) = (base_url(vendor, mem0::BASE_URL), vendor.secret("token")?.clone());
    Some(mem0::Account { org: org.clone(), base_url, api_key })
}

/// The org's project at Langfuse; `None` if a secret or a field of it is not there.
#[must_use]
pub fn langfuse(org: &OrgId, vendor: &LiveVendor<'_>) -> Option<langfuse::Account> {
    Some(langfuse::Account {
        org: org.clone(),
        base_url: base_url(vendor, langfuse::BASE_URL),
        public_key: vendor.text("public_key")?.to_owned(),
        secret_key: vendor.secret("secret_key")?.clone(),
    })
}

fn base_url(vendor: &LiveVendor<'_>, usual: &str) -> String {
    vendor.base_url().unwrap_or_else(|| usual.to_owned())
}
