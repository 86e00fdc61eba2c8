//! Zep, v3 generation: users, threads, and a graph of facts that their messages make.
//!
//! Each message of a user becomes one fact, after the memory lag; adding a message twice makes two. Refuses what has no
//! `Api-Key` credentials, a thread whose user does not exist, and more messages or text at a time than the limits.

pub(crate) mod graph;
pub(crate) mod threads;
pub(crate) mod users;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    call::{Call, Moment},
    reply::Reply,
};

/// Requests of the account in a minute; told, not enforced.
const RATE_PER_MINUTE: u64 = 60_000;

/// One account.
#[derive(Default)]
pub(crate) struct Zep {
    users: BTreeMap<String, User>,
    threads: BTreeMap<String, Thread>,
}

/// A user with what is known of them.
struct User {
    record: Map<String, Value>,
    facts: Vec<Fact>,
}

/// A conversation.
struct Thread {
    user_id: String,
    messages: Vec<Value>,
    /// From when on each message is processed.
    ready_at: Vec<Instant>,
}

/// An edge of the graph.
struct Fact {
    uuid: Uuid,
    text: String,
    created_at: DateTime<Utc>,
    /// From when on it is found.
    ready_at: Instant,
}

impl Zep {
    fn user(&self, id: Option<&str>) -> Result<&User, Reply> {
        id.and_then(|id| self.users.get(id)).ok_or_else(|| not_found("user"))
    }

    fn user_mut(&mut self, id: Option<&str>) -> Result<&mut User, Reply> {
        id.and_then(|id| self.users.get_mut(id)).ok_or_else(|| not_found("user"))
    }

    fn thread(&self, id: Option<&str>) -> Result<&Thread, Reply> {
        id.and_then(|id| self.threads.get(id)).ok_or_else(|| not_found("thread"))
    }

    /// Everything, facts that are not ready included.
    pub(crate) fn shown(&self) -> Value {
        let user = |id: &str, user: &User| {
            let threads = self.threads.iter().filter(|(_, thread)| thread.user_id == id);
            let threads: Map<_, _> = threads.map(|(id, thread)| (id.clone(), json!(thread.messages))).collect();
            let facts: Vec<&String> = user.facts.iter().map(|fact| &fact.text).collect();
            json!({ "user": user.record, "facts": facts, "threads": threads })
        };
        let users: Map<_, _> = self.users.iter().map(|(id, known)| (id.clone(), user(id, known))).collect();
        json!({ "users": users })
    }
}

impl User {
    fn learn(&mut self, text: &str, moment: &Moment) -> Uuid {
        let uuid = Uuid::new_v4();
        let ready_at = moment.now + moment.memory_lag;
        self.facts.push(Fact { uuid, text: text.to_owned(), created_at: moment.utc, ready_at });
        uuid
    }

    /// What is found of them now.
    fn known(&self, now: Instant) -> impl Iterator<Item = &Fact> {
        self.facts.iter().filter(move |fact| fact.ready_at <= now)
    }
}

/// How often the account has asked within this minute.
#[derive(Default)]
pub(crate) struct Rate {
    minute: i64,
    requests: u64,
}

impl Rate {
    /// Counts one request; the headers of its answer.
    pub(crate) fn headers(&mut self, now: DateTime<Utc>) -> Vec<(&'static str, u64)> {
        let minute = now.timestamp().div_euclid(60);
        let requests = if minute == self.minute { self.requests + 1 } else { 1 };
        *self = Self { minute, requests };
        vec![
            ("x-ratelimit-limit", RATE_PER_MINUTE),
            ("x-ratelimit-remaining", RATE_PER_MINUTE.saturating_sub(requests)),
            ("x-ratelimit-reset", u64::try_from((minute + 1) * 60).unwrap_or_default()),
            ("x-ratelimit-increment", 1),
        ]
    }
}

/// The user that a request names, or that its thread belongs to.
pub(crate) fn account(state: &Zep, call: &Call) -> Option<String> {
    let named = call.param("userId").or_else(|| call.text("user_id")).or_else(|| call.text("graph_id"));
    let of_thread = || state.threads.get(call.param("threadId")?).map(|thread| thread.user_id.as_str());
    named.or_else(of_thread).map(str::to_owned)
}

pub(crate) fn admit(call: &Call) -> Result<(), Reply> {
    call.credentials("Api-Key").map(|_| ()).ok_or_else(|| error(StatusCode::UNAUTHORIZED, "unauthorized"))
}

pub(crate) fn error(status: StatusCode, message: &str) -> Reply {
    Reply::new(status, json!({ "message": message }))
}

fn bad_request(message: &str) -> Reply {
    error(StatusCode::BAD_REQUEST, message)
}

fn not_found(what: &str) -> Reply {
    error(StatusCode::NOT_FOUND, &format!("{what} not found"))
}

fn required<'a>(call: &'a Call, name: &str) -> Result<&'a str, Reply> {
    call.text(name).ok_or_else(|| bad_request(&format!("{name} is required")))
}

fn date(time: DateTime<Utc>) -> Value {
    json!(time.to_rfc3339_opts(SecondsFormat::Micros, true))
}
