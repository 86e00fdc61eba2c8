//! Contacts: create, upsert, update, read by id.
//!
//! An upsert finds its contact by email first, then by phone; `tags` replace all tags there are. Custom fields go in as
//! `field_value` and come out as `value`. The location allows no duplicates.

use axum::http::StatusCode;
use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::{
    HighLevel, Location, Record, failure,
    fields::{Field, Kind, check, texts},
    not_found, trace_id, unprocessable,
};
use crate::{
    call::{Call, Moment},
    lagged::Lagged,
    reply::{Answer, Reply},
    state::State,
};

/// What a contact may be given by create, upsert and update.
const FIELDS: [Field; 23] = [
    ("firstName", Kind::Text),
    ("lastName", Kind::Text),
    ("name", Kind::Text),
    ("email", Kind::Text),
    ("phone", Kind::Text),
    ("gender", Kind::Text),
    ("address1", Kind::Text),
    ("city", Kind::Text),
    ("state", Kind::Text),
    ("postalCode", Kind::Text),
    ("country", Kind::Text),
    ("website", Kind::Text),
    ("timezone", Kind::Text),
    ("dnd", Kind::Flag),
    ("dndSettings", Kind::Any),
    ("inboundDndSettings", Kind::Any),
    ("tags", Kind::List),
    ("customFields", Kind::List),
    ("source", Kind::Text),
    ("dateOfBirth", Kind::Text),
    ("companyName", Kind::Text),
    ("assignedTo", Kind::Text),
    ("createNewIfDuplicateAllowed", Kind::Flag),
];
/// What only a new contact is given.
const HOME: [Field; 1] = [("locationId", Kind::Text)];

pub(crate) fn create(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let body = check(&call.body, &[&FIELDS, &HOME], &["locationId"])?;
    let location_id = call.text("locationId").unwrap_or_default();
    let location = state.highlevel.open(location_id);
    for field in ["email", "phone"] {
        if let Some(known) = call.text(field).and_then(|value| find(location, field, value)) {
            let message = json!("This location does not allow duplicated contacts.");
            let mut reply = failure(StatusCode::BAD_REQUEST, &message);
            reply.body["meta"] = json!({ "contactId": known, "matchingField": field });
            return Err(reply);
        }
    }
    let contact = add(&mut state.highlevel, location_id, body, moment)?;
    Ok(Reply::created(json!({ "contact": contact, "traceId": trace_id() })))
}

pub(crate) fn upsert(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let body = check(&call.body, &[&FIELDS, &HOME], &["locationId"])?;
    let location_id = call.text("locationId").unwrap_or_default();
    let location = state.highlevel.open(location_id);
    let matches = |field: &str| call.text(field).and_then(|value| find(location, field, value));
    let (by_email, by_phone) = (matches("email"), matches("phone"));
    let of_another = by_email.is_some() && by_phone.is_some() && by_email != by_phone;
    let (new, contact) = match by_email.or(by_phone) {
        Some(id) => {
            let mut body = body.clone();
            if of_another {
                body.remove("phone");
            }
            (false, change(location, &id, &body, moment)?)
        }
        None => (true, add(&mut state.highlevel, location_id, body, moment)?),
    };
    Ok(Reply::ok(json!({ "new": new, "contact": contact, "traceId": trace_id() })))
}

pub(crate) fn get(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let contact = of(&state.highlevel, call.param("contactId"))?;
    Ok(Reply::ok(json!({ "contact": contact, "traceId": trace_id() })))
}

pub(crate) fn update(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let id = call.param("contactId").unwrap_or_default();
    let (_, location) = state.highlevel.of_mut(Some(id), "Contact")?;
    let body = check(&call.body, &[&FIELDS], &[])?;
    let contact = change(location, id, body, moment)?;
    Ok(Reply::ok(json!({ "succeded": true, "contact": contact, "traceId": trace_id() })))
}

/// The contact as it was last written.
pub(super) fn of<'a>(highlevel: &'a HighLevel, id: Option<&str>) -> Result<&'a Record, Reply> {
    let location = highlevel.of(id, "Contact")?;
    let kept = id.and_then(|id| location.contacts.get(id));
    kept.map(Lagged::newest).ok_or_else(|| not_found("Contact"))
}

/// A new contact from these fields.
pub(crate) fn add(
    highlevel: &mut HighLevel,
    location_id: &str,
    body: &Record,
    moment: &Moment,
) -> Result<Record, Reply> {
    let mut contact = Record::new();
    for name in ["tags", "customFields"] {
        contact.insert(name.to_owned(), json!([]));
    }
    contact.insert("type".to_owned(), json!("lead"));
    contact.insert("locationId".to_owned(), json!(location_id));
    contact.insert("dateAdded".to_owned(), date(moment));
    fill(&mut contact, body, moment)?;
    let id = highlevel.new_id("con", location_id);
    contact.insert("id".to_owned(), json!(id));
    let kept = Lagged::new(contact.clone(), moment.now, moment.read_lag);
    highlevel.open(location_id).contacts.insert(id, kept);
    Ok(contact)
}

/// Changes a contact that exists; what is not given stays.
pub(super) fn change(location: &mut Location, id: &str, body: &Record, moment: &Moment) -> Result<Record, Reply> {
    let kept = location.contacts.get_mut(id).ok_or_else(|| not_found("Contact"))?;
    let mut contact = kept.newest().clone();
    fill(&mut contact, body, moment)?;
    kept.set(contact.clone(), moment.now, moment.read_lag);
    Ok(contact)
}

fn fill(contact: &mut Record, body: &Record, moment: &Moment) -> Result<(), Reply> {
    for (name, value) in body {
        let value = match name.as_str() {
            "locationId" | "createNewIfDuplicateAllowed" => continue,
            "tags" => json!(texts(body, "tags")?),
            "customFields" => custom_fields(contact, value)?,
            "phone" => value.as_str().map_or(Value::Null, |phone| json!(digits(phone))),
            _ => value.clone(),
        };
        contact.insert(name.clone(), value);
    }
    if let Some((first, last)) =
        body.get("name").and_then(Value::as_str).map(|name| name.split_once(' ').unwrap_or((name, "")))
    {
        contact.insert("firstName".to_owned(), json!(first));
        contact.insert("lastName".to_owned(), json!(last));
    }
    let part = |name: &str| contact.get(name).and_then(Value::as_str).unwrap_or_default();
    let name = format!("{} {}", part("firstName"), part("lastName")).trim().to_owned();
    contact.insert("name".to_owned(), json!(name));
    contact.insert("dateUpdated".to_owned(), date(moment));
    Ok(())
}

/// The contact's custom fields with those that are given, `field_value` turned into `value`.
fn custom_fields(contact: &Record, given: &Value) -> Result<Value, Reply> {
    let mut all = contact.get("customFields").and_then(Value::as_array).cloned().unwrap_or_default();
    for (index, field) in given.as_array().into_iter().flatten().enumerate() {
        let path = format!("customFields.{index}");
        let (Some(id), Some(value)) = (crate::call::text(field, "id"), field.get("field_value")) else {
            return Err(unprocessable(&[format!("{path}.id and {path}.field_value should not be empty")]));
        };
        all.retain(|known| known["id"] != id);
        all.push(json!({ "id": id, "value": value }));
    }
    Ok(all.into())
}

/// The contact with this email or phone, as it was last written: duplicates are refused without lag.
fn find(location: &Location, field: &str, value: &str) -> Option<String> {
    let contacts = location.contacts.iter();
    let mut same = contacts.filter(|(_, contact)| is(contact.newest(), field, value));
    same.next().map(|(id, _)| id.clone())
}

/// Whether a contact's email or phone is this one: letter case and the phone's punctuation do not count.
pub(super) fn is(contact: &Record, field: &str, value: &str) -> bool {
    let Some(known) = contact.get(field).and_then(Value::as_str) else { return false };
    if field == "phone" { known == digits(value) } else { known.eq_ignore_ascii_case(value) }
}

/// The phone without punctuation.
fn digits(phone: &str) -> String {
    phone.chars().filter(|c| !matches!(c, '-' | '(' | ')' | '.') && !c.is_whitespace()).collect()
}

/// Now, as records show it.
pub(super) fn date(moment: &Moment) -> Value {
    json!(moment.utc.to_rfc3339_opts(SecondsFormat::Millis, true))
}
