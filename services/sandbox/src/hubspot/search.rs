//! Searches for contacts and notes: groups of filters, of which one has to fit. Served from an index that lags behind writes.

use serde_json::{Value, json};

use super::{Record, contacts::is_wanted, invalid, object};
use crate::{
    call::{Call, Moment, text},
    reply::{Answer, Reply},
    state::State,
};

/// Objects in one answer.
const LIMIT_MAX: usize = 200;
/// Objects in an answer whose length is not given.
const LIMIT: usize = 10;
/// Groups of filters, and filters in a group.
const GROUPS_MAX: usize = 5;
const FILTERS_MAX: usize = 6;
/// Stands in a filter for the contact that a note is of.
const CONTACT: &str = "associations.contact";

pub(crate) fn contacts(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    check(&call.body)?;
    let all = state.hubspot.contacts.iter().filter_map(|(id, contact)| Some((*id, contact.seen(moment.now)?)));
    let found = all.filter(|(_, contact)| fits(&call.body, |name| values(contact, name))).collect();
    let wanted = super::list(&call.body, "properties");
    Ok(page(&call.body, found, |name| is_wanted(name, wanted.as_deref())))
}

pub(crate) fn notes(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    check(&call.body)?;
    let all = state.hubspot.notes.iter().filter_map(|(id, note)| Some((*id, note, note.properties.seen(moment.now)?)));
    let of_contact = |contacts: &[u64]| contacts.iter().map(u64::to_string).collect();
    let found = all.filter(|(_, note, properties)| {
        fits(&call.body, |name| if name == CONTACT { of_contact(&note.contacts) } else { values(properties, name) })
    });
    let found = found.map(|(id, _, properties)| (id, properties)).collect();
    let wanted = super::list(&call.body, "properties").unwrap_or_default();
    Ok(page(&call.body, found, |name| wanted.contains(&name)))
}

fn values(properties: &Record, name: &str) -> Vec<String> {
    properties.get(name).and_then(Value::as_str).map(str::to_owned).into_iter().collect()
}

fn groups(body: &Value) -> impl Iterator<Item = &Vec<Value>> {
    body["filterGroups"].as_array().into_iter().flatten().filter_map(|group| group["filters"].as_array())
}

fn check(body: &Value) -> Result<(), Reply> {
    if groups(body).count() > GROUPS_MAX || groups(body).any(|filters| filters.len() > FILTERS_MAX) {
        return Err(invalid("too many filterGroups or filters"));
    }
    match groups(body).flatten().find(|filter| !matches!(text(filter, "operator"), Some("EQ" | "HAS_PROPERTY"))) {
        Some(filter) => Err(invalid(&format!("operator {} is not known to the sandbox", filter["operator"]))),
        None => Ok(()),
    }
}

/// Whether all filters of one group fit; without groups everything does.
fn fits(body: &Value, values: impl Fn(&str) -> Vec<String>) -> bool {
    let fits = |filter: &Value| {
        let known = values(text(filter, "propertyName").unwrap_or_default());
        let known = || known.iter().filter(|value| !value.is_empty());
        match text(filter, "operator") {
            Some("EQ") => known().any(|value| filter["value"] == *value),
            _ => known().next().is_some(),
        }
    };
    groups(body).next().is_none() || groups(body).any(|filters| filters.iter().all(fits))
}

/// The first page, in the order that is asked for.
fn page(body: &Value, mut found: Vec<(u64, &Record)>, wanted: impl Fn(&str) -> bool) -> Reply {
    let sort = &body["sorts"][0];
    if let Some(name) = text(sort, "propertyName") {
        found.sort_by_key(|(id, properties)| (values(properties, name), *id));
        if sort["direction"] == "DESCENDING" {
            found.reverse();
        }
    }
    let limit = body["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LIMIT).min(LIMIT_MAX);
    let shown: Vec<Value> = found.iter().take(limit).map(|(id, properties)| object(*id, properties, &wanted)).collect();
    Reply::ok(json!({ "total": found.len(), "results": shown }))
}
