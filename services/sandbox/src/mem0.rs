//! mem0, current paths: memories by entity, added in the background.
//!
//! Each message of a user becomes one memory, after the memory lag; added twice it is two. Ids stand at the top of what is
//! added and inside `filters` of what is sought; the other way round is a 400. Refuses what has no `Token` credentials; a
//! path without its trailing slash is unknown.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use chrono::SecondsFormat;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    call::{Call, Moment, text},
    relevance::score,
    reply::{Answer, Reply},
    state::State,
};

/// What a memory can belong to.
const ENTITIES: [&str; 4] = ["user_id", "agent_id", "app_id", "run_id"];
const TOP_K: u64 = 10;
const TOP_K_MAX: u64 = 1000;
const THRESHOLD: f64 = 0.1;
const PAGE: usize = 100;
const PAGE_MAX: usize = 200;

/// One account.
#[derive(Default)]
pub(crate) struct Mem0 {
    memories: BTreeMap<Uuid, Memory>,
    /// When each addition is done.
    events: BTreeMap<Uuid, Instant>,
    /// Over all memories, so that they are listed as they came.
    next: u64,
}

struct Memory {
    record: Value,
    number: u64,
    ready_at: Instant,
}

impl Mem0 {
    /// A memory of the entity that `owner` names.
    pub(crate) fn remember(&mut self, owner: &Value, content: &str, moment: &Moment) {
        let (id, now) = (Uuid::new_v4(), moment.utc.to_rfc3339_opts(SecondsFormat::Micros, true));
        let mut record = json!({
            "id": id, "memory": content, "metadata": owner.get("metadata").cloned().unwrap_or_else(|| json!({})),
            "categories": [], "created_at": now, "updated_at": now, "expiration_date": owner.get("expiration_date"),
        });
        for entity in ENTITIES {
            if let Some(name) = text(owner, entity) {
                record[entity] = json!(name);
            }
        }
        self.next += 1;
        self.memories.insert(id, Memory { record, number: self.next, ready_at: moment.now + moment.memory_lag });
    }

    /// What the filters let through now, oldest first.
    fn found(&self, filters: &Value, now: Instant) -> Vec<&Value> {
        let ready = self.memories.values().filter(|memory| memory.ready_at <= now && passes(&memory.record, filters));
        let mut ready: Vec<_> = ready.collect();
        ready.sort_by_key(|memory| memory.number);
        ready.into_iter().map(|memory| &memory.record).collect()
    }

    fn memory(&mut self, call: &Call, now: Instant) -> Result<&mut Memory, Reply> {
        let memory = id(call, "memoryId").and_then(|id| self.memories.get_mut(&id));
        memory.filter(|memory| memory.ready_at <= now).ok_or_else(|| error(StatusCode::NOT_FOUND, "Memory not found"))
    }

    /// Everything, memories that are not ready included, as they came.
    pub(crate) fn shown(&self) -> Value {
        let mut all: Vec<_> = self.memories.values().collect();
        all.sort_by_key(|memory| memory.number);
        json!({ "memories": all.into_iter().map(|memory| &memory.record).collect::<Vec<_>>() })
    }
}

/// The entity that a request names, wherever it may; else the one of the memory that it names.
pub(crate) fn account(state: &Mem0, call: &Call) -> Option<String> {
    let named =
        ENTITIES.iter().find_map(|entity| call.text(entity).or_else(|| entity_in(&call.body["filters"], entity)));
    let of_memory = || {
        let record = &state.memories.get(&id(call, "memoryId")?)?.record;
        ENTITIES.iter().find_map(|entity| text(record, entity))
    };
    named.or_else(of_memory).map(str::to_owned)
}

pub(crate) fn admit(call: &Call) -> Result<(), Reply> {
    let known = call.credentials("Token").is_some();
    known.then_some(()).ok_or_else(|| error(StatusCode::UNAUTHORIZED, "Given token not valid for any token type"))
}

pub(crate) fn error(status: StatusCode, message: &str) -> Reply {
    if status == StatusCode::BAD_REQUEST {
        return Reply::new(status, json!({ "error": "400 Bad Request", "details": { "message": message } }));
    }
    Reply::new(status, json!({ "detail": message }))
}

pub(crate) fn add(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    if ENTITIES.iter().all(|entity| call.text(entity).is_none()) {
        return Err(error(StatusCode::BAD_REQUEST, "At least one of user_id, agent_id, app_id, run_id is required"));
    }
    let messages = call.body["messages"].as_array().filter(|messages| !messages.is_empty());
    let messages = messages.ok_or_else(|| error(StatusCode::BAD_REQUEST, "messages is required"))?;
    let infers = call.body["infer"] != false;
    for message in messages.iter().filter(|message| !infers || message["role"] == "user") {
        state.mem0.remember(&call.body, text(message, "content").unwrap_or_default(), moment);
    }
    let event_id = Uuid::new_v4();
    state.mem0.events.insert(event_id, moment.now + moment.memory_lag);
    Ok(Reply::ok(json!({ "event_id": event_id, "status": "PENDING" })))
}

pub(crate) fn search(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let query = call.text("query").ok_or_else(|| error(StatusCode::BAD_REQUEST, "query is required"))?;
    let filters = filters(call)?;
    let top_k = call.body["top_k"].as_u64().unwrap_or(TOP_K);
    if !(1..=TOP_K_MAX).contains(&top_k) {
        return Err(error(StatusCode::BAD_REQUEST, &format!("top_k must be between 1 and {TOP_K_MAX}")));
    }
    let threshold = call.body["threshold"].as_f64().unwrap_or(THRESHOLD);
    let found = state.mem0.found(filters, moment.now).into_iter();
    let scored = found.map(|record| (score(query, record["memory"].as_str().unwrap_or_default()), record));
    let mut scored: Vec<_> = scored.filter(|(score, _)| *score >= threshold).collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let results = scored.into_iter().take(usize::try_from(top_k).unwrap_or(usize::MAX)).map(|(score, record)| {
        let mut result = record.clone();
        result["score"] = json!(score);
        result
    });
    Ok(Reply::ok(json!({ "results": results.collect::<Vec<_>>() })))
}

/// In pages; here the run's id is called `session_id`.
pub(crate) fn list(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let filters = filters(call)?;
    let number =
        |name: &str, usual: usize| call.query(name).and_then(|number| number.parse().ok()).unwrap_or(usual).max(1);
    let (page, size) = (number("page", 1), number("page_size", PAGE).min(PAGE_MAX));
    let all = state.mem0.found(filters, moment.now);
    let link = |page: usize| format!("https://api.mem0.ai/v3/memories/?page={page}&page_size={size}");
    let next = (all.len() > page.saturating_mul(size)).then(|| link(page + 1));
    let previous = (page > 1).then(|| link(page - 1));
    let results = all.iter().skip((page - 1).saturating_mul(size)).take(size).map(|record| {
        let mut result: Map<String, Value> = record.as_object().cloned().unwrap_or_default();
        let run_id = result.remove("run_id");
        result.extend(run_id.map(|run_id| ("session_id".to_owned(), run_id)));
        result
    });
    Ok(Reply::ok(
        json!({ "count": all.len(), "next": next, "previous": previous, "results": results.collect::<Vec<_>>() }),
    ))
}

pub(crate) fn get(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    Ok(Reply::ok(state.mem0.memory(call, moment.now)?.record.clone()))
}

pub(crate) fn update(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let memory = state.mem0.memory(call, moment.now)?;
    let content = call.text("text").ok_or_else(|| error(StatusCode::BAD_REQUEST, "text is required"))?;
    memory.record["memory"] = json!(content);
    memory.record["updated_at"] = json!(moment.utc.to_rfc3339_opts(SecondsFormat::Micros, true));
    Ok(Reply::ok(memory.record.clone()))
}

pub(crate) fn delete(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    state.mem0.memory(call, moment.now)?;
    id(call, "memoryId").and_then(|id| state.mem0.memories.remove(&id));
    Ok(Reply::ok(json!({ "message": "Memory deleted successfully!" })))
}

/// How far an addition is.
pub(crate) fn event(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let event_id = id(call, "eventId");
    let ready_at = event_id.and_then(|id| state.mem0.events.get(&id));
    let ready_at = ready_at.ok_or_else(|| error(StatusCode::NOT_FOUND, "Event not found"))?;
    let done = *ready_at <= moment.now;
    let latency = done.then_some(moment.memory_lag.as_millis() as u64);
    let status = if done { "SUCCEEDED" } else { "PENDING" };
    Ok(Reply::ok(json!({ "id": event_id, "status": status, "latency": latency, "error": null })))
}

pub(crate) fn ping(_: &mut State, _: &Call, _: &Moment) -> Answer {
    Ok(Reply::ok(json!({ "status": "ok" })))
}

fn id(call: &Call, name: &str) -> Option<Uuid> {
    call.param(name)?.parse().ok()
}

/// The filters, which must name an entity; at the top of the body it is refused.
fn filters(call: &Call) -> Result<&Value, Reply> {
    if let Some(entity) = ENTITIES.iter().find(|entity| call.body.get(*entity).is_some()) {
        return Err(error(StatusCode::BAD_REQUEST, &format!("{entity} must be inside filters")));
    }
    let filters = &call.body["filters"];
    let named = ENTITIES.iter().any(|entity| mentions(filters, entity));
    let missing =
        || error(StatusCode::BAD_REQUEST, "filters must name at least one of user_id, agent_id, app_id, run_id");
    if named { Ok(filters) } else { Err(missing()) }
}

/// Whether a filter speaks of `entity`, at any depth.
fn mentions(filters: &Value, entity: &str) -> bool {
    match filters {
        Value::Object(fields) => fields.contains_key(entity) || fields.values().any(|value| mentions(value, entity)),
        Value::Array(parts) => parts.iter().any(|part| mentions(part, entity)),
        _ => false,
    }
}

/// The name that a filter gives for `entity`, at any depth.
fn entity_in<'a>(filters: &'a Value, entity: &str) -> Option<&'a str> {
    match filters {
        Value::Object(fields) => {
            let named = fields.get(entity).and_then(Value::as_str);
            named.or_else(|| fields.values().find_map(|value| entity_in(value, entity)))
        }
        Value::Array(parts) => parts.iter().find_map(|part| entity_in(part, entity)),
        _ => None,
    }
}

/// Whether a memory passes: every field of the filter must hold, `AND`, `OR` and `NOT` take lists of filters.
fn passes(record: &Value, filters: &Value) -> bool {
    let parts = |value: &Value| value.as_array().cloned().unwrap_or_default();
    filters.as_object().into_iter().flatten().all(|(name, wanted)| match name.as_str() {
        "AND" => parts(wanted).iter().all(|part| passes(record, part)),
        "OR" => parts(wanted).iter().any(|part| passes(record, part)),
        "NOT" => !parts(wanted).iter().any(|part| passes(record, part)),
        "metadata" => {
            wanted.as_object().into_iter().flatten().all(|(key, wanted)| holds(&record["metadata"][key], wanted))
        }
        _ => holds(&record[name], wanted),
    })
}

fn holds(value: &Value, wanted: &Value) -> bool {
    let Some(conditions) = wanted.as_object() else {
        return if wanted == "*" { !value.is_null() } else { value == wanted };
    };
    let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    conditions.iter().all(|(operator, operand)| match operator.as_str() {
        "in" => operand.as_array().is_some_and(|list| list.contains(value)),
        "ne" => value != operand,
        "gt" => string(value) > string(operand),
        "gte" => string(value) >= string(operand),
        "lt" => string(value) < string(operand),
        "lte" => string(value) <= string(operand),
        "contains" => string(value).contains(&string(operand)),
        "icontains" => string(value).to_lowercase().contains(&string(operand).to_lowercase()),
        _ => false,
    })
}
