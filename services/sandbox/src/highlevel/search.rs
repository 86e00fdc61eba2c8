//! Contacts by what is known of them: the duplicate lookup, the search with filters, the deprecated list.
//!
//! All three are served from an index, so a write is seen here after the read lag.

use serde_json::{Value, json};

use super::{
    HighLevel, Record, contacts,
    fields::{Field, Kind, check},
    trace_id, unprocessable,
};
use crate::{
    call::{Call, Moment, text},
    reply::{Answer, Reply},
    state::State,
};

/// Contacts in one page.
const PAGE_MAX: usize = 100;
/// Contacts in a page whose length is not given.
const PAGE: usize = 20;

const SEARCH: [Field; 7] = [
    ("locationId", Kind::Text),
    ("page", Kind::Any),
    ("pageLimit", Kind::Any),
    ("query", Kind::Text),
    ("filters", Kind::List),
    ("sort", Kind::List),
    ("searchAfter", Kind::List),
];

/// By number or email. A `+` that is not percent-encoded is a space, and finds nobody.
pub(crate) fn lookup(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let location_id = location_id(call)?;
    let wanted = [("email", call.query("email")), ("phone", call.query("number"))];
    if wanted.iter().all(|(_, value)| value.is_none()) {
        return Err(unprocessable(&["email or number should not be empty".to_owned()]));
    }
    let found = wanted.into_iter().find_map(|(field, value)| {
        let value = value?;
        seen(&state.highlevel, location_id, moment).find(|contact| contacts::is(contact, field, value))
    });
    Ok(Reply::ok(json!({ "contact": found, "traceId": trace_id() })))
}

pub(crate) fn search(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let body = check(&call.body, &[&SEARCH], &["locationId", "pageLimit"])?;
    let number = |name: &str| body.get(name).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
    let limit = number("pageLimit").unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let filters: Vec<&Value> = body.get("filters").and_then(Value::as_array).into_iter().flatten().collect();
    if let Some(filter) = filters.iter().find(|filter| !matches!(filter["operator"].as_str(), Some("eq" | "contains")))
    {
        return Err(unprocessable(&[format!("operator {} is not known to the sandbox", filter["operator"])]));
    }
    let location_id = text(&call.body, "locationId").unwrap_or_default();
    let all = seen(&state.highlevel, location_id, moment);
    let fits = |contact: &&Record| {
        filters.iter().all(|filter| passes(contact, filter))
            && call.text("query").is_none_or(|query| mentions(contact, query))
    };
    let found: Vec<_> = all.filter(fits).collect();
    let page = found.iter().skip(number("page").unwrap_or(1).saturating_sub(1).saturating_mul(limit)).take(limit);
    Ok(Reply::ok(json!({ "contacts": page.collect::<Vec<_>>(), "total": found.len(), "traceId": trace_id() })))
}

pub(crate) fn list(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let location_id = location_id(call)?;
    let limit = call.query("limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let all = seen(&state.highlevel, location_id, moment);
    let found = all.filter(|contact| call.query("query").is_none_or(|query| mentions(contact, query)));
    let after = call.query("startAfterId").unwrap_or_default();
    let found: Vec<_> = found.filter(|contact| contact.get("id").and_then(Value::as_str) > Some(after)).collect();
    let page: Vec<_> = found.iter().take(limit).collect();
    Ok(Reply::ok(json!({ "contacts": page, "count": found.len(), "traceId": trace_id() })))
}

fn seen<'a>(highlevel: &'a HighLevel, location_id: &str, moment: &Moment) -> impl Iterator<Item = &'a Record> {
    let (contacts, now) = (highlevel.locations.get(location_id), moment.now);
    contacts.into_iter().flat_map(|location| location.contacts.values()).filter_map(move |contact| contact.seen(now))
}

fn passes(contact: &Record, filter: &Value) -> bool {
    let (field, value) = (text(filter, "field").unwrap_or_default(), text(filter, "value").unwrap_or_default());
    match filter["operator"].as_str() {
        Some("eq") => contacts::is(contact, field, value),
        _ => contact.get(field).and_then(Value::as_str).is_some_and(|known| known.contains(value)),
    }
}

fn mentions(contact: &Record, query: &str) -> bool {
    let query = query.to_lowercase();
    let known = ["name", "email", "phone"].iter().filter_map(|field| contact.get(*field)?.as_str());
    known.into_iter().any(|text| text.to_lowercase().contains(&query))
}

fn location_id(call: &Call) -> Result<&str, Reply> {
    call.query("locationId").ok_or_else(|| unprocessable(&["locationId should not be empty".to_owned()]))
}
