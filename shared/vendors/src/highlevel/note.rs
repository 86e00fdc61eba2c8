//! Notes of a contact. There is no key that makes two of the same one: whoever adds one puts a mark into it, and looks for the
//! mark before adding it again.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{CONTACTS, HighLevel, VENDOR, VERSION};
use crate::{
    By, VendorError,
    draft::{Draft, Operation},
    lenient::{lenient, readable},
};

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Note {
    /// HighLevel's id.
    pub id: String,
    /// Its text; HighLevel may have made HTML of it.
    #[serde(default, deserialize_with = "lenient")]
    pub body: String,
}

#[derive(Deserialize)]
struct Notes {
    notes: Vec<Value>,
}

#[derive(Deserialize)]
struct Added {
    note: Note,
}

impl HighLevel<'_> {
    /// The contact's notes. An answer without a list is an error, not "none": else a note that is there would be added again.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn notes(&self, contact_id: &str, by: By) -> Result<Vec<Note>, VendorError> {
        let draft = Draft::get(["contacts", contact_id, "notes"]).header(VERSION, CONTACTS);
        let notes: Notes = self.line.call(by, Operation::repeatable("notes"), draft).await?;
        Ok(readable(notes.notes, VENDOR.name, "notes"))
    }

    /// Adds a note, each time another one: when [`VendorError::may_have_happened`], look into [`Self::notes`] before the next try.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn add_note(&self, contact_id: &str, body: &str, by: By) -> Result<Note, VendorError> {
        let draft = Draft::post(["contacts", contact_id, "notes"], &json!({ "body": body })).header(VERSION, CONTACTS);
        let added: Added = self.line.call(by, Operation::once("add_note"), draft).await?;
        Ok(added.note)
    }
}
