//! Notes of contacts. Not idempotent: the same note posted twice is two notes.

use serde_json::{Value, json};

use super::{HubSpot, Record, date, invalid, not_found, object};
use crate::{
    call::{Call, Moment, text},
    lagged::Lagged,
    reply::{Answer, Reply},
    state::State,
};

/// The kind of association from a note to its contact.
const NOTE_TO_CONTACT: u64 = 202;
/// The longest note, in characters.
const CHARACTERS_MAX: usize = 65_536;

/// One note.
pub(crate) struct Note {
    pub(super) contacts: Vec<u64>,
    pub(super) properties: Lagged<Record>,
}

impl Note {
    pub(super) fn shown(&self, id: u64) -> Value {
        let mut shown = object(id, self.properties.newest(), |_| true);
        shown["contacts"] = self.contacts.iter().map(u64::to_string).collect();
        shown
    }
}

impl HubSpot {
    /// A contact's notes, the oldest first.
    pub(super) fn notes_of(&self, contact: u64) -> impl Iterator<Item = (u64, &Note)> {
        self.notes.iter().filter(move |(_, note)| note.contacts.contains(&contact)).map(|(id, note)| (*id, note))
    }
}

pub(crate) fn create(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let given = call.body["properties"].as_object().ok_or_else(|| invalid("properties must be an object"))?;
    if let Some(name) =
        given.keys().find(|name| !["hs_timestamp", "hs_note_body", "hubspot_owner_id"].contains(&name.as_str()))
    {
        return Err(invalid(&format!("Property \"{name}\" does not exist")));
    }
    if given.values().any(|value| !value.is_string()) || given.get("hs_timestamp").is_none_or(|time| time == "") {
        return Err(invalid("hs_timestamp is required, and a value must be a string"));
    }
    if text(&call.body["properties"], "hs_note_body").is_some_and(|body| body.chars().count() > CHARACTERS_MAX) {
        return Err(invalid("hs_note_body is too long"));
    }
    let contacts = associated(&state.hubspot, &call.body["associations"])?;
    let mut properties = given.clone();
    properties.insert("createdate".to_owned(), date(moment));
    properties.insert("lastmodifieddate".to_owned(), date(moment));
    let id = state.hubspot.new_id();
    let shown = object(id, &properties, |_| true);
    let properties = Lagged::new(properties, moment.now, moment.hubspot_lag);
    state.hubspot.notes.insert(id, Note { contacts, properties });
    Ok(Reply::created(shown))
}

/// The contacts that a new note is associated with.
fn associated(hubspot: &HubSpot, given: &Value) -> Result<Vec<u64>, Reply> {
    let one = |association: &Value| {
        let kind = &association["types"][0];
        if kind["associationCategory"] != "HUBSPOT_DEFINED" || kind["associationTypeId"] != NOTE_TO_CONTACT {
            return Err(invalid("the sandbox knows the association of a note with a contact: HUBSPOT_DEFINED, 202"));
        }
        let id = text(&association["to"], "id").and_then(|id| id.parse().ok());
        id.filter(|id| hubspot.contacts.contains_key(id)).ok_or_else(not_found)
    };
    given.as_array().into_iter().flatten().map(one).collect()
}

/// Notes by id; one that there is not is left out and told beside.
pub(crate) fn read(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let inputs = call.body["inputs"].as_array().ok_or_else(|| invalid("inputs must be a list"))?;
    let wanted = super::list(&call.body, "properties").unwrap_or_default();
    let of = |input: &Value| {
        let id: u64 = text(input, "id")?.parse().ok()?;
        let note = state.hubspot.notes.get(&id)?;
        Some(object(id, note.properties.newest(), |name| wanted.contains(&name)))
    };
    let results: Vec<Value> = inputs.iter().filter_map(of).collect();
    let missing = inputs.len() - results.len();
    let mut body = json!({ "status": "COMPLETE", "results": results });
    if missing == 0 {
        return Ok(Reply::ok(body));
    }
    body["numErrors"] = json!(missing);
    body["errors"] =
        json!([{ "status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some objects" }]);
    Ok(Reply::new(axum::http::StatusCode::MULTI_STATUS, body))
}
