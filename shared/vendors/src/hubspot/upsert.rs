//! Makes a contact or changes the one there is, whatever HubSpot knows it by.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Contact, HubSpot, Push, path};
use crate::{
    By, VendorError,
    draft::{Draft, Operation},
    lenient::lenient,
    message,
};

/// What is taken already, by another contact.
const CONFLICT: u16 = 409;
/// Some of a batch could not be done.
const MULTI_STATUS: u16 = 207;

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Whether the contact was made by it.
    pub new: bool,
    /// The contact as it is now, as far as HubSpot tells: its id always.
    pub contact: Contact,
}

#[derive(Deserialize)]
struct Batch {
    #[serde(default)]
    results: Vec<One>,
    #[serde(default, deserialize_with = "lenient")]
    errors: Vec<Value>,
}

#[derive(Deserialize)]
struct One {
    #[serde(default, deserialize_with = "lenient")]
    new: bool,
    #[serde(flatten)]
    contact: Contact,
}

impl HubSpot<'_> {
    /// Makes or changes the contact of the push's number; one that people made with the number is found and changed, and so is
    /// one with its e-mail address. May be repeated where the account has a unique property for numbers.
    ///
    /// # Errors
    /// See [`VendorError`]; a push without a number can't be sent.
    pub async fn upsert(&self, push: &Push, by: By) -> Result<Pushed, VendorError> {
        let phone = push.phone.as_ref();
        let phone = phone.ok_or_else(|| VendorError::Unsendable("a contact without a number".to_owned()))?;
        if let Some(known) = self.lookup(phone, by).await? {
            return self.change(&known.id, push, by).await;
        }
        if let Some(email) = push.email.as_deref().map(|email| email.trim().to_lowercase())
            && let Some(known) = self.known_by("email", &email, by).await?
        {
            return self.change(&known.id, push, by).await;
        }
        let Some(property) = self.phone_property else { return self.create(push, by).await };
        let input = json!({ "id": phone, "idProperty": property, "properties": self.written(push) });
        let draft = Draft::post(path(["contacts", "batch", "upsert"]), &json!({ "inputs": [input] }));
        let batch: Batch = self.line.call(by, Operation::repeatable("upsert"), draft).await?;
        self.only(batch)
    }

    /// Changes a contact; an e-mail address that is another contact's is left out, as the number is what we know for sure.
    async fn change(&self, id: &str, push: &Push, by: By) -> Result<Pushed, VendorError> {
        let changed = match self.update(id, push, by).await {
            Err(VendorError::Refused(CONFLICT, _)) if push.email.is_some() => {
                self.update(id, &Push { email: None, ..push.clone() }, by).await
            }
            changed => changed,
        };
        changed.map(|contact| Pushed { new: false, contact })
    }

    /// Each time another one: never repeated here.
    async fn create(&self, push: &Push, by: By) -> Result<Pushed, VendorError> {
        let draft = Draft::post(path(["contacts"]), &json!({ "properties": self.written(push) }));
        let contact = self.line.call(by, Operation::once("create"), draft).await?;
        Ok(Pushed { new: true, contact })
    }

    /// The one result of a batch of one.
    fn only(&self, batch: Batch) -> Result<Pushed, VendorError> {
        if let Some(One { new, contact }) = batch.results.into_iter().next() {
            return Ok(Pushed { new, contact });
        }
        match batch.errors.first().map(|error| error["message"].as_str().unwrap_or_default()) {
            Some(said) => Err(VendorError::Refused(MULTI_STATUS, message::hide(said.to_owned(), &self.line.secrets))),
            None => Err(VendorError::Unreadable("neither a result nor an error".to_owned())),
        }
    }
}
