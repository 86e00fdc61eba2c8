//! HighLevel as a CRM: contacts by phone, tags added one by one, the location's own fields for the last call.

use std::sync::Arc;

use chrono::SecondsFormat;
use orgs::LiveVendor;
use vendors::{
    By, VendorError, Vendors,
    highlevel::{Account, Contact, CustomField, Push},
};

use super::{Note, Placed, Wanted, tags};
use crate::desired::Desired;

/// A location, and what is different in it.
pub(crate) struct HighLevel {
    account: Arc<Account>,
    tags: Vec<String>,
    /// Ids of the location's own fields; what has none is not sent.
    last_call_id_field: Option<String>,
    last_call_at_field: Option<String>,
}

impl HighLevel {
    pub(super) fn new(account: Arc<Account>, settings: &LiveVendor<'_>) -> Self {
        let field = |name: &str| settings.text(name).map(str::to_owned);
        Self {
            account,
            tags: tags(settings.text("tags")),
            last_call_id_field: field("last_call_id_field"),
            last_call_at_field: field("last_call_at_field"),
        }
    }

    pub(super) async fn place(&self, vendors: &Vendors, wanted: Wanted<'_>, by: By) -> Result<Placed, VendorError> {
        let Wanted { phone, desired, .. } = wanted;
        let highlevel = vendors.highlevel(&self.account);
        let push = Push { phone: Some(phone.clone()), custom_fields: self.fields(desired), ..Push::default() };
        // By number alone: an e-mail address would find another contact first, and overwrite that one.
        let contact = highlevel.upsert(&push, by).await?.contact;
        let empty = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
        Ok(Placed {
            nameless: empty(&contact.name) && empty(&contact.first_name) && empty(&contact.last_name),
            addressless: empty(&contact.email),
            tags_missing: self.tags.iter().filter(|tag| !has_tag(&contact, tag)).cloned().collect(),
            id: contact.id,
        })
    }

    pub(super) async fn fill(
        &self,
        vendors: &Vendors,
        placed: &Placed,
        desired: &Desired,
        by: By,
    ) -> Result<(), VendorError> {
        let highlevel = vendors.highlevel(&self.account);
        if let Some(name) = desired.name.clone().filter(|_| placed.nameless) {
            highlevel.update(&placed.id, &Push { name: Some(name), ..Push::default() }, by).await?;
        }
        if let Some(email) = desired.email.clone().filter(|_| placed.addressless) {
            match highlevel.update(&placed.id, &Push { email: Some(email), ..Push::default() }, by).await {
                // It is another contact's, or none: no reason to keep the rest from the CRM.
                Err(error @ VendorError::Refused(400 | 409 | 422, _)) => {
                    tracing::info!(org = %self.account.org, contact = placed.id, %error, "an e-mail address was not taken");
                }
                filled => filled?,
            }
        }
        if !placed.tags_missing.is_empty() {
            highlevel.add_tags(&placed.id, &placed.tags_missing, by).await?;
        }
        Ok(())
    }

    fn fields(&self, desired: &Desired) -> Vec<CustomField> {
        let Some(call) = &desired.last_call else { return Vec::new() };
        let at = call.at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let fields = [(&self.last_call_id_field, call.call_id.clone()), (&self.last_call_at_field, at)];
        let named =
            |(id, value): (&Option<String>, String)| id.clone().map(|id| CustomField { id, value: value.into() });
        fields.into_iter().filter_map(named).collect()
    }

    pub(super) async fn notes(&self, vendors: &Vendors, id: &str, by: By) -> Result<Vec<Note>, VendorError> {
        let notes = vendors.highlevel(&self.account).notes(id, by).await?;
        Ok(notes.into_iter().map(|note| Note { id: note.id, body: note.body }).collect())
    }

    pub(super) async fn add_note(
        &self,
        vendors: &Vendors,
        id: &str,
        body: &str,
        by: By,
    ) -> Result<String, VendorError> {
        Ok(vendors.highlevel(&self.account).add_note(id, body, by).await?.id)
    }
}

/// HighLevel keeps tags in lower case.
fn has_tag(contact: &Contact, tag: &str) -> bool {
    contact.tags.iter().any(|known| known.eq_ignore_ascii_case(tag))
}
