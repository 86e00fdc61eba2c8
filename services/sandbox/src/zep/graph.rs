//! Zep's graph: search for facts, and data that becomes one.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Fact, Zep, bad_request, date, required};
use crate::{
    call::{Call, Moment},
    relevance::score,
    reply::{Answer, Reply},
    state::State,
};

/// Results that may be asked for.
const LIMIT_MAX: u64 = 50;
/// Results if none are asked for.
const LIMIT: u64 = 10;
/// The longest data, in characters.
const DATA_CHARS_MAX: usize = 10_000;
const SCOPES: [&str; 6] = ["edges", "nodes", "episodes", "observations", "thread_summaries", "auto"];

/// Best first; only edges are ever found.
pub(crate) fn search(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let query = required(call, "query")?;
    let Some(user_id) = call.text("user_id") else {
        return Err(match call.text("graph_id") {
            Some(_) => super::not_found("graph"),
            None => bad_request("user_id or graph_id is required"),
        });
    };
    let scope = call.text("scope").unwrap_or("edges");
    if !SCOPES.contains(&scope) {
        return Err(bad_request(&format!("scope must be one of {}", SCOPES.join(", "))));
    }
    let limit = call.body["limit"].as_u64().unwrap_or(LIMIT);
    if limit > LIMIT_MAX {
        return Err(bad_request(&format!("limit must be at most {LIMIT_MAX}")));
    }
    let user = state.zep.user(Some(user_id))?;
    let mut found: Vec<(f64, &Fact)> = user.known(moment.now).map(|fact| (score(query, &fact.text), fact)).collect();
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let limit = if scope == "edges" || scope == "auto" { usize::try_from(limit).unwrap_or(usize::MAX) } else { 0 };
    let source = user.record["uuid"].clone();
    let edge = |(score, fact): &(f64, &Fact)| {
        json!({
            "uuid": fact.uuid, "name": "STATED", "fact": fact.text, "score": score,
            "created_at": date(fact.created_at), "valid_at": date(fact.created_at),
            "invalid_at": null, "expired_at": null,
            "source_node_uuid": source, "target_node_uuid": fact.uuid,
        })
    };
    let mut reply =
        json!({ "edges": found.iter().take(limit).map(edge).collect::<Vec<Value>>(), "nodes": [], "episodes": [] });
    if scope == "auto" {
        let facts: Vec<&str> = found.iter().take(limit).map(|(_, fact)| fact.text.as_str()).collect();
        reply["context"] = json!(facts.join("\n"));
    }
    Ok(Reply::ok(reply))
}

/// Text that becomes one fact.
pub(crate) fn add(state: &mut State, call: &Call, moment: &Moment) -> Answer {
    let (kind, data) = (required(call, "type")?, required(call, "data")?);
    if !["text", "json", "message"].contains(&kind) {
        return Err(bad_request("type must be one of text, json, message"));
    }
    if data.chars().count() > DATA_CHARS_MAX {
        return Err(bad_request(&format!("data is longer than {DATA_CHARS_MAX} characters")));
    }
    let uuid = state.zep.user_mut(call.text("user_id"))?.learn(data, moment);
    let episode =
        json!({ "uuid": uuid, "content": data, "source": kind, "created_at": date(moment.utc), "processed": false });
    Ok(Reply::new(StatusCode::ACCEPTED, episode))
}

impl Zep {
    /// A fact about a user who exists.
    pub(crate) fn add_fact(&mut self, user_id: &str, text: &str, moment: &Moment) {
        if let Some(user) = self.users.get_mut(user_id) {
            user.learn(text, moment);
        }
    }
}
