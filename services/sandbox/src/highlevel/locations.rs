//! What belongs to a location as a whole: the tags in use and the custom fields.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Location, Record,
    fields::{Field, Kind, check},
};
use crate::{
    call::{Call, Moment},
    reply::{Answer, Reply},
    state::State,
};

const CUSTOM_FIELD: [Field; 5] = [
    ("name", Kind::Text),
    ("dataType", Kind::Text),
    ("placeholder", Kind::Text),
    ("position", Kind::Any),
    ("model", Kind::Text),
];

/// Every tag that a contact has.
pub(crate) fn tags(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let location_id = call.param("locationId").unwrap_or_default();
    let contacts =
        state.highlevel.locations.get(location_id).into_iter().flat_map(|location| location.contacts.values());
    let tags = contacts.filter_map(|contact| contact.newest().get("tags")?.as_array());
    let tags: BTreeSet<&str> = tags.flatten().filter_map(Value::as_str).collect();
    let tags =
        tags.into_iter().map(|tag| json!({ "id": format!("tag_{tag}"), "name": tag, "locationId": location_id }));
    Ok(Reply::ok(json!({ "tags": tags.collect::<Vec<_>>() })))
}

pub(crate) fn custom_fields(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let location = call.param("locationId").and_then(|id| state.highlevel.locations.get(id));
    let fields: Vec<&Record> = location.into_iter().flat_map(|location| &location.custom_fields).collect();
    Ok(Reply::ok(json!({ "customFields": fields })))
}

pub(crate) fn create_custom_field(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let body = check(&call.body, &[&CUSTOM_FIELD], &["name", "dataType"])?;
    let location_id = call.param("locationId").unwrap_or_default();
    let id = state.highlevel.new_id("cf", location_id);
    let field = custom_field(location_id, &id, body);
    state.highlevel.open(location_id).custom_fields.push(field.clone());
    Ok(Reply::created(json!({ "customField": field })))
}

/// A custom field as it is listed.
pub(super) fn custom_field(location_id: &str, id: &str, given: &Record) -> Record {
    let name = given.get("name").and_then(Value::as_str).unwrap_or_default();
    let mut field = given.clone();
    field.entry("model").or_insert(json!("contact"));
    field.insert("id".to_owned(), json!(id));
    field.insert("locationId".to_owned(), json!(location_id));
    field.insert("fieldKey".to_owned(), json!(format!("contact.{}", name.to_lowercase().replace(' ', "_"))));
    field
}

impl Location {
    /// A custom field with an id of one's own; for the seed.
    pub(crate) fn add_custom_field(&mut self, location_id: &str, id: &str, given: &Record) {
        self.custom_fields.push(custom_field(location_id, id, given));
    }
}
