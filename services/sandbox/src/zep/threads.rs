//! Zep's threads: messages in, a block of context out.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Thread, User, Zep, bad_request, date, required};
use crate::{
    call::{Call, Moment, text},
    relevance::score,
    reply::{Answer, Reply},
    state::State,
};

/// Messages in one call.
const MESSAGES_MAX: usize = 30;
/// The longest message, in characters.
const CONTENT_CHARS_MAX: usize = 14_000;
/// Facts in a context.
const FACTS_MAX: usize = 20;
/// Messages of the thread that a context is made for.
const RECENT: usize = 4;
const ROLES: [&str; 6] = ["user", "assistant", "system", "tool", "function", "norole"];

pub(crate) fn create(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let (id, user_id) = (required(call, "thread_id")?, required(call, "user_id")?);
    state.zep.user(Some(user_id))?;
    if state.zep.threads.contains_key(id) {
        return Err(bad_request("thread already exists"));
    }
    state.zep.add_thread(id, user_id);
    let thread = json!({ "thread_id": id, "user_id": user_id, "uuid": Uuid::new_v4(), "created_at": date(moment.utc) });
    Ok(Reply::created(thread))
}

pub(crate) fn messages(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let thread = state.zep.thread(call.param("threadId"))?;
    let shown = |(message, ready_at): (&Value, &Instant)| {
        let mut message = message.clone();
        message["processed"] = json!(*ready_at <= moment.now);
        message
    };
    let all: Vec<Value> = thread.messages.iter().zip(&thread.ready_at).map(shown).collect();
    let number = |name: &str| call.query(name).and_then(|number| number.parse::<usize>().ok());
    let from = number("lastn").map_or(number("cursor").unwrap_or(0), |last| all.len().saturating_sub(last));
    let page: Vec<_> = all.iter().skip(from).take(number("limit").unwrap_or(usize::MAX)).collect();
    Ok(Reply::ok(json!({ "messages": page, "row_count": page.len(), "total_count": all.len() })))
}

pub(crate) fn add(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let zep = &mut state.zep;
    let thread =
        call.param("threadId").and_then(|id| zep.threads.get_mut(id)).ok_or_else(|| super::not_found("thread"))?;
    let user = zep.users.get_mut(&thread.user_id).ok_or_else(|| super::not_found("user"))?;
    let given = checked(&call.body)?;
    let ignored: BTreeSet<&str> =
        call.body["ignore_roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut uuids = Vec::new();
    for message in given {
        let (uuid, role) = (Uuid::new_v4(), text(message, "role").unwrap_or_default());
        if role == "user" && !ignored.contains(role) {
            user.learn(text(message, "content").unwrap_or_default(), moment);
        }
        let mut kept = message.clone();
        kept["uuid"] = json!(uuid);
        if kept.get("created_at").is_none() {
            kept["created_at"] = date(moment.utc);
        }
        thread.messages.push(kept);
        thread.ready_at.push(moment.now + moment.memory_lag);
        uuids.push(uuid);
    }
    let mut reply = json!({ "message_uuids": uuids, "task_id": Uuid::new_v4() });
    if call.body["return_context"] == true {
        reply["context"] = block(user, thread, moment);
    }
    Ok(Reply::ok(reply))
}

/// Null for a user of whom nothing is known.
pub(crate) fn context(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let thread = state.zep.thread(call.param("threadId"))?;
    let user = state.zep.user(Some(&thread.user_id))?;
    Ok(Reply::ok(json!({ "context": block(user, thread, moment) })))
}

fn checked(body: &Value) -> Result<&Vec<Value>, Reply> {
    let messages = body["messages"].as_array().filter(|messages| !messages.is_empty());
    let messages = messages.ok_or_else(|| bad_request("messages is required"))?;
    if messages.len() > MESSAGES_MAX {
        return Err(bad_request(&format!("at most {MESSAGES_MAX} messages can be added at a time")));
    }
    for message in messages {
        let content = text(message, "content").ok_or_else(|| bad_request("message content is required"))?;
        if content.chars().count() > CONTENT_CHARS_MAX {
            return Err(bad_request(&format!("message content is longer than {CONTENT_CHARS_MAX} characters")));
        }
        if !text(message, "role").is_some_and(|role| ROLES.contains(&role)) {
            return Err(bad_request(&format!("role must be one of {}", ROLES.join(", "))));
        }
    }
    Ok(messages)
}

/// The facts that fit the thread's latest messages best, as text.
fn block(user: &User, thread: &Thread, moment: &Moment) -> Value {
    let recent: Vec<&str> =
        thread.messages.iter().rev().take(RECENT).filter_map(|message| text(message, "content")).collect();
    let recent = recent.join(" ");
    let mut facts: Vec<_> = user.known(moment.now).collect();
    facts.sort_by(|a, b| score(&recent, &b.text).total_cmp(&score(&recent, &a.text)));
    if facts.is_empty() {
        return Value::Null;
    }
    let name = |part: &str| user.record.get(part).and_then(Value::as_str).unwrap_or_default();
    let lines = facts
        .iter()
        .take(FACTS_MAX)
        .map(|fact| format!("  - {} ({} - present)\n", fact.text, fact.created_at.format("%F %T%:z")));
    let lines: String = lines.collect();
    json!(format!(
        "# This is the user summary\n<USER_SUMMARY>\n{}\n</USER_SUMMARY>\n\n\
         # These are the most relevant facts and their valid date ranges\n# format: FACT (Date range: from - to)\n<FACTS>\n{lines}</FACTS>\n",
        format!("{} {}", name("first_name"), name("last_name")).trim()
    ))
}

impl Zep {
    /// A thread of this id, for a user who exists.
    pub(crate) fn add_thread(&mut self, id: &str, user_id: &str) {
        self.threads
            .insert(id.to_owned(), Thread { user_id: user_id.to_owned(), messages: Vec::new(), ready_at: Vec::new() });
    }
}
