//! A contact's tags: added and removed one by one, never replaced; that is what upsert and update do.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    Location, Record, contacts, error,
    fields::{Field, Kind, check, texts},
};
use crate::{
    call::{Call, Moment},
    reply::{Answer, Reply},
    state::State,
};

const TAGS: [Field; 1] = [("tags", Kind::List)];
const BULK: [Field; 4] =
    [("contacts", Kind::List), ("tags", Kind::List), ("locationId", Kind::Text), ("removeAllTags", Kind::Flag)];

pub(crate) fn add(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    Ok(Reply::created(change(state, call, moment, with)?))
}

pub(crate) fn remove(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    Ok(Reply::ok(change(state, call, moment, without)?))
}

/// Several contacts at once; one that is unknown fails alone. `succeded` is how the real API spells it.
pub(crate) fn bulk(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let edit = match call.param("type") {
        Some("add") => with,
        Some("remove") => without,
        _ => return Err(error(StatusCode::BAD_REQUEST, "type must be add or remove")),
    };
    let body = check(&call.body, &[&BULK], &["contacts", "tags", "locationId"])?;
    let (ids, given) = (texts(body, "contacts")?, texts(body, "tags")?);
    let all = body.get("removeAllTags") == Some(&json!(true));
    let location = state.highlevel.open(call.text("locationId").unwrap_or_default());
    let responses = ids.iter().map(|id| {
        let edited = edit_of(location, id, moment, |tags| edit(if all { Vec::new() } else { tags }, &given));
        let (kind, message) = if edited.is_ok() { ("success", "Tags updated") } else { ("error", "Contact not found") };
        json!({ "contactId": id, "type": kind, "message": message })
    });
    let responses: Vec<Value> = responses.collect();
    let errors = responses.iter().filter(|response| response["type"] == "error").count();
    Ok(Reply::created(json!({ "succeded": errors == 0, "errorCount": errors, "responses": responses })))
}

fn change(
    state: &mut State,
    call: &Call,
    moment: &Moment,
    edit: fn(Vec<String>, &[String]) -> Vec<String>,
) -> Result<Value, Reply> {
    let id = call.param("contactId").unwrap_or_default();
    let (_, location) = state.highlevel.of_mut(Some(id), "Contact")?;
    let given = texts(check(&call.body, &[&TAGS], &["tags"])?, "tags")?;
    let contact = edit_of(location, id, moment, |tags| edit(tags, &given))?;
    Ok(json!({ "tags": contact["tags"] }))
}

fn edit_of(
    location: &mut Location,
    id: &str,
    moment: &Moment,
    edit: impl FnOnce(Vec<String>) -> Vec<String>,
) -> Result<Record, Reply> {
    let contact = location.contacts.get(id).map(|contact| contact.newest().clone()).unwrap_or_default();
    let tags = edit(texts(&contact, "tags")?);
    contacts::change(location, id, &[("tags".to_owned(), json!(tags))].into_iter().collect(), moment)
}

fn with(mut tags: Vec<String>, given: &[String]) -> Vec<String> {
    for tag in given {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    tags
}

fn without(mut tags: Vec<String>, given: &[String]) -> Vec<String> {
    tags.retain(|tag| !given.contains(tag));
    tags
}
