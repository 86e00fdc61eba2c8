//! Contacts: as HubSpot has them, look one up by phone, change one by its id.

use std::collections::BTreeMap;

use contract::PhoneNumber;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::{HubSpot, path};
use crate::{
    By, VendorError,
    draft::{Draft, Operation},
    error::found,
    lenient::lenient,
};

/// The properties that are read, besides those that the account names.
const PROPERTIES: [&str; 5] = ["firstname", "lastname", "email", "phone", "mobilephone"];
/// Where a number may stand that a person typed in.
const PHONES: [&str; 2] = ["phone", "mobilephone"];

/// A contact as HubSpot has it. All but the id may be missing; an empty property is a missing one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Contact {
    /// HubSpot's id, a number as text.
    pub id: String,
    #[serde(default, deserialize_with = "texts")]
    properties: BTreeMap<String, String>,
}

/// What is to be so at HubSpot. What is `None` or empty stays as it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Push {
    /// The contact's number.
    pub phone: Option<PhoneNumber>,
    /// E-mail address, in any case: it is sent in lower case, as HubSpot compares it.
    pub email: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Added to those in the account's property for tags; dropped if it names none.
    pub tags: Vec<String>,
    /// The account's own properties, by internal name.
    pub properties: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Found {
    results: Vec<Contact>,
}

impl Contact {
    /// A property by its internal name, if it was asked for and is not empty.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// First and last name, as far as they are known.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let parts: Vec<&str> = ["firstname", "lastname"].into_iter().filter_map(|part| self.property(part)).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// E-mail address.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.property("email")
    }

    /// Phone number, as HubSpot has it.
    #[must_use]
    pub fn phone(&self) -> Option<&str> {
        PHONES.into_iter().find_map(|name| self.property(name))
    }
}

impl Push {
    /// A whole name, cut at its first blank: HubSpot has no property for it.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        let (first, last) = name.trim().split_once(' ').unwrap_or((name.trim(), ""));
        let text = |part: &str| Some(part.trim().to_owned()).filter(|part| !part.is_empty());
        (self.first_name, self.last_name) = (text(first), text(last));
        self
    }
}

impl HubSpot<'_> {
    /// The contact of this number: by the account's unique property, else by a search, the oldest first. The property tells
    /// what was written a moment ago; a search does not.
    ///
    /// # Errors
    /// See [`VendorError`]; that there is none is no error.
    pub async fn lookup(&self, phone: &PhoneNumber, by: By) -> Result<Option<Contact>, VendorError> {
        if let Some(property) = self.phone_property
            && let Some(contact) = self.known_by(property, phone.as_str(), by).await?
        {
            return Ok(Some(contact));
        }
        let filters =
            PHONES.map(|name| json!({ "filters": [{ "propertyName": name, "operator": "EQ", "value": phone }] }));
        let sorts = json!([{ "propertyName": "createdate", "direction": "ASCENDING" }]);
        let body = json!({ "filterGroups": filters, "sorts": sorts, "properties": self.properties(), "limit": 1 });
        let draft = Draft::post(path(["contacts", "search"]), &body);
        let found: Found = self.search.call(by, Operation::repeatable("lookup"), draft).await?;
        Ok(found.results.into_iter().next())
    }

    /// Changes the contact of this id. May be repeated.
    ///
    /// # Errors
    /// See [`VendorError`]; an e-mail address that is another contact's is refused (409).
    pub async fn update(&self, id: &str, push: &Push, by: By) -> Result<Contact, VendorError> {
        let draft = Draft::patch(path(["contacts", id]), &json!({ "properties": self.written(push) }));
        self.line.call(by, Operation::repeatable("update"), draft).await
    }

    /// The contact whose property with unique values has this value.
    pub(super) async fn known_by(&self, property: &str, value: &str, by: By) -> Result<Option<Contact>, VendorError> {
        let draft = Draft::get(path(["contacts", value])).query("idProperty", property);
        let draft = draft.query("properties", &self.properties().join(","));
        found(self.line.call(by, Operation::repeatable("get"), draft).await)
    }

    /// The properties to read.
    fn properties(&self) -> Vec<&str> {
        PROPERTIES.into_iter().chain(self.phone_property).chain(self.tags_property).collect()
    }

    /// A push as properties, all of them texts.
    pub(super) fn written(&self, push: &Push) -> BTreeMap<String, String> {
        let mut written = push.properties.clone();
        let mut set = |name: &str, value: Option<&str>| {
            if let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) {
                written.insert(name.to_owned(), value.to_owned());
            }
        };
        let phone = push.phone.as_ref().map(PhoneNumber::as_str);
        set("phone", phone);
        if let Some(property) = self.phone_property {
            set(property, phone);
        }
        set("email", push.email.as_deref().map(str::to_lowercase).as_deref());
        set("firstname", push.first_name.as_deref());
        set("lastname", push.last_name.as_deref());
        if let Some(property) = self.tags_property
            && !push.tags.is_empty()
        {
            // With the leading semicolon the values are added; without, they would replace those there are.
            set(property, Some(&format!(";{}", push.tags.join(";"))));
        }
        written
    }
}

/// Properties as texts; one that is null or of another type is missing.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values: BTreeMap<String, Value> = lenient(deserializer)?;
    let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
    Ok(values.into_iter().filter_map(text).collect())
}
