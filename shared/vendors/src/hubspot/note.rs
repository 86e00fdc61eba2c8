//! Notes of a contact. There is no key that makes two of the same one: whoever adds one puts a mark into it, and looks for the
//! mark before adding it again.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{HubSpot, VENDOR, path};
use crate::{
    By, VendorError,
    draft::{Draft, Operation},
    lenient::{lenient, readable},
};

/// The longest note, in characters.
pub const NOTE_CHARACTERS_MAX: usize = 65_536;
/// Notes that are read, the newest: a batch's limit.
const NOTES_MAX: usize = 100;
/// The kind of association, defined by HubSpot, from a note to its contact.
const NOTE_TO_CONTACT: u16 = 202;

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Note {
    /// HubSpot's id.
    pub id: String,
    #[serde(default, deserialize_with = "lenient")]
    properties: Properties,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct Properties {
    #[serde(default, deserialize_with = "lenient")]
    hs_note_body: String,
}

/// A contact with what is associated with it; nothing at all if there are no notes.
#[derive(Deserialize)]
struct Associated {
    #[serde(default)]
    associations: Associations,
}

#[derive(Default, Deserialize)]
struct Associations {
    #[serde(default)]
    notes: Page,
}

#[derive(Default, Deserialize)]
struct Page {
    results: Vec<Id>,
    #[serde(default)]
    paging: Value,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Notes {
    results: Vec<Value>,
}

impl Note {
    /// Its text; HubSpot may have made HTML of it.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.properties.hs_note_body
    }
}

impl HubSpot<'_> {
    /// The contact's newest 100 notes, in no order, those that were added a moment ago included. For a contact with more notes
    /// than one list holds, they are searched for, and the very last ones may be missing.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn notes(&self, contact_id: &str, by: By) -> Result<Vec<Note>, VendorError> {
        let draft = Draft::get(path(["contacts", contact_id])).query("associations", "notes");
        let contact: Associated = self.line.call(by, Operation::repeatable("notes"), draft).await?;
        let Page { results, paging } = contact.associations.notes;
        if !paging.is_null() {
            return self.search_notes(contact_id, by).await;
        }
        let mut ids: Vec<String> = results.into_iter().map(|Id { id }| id).collect();
        // Ids are numbers that grow; a shorter one is a smaller one.
        ids.sort_by(|a, b| (b.len(), b).cmp(&(a.len(), a)));
        ids.dedup();
        ids.truncate(NOTES_MAX);
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let inputs: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
        let body = json!({ "inputs": inputs, "properties": ["hs_note_body"] });
        let draft = Draft::post(path(["notes", "batch", "read"]), &body);
        let notes: Notes = self.line.call(by, Operation::repeatable("notes"), draft).await?;
        Ok(readable(notes.results, VENDOR.name, "notes"))
    }

    async fn search_notes(&self, contact_id: &str, by: By) -> Result<Vec<Note>, VendorError> {
        let filter = json!({ "propertyName": "associations.contact", "operator": "EQ", "value": contact_id });
        let body = json!({
            "filterGroups": [{ "filters": [filter] }], "properties": ["hs_note_body"], "limit": NOTES_MAX,
            "sorts": [{ "propertyName": "hs_timestamp", "direction": "DESCENDING" }],
        });
        let draft = Draft::post(path(["notes", "search"]), &body);
        let notes: Notes = self.search.call(by, Operation::repeatable("notes"), draft).await?;
        Ok(readable(notes.results, VENDOR.name, "notes"))
    }

    /// Adds a note that stands at `at` in the contact's time line, each time another one: when
    /// [`VendorError::may_have_happened`], look into [`Self::notes`] before the next try.
    ///
    /// # Errors
    /// See [`VendorError`]; one longer than [`NOTE_CHARACTERS_MAX`] can't be sent.
    pub async fn add_note(&self, contact_id: &str, body: &str, at: DateTime<Utc>, by: By) -> Result<Note, VendorError> {
        if body.chars().count() > NOTE_CHARACTERS_MAX {
            return Err(VendorError::Unsendable(format!("a note of more than {NOTE_CHARACTERS_MAX} characters")));
        }
        let kind = json!({ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": NOTE_TO_CONTACT });
        let note = json!({
            "properties": { "hs_timestamp": at.to_rfc3339_opts(SecondsFormat::Millis, true), "hs_note_body": body },
            "associations": [{ "to": { "id": contact_id }, "types": [kind] }],
        });
        self.line.call(by, Operation::once("add_note"), Draft::post(path(["notes"]), &note)).await
    }
}
