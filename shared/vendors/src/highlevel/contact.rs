//! Contacts: look one up by phone, push one, add tags to one.

use contract::PhoneNumber;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{CONTACTS, HighLevel, VERSION};
use crate::{
    By, VendorError,
    draft::{Draft, Operation},
    error::found,
    lenient::lenient,
};

/// A contact as HighLevel has it. All but the id may be missing or empty.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// HighLevel's id.
    pub id: String,
    /// The whole name.
    #[serde(default, deserialize_with = "lenient", alias = "contactName")]
    pub name: Option<String>,
    /// First name.
    #[serde(default, deserialize_with = "lenient")]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(default, deserialize_with = "lenient")]
    pub last_name: Option<String>,
    /// E-mail address.
    #[serde(default, deserialize_with = "lenient")]
    pub email: Option<String>,
    /// Phone number, as HighLevel writes it.
    #[serde(default, deserialize_with = "lenient")]
    pub phone: Option<String>,
    /// Tags.
    #[serde(default, deserialize_with = "lenient")]
    pub tags: Vec<String>,
    /// The location's own fields.
    #[serde(default, deserialize_with = "lenient")]
    pub custom_fields: Vec<CustomField>,
}

/// One of the location's own fields. HighLevel gives it as `value` and takes it as `field_value`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct CustomField {
    /// The field's id.
    pub id: String,
    /// Text, number, or a list of what is ticked.
    #[serde(default, rename(serialize = "field_value"), alias = "field_value", alias = "fieldValue")]
    pub value: Value,
}

/// What is to be so at HighLevel. What is `None` or empty stays as it is there; there are no tags, see
/// [`HighLevel::add_tags`].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Push {
    /// The contact's number; with the e-mail address what HighLevel knows a contact by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<PhoneNumber>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The whole name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// First name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// IANA time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Where a new contact came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The location's own fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom_fields: Vec<CustomField>,
}

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Pushed {
    /// Whether the contact was made by it.
    #[serde(default, deserialize_with = "lenient")]
    pub new: bool,
    /// The contact as it is now.
    pub contact: Contact,
}

#[derive(Deserialize)]
struct Lookup {
    /// Missing and null are the same: none.
    contact: Option<Contact>,
}

#[derive(Deserialize)]
struct Tags {
    tags: Vec<String>,
}

impl HighLevel<'_> {
    /// The contact of this number, by the location's own rule of what a duplicate is. Sees what was written a moment ago.
    ///
    /// # Errors
    /// See [`VendorError`]; that there is none is no error.
    pub async fn lookup(&self, phone: &PhoneNumber, by: By) -> Result<Option<Contact>, VendorError> {
        let draft = Draft::get(["contacts", "search", "duplicate"]).header(VERSION, CONTACTS);
        let draft = draft.query("locationId", self.location_id).query("number", phone);
        let lookup = found(self.line.call::<Lookup>(by, Operation::repeatable("lookup"), draft).await)?;
        Ok(lookup.and_then(|lookup| lookup.contact))
    }

    /// Makes or changes the contact that the location takes for the same. May be repeated. Leaves all tags alone.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn upsert(&self, push: &Push, by: By) -> Result<Pushed, VendorError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            location_id: &'a str,
            #[serde(flatten)]
            push: &'a Push,
        }
        let body = Body { location_id: self.location_id, push };
        let draft = Draft::post(["contacts", "upsert"], &body).header(VERSION, CONTACTS);
        self.line.call(by, Operation::repeatable("upsert"), draft).await
    }

    /// Changes the contact of this id, whatever else it has in common with others. May be repeated. Leaves all tags alone.
    ///
    /// # Errors
    /// See [`VendorError`]; refused when the phone or e-mail address is another contact's.
    pub async fn update(&self, contact_id: &str, push: &Push, by: By) -> Result<(), VendorError> {
        let draft = Draft::put(["contacts", contact_id], push).header(VERSION, CONTACTS);
        self.line.call::<Value>(by, Operation::repeatable("update"), draft).await.map(|_| ())
    }

    /// Adds tags to those the contact has; all of them, afterwards. May be repeated.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn add_tags(&self, contact_id: &str, tags: &[String], by: By) -> Result<Vec<String>, VendorError> {
        let draft = Draft::post(["contacts", contact_id, "tags"], &json!({ "tags": tags })).header(VERSION, CONTACTS);
        let tags: Tags = self.line.call(by, Operation::repeatable("add_tags"), draft).await?;
        Ok(tags.tags)
    }
}
