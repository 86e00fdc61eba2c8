//! HubSpot as a CRM: contacts by the account's unique property or by search, tags as a property with many values.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, SecondsFormat, Utc};
use orgs::LiveVendor;
use vendors::{
    By, VendorError, Vendors,
    hubspot::{Account, Contact, Push},
};

use super::{Note, Placed, Wanted, tags};
use crate::desired::Desired;

/// An account, and what is different in it.
pub(crate) struct HubSpot {
    account: Arc<Account>,
    tags: Vec<String>,
    /// Internal names of the account's own properties; what has none is not sent.
    last_call_id_property: Option<String>,
    last_call_at_property: Option<String>,
}

impl HubSpot {
    pub(super) fn new(account: Arc<Account>, settings: &LiveVendor<'_>) -> Self {
        let property = |name: &str| settings.text(name).map(str::to_owned);
        Self {
            account,
            tags: tags(settings.text("tags")),
            last_call_id_property: property("last_call_id_property"),
            last_call_at_property: property("last_call_at_property"),
        }
    }

    /// Without a property that no two contacts share, only a search finds a contact, some seconds late.
    pub(super) fn may_double(&self) -> bool {
        self.account.phone_property.is_none()
    }

    pub(super) async fn place(&self, vendors: &Vendors, wanted: Wanted<'_>, by: By) -> Result<Placed, VendorError> {
        let Wanted { phone, known, desired } = wanted;
        let hubspot = vendors.hubspot(&self.account);
        let fills = desired.name.is_some() || desired.email.is_some();
        let found = if fills || known.is_none() { hubspot.lookup(phone, by).await? } else { None };
        let push = Push { tags: self.tags.clone(), properties: self.properties(desired), ..Push::default() };
        let Some(id) = found.as_ref().map(|found| found.id.as_str()).or(known) else {
            let push = Push { phone: Some(phone.clone()), ..push };
            let made = hubspot.upsert(&push, by).await?.contact;
            return Ok(Self::placed(made.id.clone(), Some(&made)));
        };
        let mut push = push;
        // Beside whatever number a person typed, never over it.
        push.properties.extend(self.account.phone_property.clone().map(|property| (property, phone.to_string())));
        hubspot.update(id, &push, by).await?;
        Ok(Self::placed(id.to_owned(), found.as_ref()))
    }

    /// A contact that was not read lacks nothing that we know of.
    fn placed(id: String, contact: Option<&Contact>) -> Placed {
        Placed {
            id,
            nameless: contact.is_some_and(|contact| contact.name().is_none()),
            addressless: contact.is_some_and(|contact| contact.email().is_none()),
            tags_missing: Vec::new(),
        }
    }

    pub(super) async fn fill(
        &self,
        vendors: &Vendors,
        placed: &Placed,
        desired: &Desired,
        by: By,
    ) -> Result<(), VendorError> {
        let hubspot = vendors.hubspot(&self.account);
        if let Some(name) = desired.name.as_deref().filter(|_| placed.nameless) {
            hubspot.update(&placed.id, &Push::default().with_name(name), by).await?;
        }
        if let Some(email) = desired.email.clone().filter(|_| placed.addressless) {
            match hubspot.update(&placed.id, &Push { email: Some(email), ..Push::default() }, by).await {
                // It is another contact's, or none: no reason to keep the rest from the CRM.
                Err(error @ VendorError::Refused(400 | 409, _)) => {
                    tracing::info!(org = %self.account.org, contact = placed.id, %error, "an e-mail address was not taken");
                }
                filled => drop(filled?),
            }
        }
        Ok(())
    }

    fn properties(&self, desired: &Desired) -> BTreeMap<String, String> {
        let Some(call) = &desired.last_call else { return BTreeMap::new() };
        let at = call.at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let properties = [(&self.last_call_id_property, call.call_id.clone()), (&self.last_call_at_property, at)];
        properties.into_iter().filter_map(|(name, value)| Some((name.clone()?, value))).collect()
    }

    pub(super) async fn notes(&self, vendors: &Vendors, id: &str, by: By) -> Result<Vec<Note>, VendorError> {
        let notes = vendors.hubspot(&self.account).notes(id, by).await?;
        Ok(notes.into_iter().map(|note| Note { body: note.body().to_owned(), id: note.id }).collect())
    }

    pub(super) async fn add_note(
        &self,
        vendors: &Vendors,
        id: &str,
        body: &str,
        at: DateTime<Utc>,
        by: By,
    ) -> Result<String, VendorError> {
        Ok(vendors.hubspot(&self.account).add_note(id, body, at, by).await?.id)
    }
}
