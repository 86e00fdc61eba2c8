//! Contacts: create, read by id or by a unique value, update, upsert. A read by id sees what was written a moment ago.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{HubSpot, Record, date, error, invalid, not_found, object};
use crate::{
    call::{Call, Moment, text},
    lagged::Lagged,
    reply::{Answer, Reply},
    state::State,
};

/// What is shown when nothing is asked for.
const USUAL: [&str; 6] = ["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"];
/// Contacts in a batch.
const BATCH_MAX: usize = 100;

pub(crate) fn create(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let (id, contact) = add(&mut state.hubspot, &call.body["properties"], moment)?;
    Ok(Reply::created(object(id, &contact, |_| true)))
}

pub(crate) fn get(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let hubspot = &state.hubspot;
    let value = call.param("contactId").unwrap_or_default();
    let id = hubspot.find(call.query("idProperty"), value)?.ok_or_else(not_found)?;
    let contact = hubspot.contacts.get(&id).map(Lagged::newest).ok_or_else(not_found)?;
    let wanted: Option<Vec<&str>> = call.query("properties").map(|names| names.split(',').collect());
    let mut shown = object(id, contact, |name| is_wanted(name, wanted.as_deref()));
    let notes: Vec<Value> =
        hubspot.notes_of(id).map(|(id, _)| json!({ "id": id.to_string(), "type": "note_to_contact" })).collect();
    if call.query("associations").is_some_and(|names| names.split(',').any(|name| name == "notes")) && !notes.is_empty()
    {
        shown["associations"] = json!({ "notes": { "results": notes } });
    }
    Ok(Reply::ok(shown))
}

pub(crate) fn update(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let hubspot = &mut state.hubspot;
    let value = call.param("contactId").unwrap_or_default();
    let id = hubspot.find(call.query("idProperty"), value)?.ok_or_else(not_found)?;
    let contact = change(hubspot, id, &call.body["properties"], moment)?;
    Ok(Reply::ok(object(id, &contact, |_| true)))
}

pub(crate) fn upsert(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let inputs = call.body["inputs"].as_array().ok_or_else(|| invalid("inputs must be a list"))?;
    if inputs.is_empty() || inputs.len() > BATCH_MAX {
        return Err(invalid(&format!("inputs must have 1 to {BATCH_MAX} entries")));
    }
    let mut results = Vec::new();
    for input in inputs {
        let value = text(input, "id").ok_or_else(|| invalid("id is required"))?;
        let key = text(input, "idProperty");
        let known = state.hubspot.find(key, value)?;
        let (id, contact) = match known {
            Some(id) => (id, change(&mut state.hubspot, id, &input["properties"], moment)?),
            None => {
                let mut properties = input["properties"].clone();
                properties[key.unwrap_or("email")] = json!(value);
                add(&mut state.hubspot, &properties, moment)?
            }
        };
        let mut result = object(id, &contact, |_| true);
        result["new"] = json!(known.is_none());
        results.push(result);
    }
    let now = date(moment);
    Ok(Reply::ok(json!({ "status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now })))
}

/// A new contact with these properties.
pub(crate) fn add(hubspot: &mut HubSpot, given: &Value, moment: &Moment) -> Result<(u64, Record), Reply> {
    let mut contact = hubspot.written(&Record::new(), given)?;
    hubspot.check_keys(&contact, None)?;
    let id = hubspot.new_id();
    contact.insert("hs_object_id".to_owned(), json!(id.to_string()));
    contact.insert("createdate".to_owned(), date(moment));
    contact.insert("lastmodifieddate".to_owned(), date(moment));
    hubspot.contacts.insert(id, Lagged::new(contact.clone(), moment.now, moment.hubspot_lag));
    Ok((id, contact))
}

fn change(hubspot: &mut HubSpot, id: u64, given: &Value, moment: &Moment) -> Result<Record, Reply> {
    let before = hubspot.contacts.get(&id).map(Lagged::newest).ok_or_else(not_found)?;
    let mut contact = hubspot.written(before, given)?;
    hubspot.check_keys(&contact, Some(id))?;
    contact.insert("lastmodifieddate".to_owned(), date(moment));
    let kept = hubspot.contacts.get_mut(&id).ok_or_else(not_found)?;
    kept.set(contact.clone(), moment.now, moment.hubspot_lag);
    Ok(contact)
}

/// Whether a property is shown when these are asked for.
pub(super) fn is_wanted(name: &str, wanted: Option<&[&str]>) -> bool {
    USUAL.contains(&name) || wanted.is_some_and(|wanted| wanted.contains(&name))
}

impl HubSpot {
    /// The contact with this id, or with this value of a property that no two have.
    fn find(&self, key: Option<&str>, value: &str) -> Result<Option<u64>, Reply> {
        match key {
            None | Some("hs_object_id") => Ok(value.parse().ok().filter(|id| self.contacts.contains_key(id))),
            Some(key) if self.is_key(key) => Ok(self.holder(key, value)),
            Some(key) => Err(invalid(&format!("{key} is not a unique property"))),
        }
    }

    /// Who has this value now.
    fn holder(&self, key: &str, value: &str) -> Option<u64> {
        let has = |contact: &Record| contact.get(key).and_then(Value::as_str).is_some_and(|known| known == value);
        self.contacts.iter().find(|(_, contact)| has(contact.newest())).map(|(id, _)| *id)
    }

    /// Refuses a value that no two contacts have, if another one has it.
    fn check_keys(&self, contact: &Record, id: Option<u64>) -> Result<(), Reply> {
        for (name, value) in contact.iter().filter(|(name, _)| self.is_key(name)) {
            let value = value.as_str().unwrap_or_default();
            let holder = self.holder(name, value).filter(|holder| !value.is_empty() && id != Some(*holder));
            if let Some(holder) = holder {
                let message = format!("Contact already exists. Existing ID: {holder}");
                return Err(error(StatusCode::CONFLICT, &message));
            }
        }
        Ok(())
    }
}
