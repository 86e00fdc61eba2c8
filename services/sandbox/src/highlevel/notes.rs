//! A contact's notes. Not idempotent: the same note posted twice is two notes.

use serde_json::{Value, json};

use super::{
    Record, contacts,
    fields::{Field, Kind, check},
};
use crate::{
    call::{Call, Moment},
    reply::{Answer, Reply},
    state::State,
};

const NOTE: [Field; 5] = [
    ("body", Kind::Text),
    ("userId", Kind::Text),
    ("title", Kind::Text),
    ("color", Kind::Text),
    ("pinned", Kind::Flag),
];

/// Newest first.
pub(crate) fn list(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let id = call.param("contactId");
    contacts::of(&state.highlevel, id)?;
    let location = state.highlevel.of(id, "Contact")?;
    let notes: Vec<&Record> = id.and_then(|id| location.notes.get(id)).into_iter().flatten().rev().collect();
    Ok(Reply::ok(json!({ "notes": notes })))
}

pub(crate) fn create(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let contact_id = call.param("contactId").unwrap_or_default();
    let contact = contacts::of(&state.highlevel, Some(contact_id))?;
    let location_id = contact["locationId"].as_str().unwrap_or_default().to_owned();
    let mut note = check(&call.body, &[&NOTE], &["body"])?.clone();
    note.insert("id".to_owned(), json!(state.highlevel.new_id("note", &location_id)));
    note.insert("contactId".to_owned(), json!(contact_id));
    note.insert("dateAdded".to_owned(), contacts::date(moment));
    note.entry("pinned").or_insert(Value::Bool(false));
    let notes = state.highlevel.open(&location_id).notes.entry(contact_id.to_owned()).or_default();
    notes.push(note.clone());
    Ok(Reply::created(json!({ "note": note })))
}
