//! Langfuse prompts: text and chat, by name and then by label or version.
//!
//! One project, whatever the key pair. A new version takes its labels from the versions before it, and `latest` with them.
//! Refuses what has no Basic credentials with both keys.

use axum::http::StatusCode;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    call::{Call, Moment},
    operation::Operation,
    reply::{Answer, Reply},
    state::State,
};

/// The label that is meant when none is named.
const DEFAULT_LABEL: &str = "production";
/// The label that the newest version always has.
const LATEST: &str = "latest";
const PAGE: usize = 50;

/// All prompts, versions in the order they were made.
#[derive(Default)]
pub(crate) struct Langfuse {
    prompts: Vec<Prompt>,
}

#[derive(Clone)]
struct Prompt {
    name: String,
    version: usize,
    labels: Vec<String>,
    /// Type, prompt, config, tags, commit message.
    record: Value,
}

impl Prompt {
    fn shown(&self) -> Value {
        let mut shown = self.record.clone();
        shown["name"] = json!(self.name);
        shown["version"] = json!(self.version);
        shown["labels"] = json!(self.labels);
        shown["resolutionGraph"] = Value::Null;
        shown
    }

    fn has(&self, label: &str) -> bool {
        self.labels.iter().any(|known| known == label)
    }
}

impl Langfuse {
    /// A new version of a prompt, which takes over its labels.
    pub(crate) fn add(&mut self, name: &str, labels: Vec<String>, body: &Value) -> Value {
        let mut labels = labels;
        if !labels.iter().any(|label| label == LATEST) {
            labels.push(LATEST.to_owned());
        }
        let mut versions = 0;
        for prompt in self.prompts.iter_mut().filter(|prompt| prompt.name == name) {
            prompt.labels.retain(|label| !labels.contains(label));
            versions = prompt.version;
        }
        let field = |field: &str, usual: Value| body.get(field).cloned().unwrap_or(usual);
        let record = json!({
            "type": field("type", json!("text")),
            "prompt": field("prompt", Value::Null),
            "config": field("config", json!({})),
            "tags": field("tags", json!([])),
            "commitMessage": field("commitMessage", Value::Null),
        });
        let prompt = Prompt { name: name.to_owned(), version: versions + 1, labels, record };
        let shown = prompt.shown();
        self.prompts.push(prompt);
        shown
    }

    pub(crate) fn shown(&self) -> Value {
        json!({ "prompts": self.prompts.iter().map(Prompt::shown).collect::<Vec<_>>() })
    }
}

/// The public key.
pub(crate) fn account(call: &Call) -> Option<String> {
    keys(call).map(|(public, _)| public)
}

pub(crate) fn admit(operation: &Operation, call: &Call) -> Result<(), Reply> {
    if operation.name == "health" || keys(call).is_some() {
        return Ok(());
    }
    Err(error(StatusCode::UNAUTHORIZED, "Invalid credentials. Confirm that you've configured the correct host."))
}

pub(crate) fn error(status: StatusCode, message: &str) -> Reply {
    let kind = match status {
        StatusCode::UNAUTHORIZED => "UnauthorizedError",
        StatusCode::NOT_FOUND => "LangfuseNotFoundError",
        StatusCode::BAD_REQUEST => "InvalidRequestError",
        _ => status.canonical_reason().unwrap_or_default(),
    };
    Reply::new(status, json!({ "message": message, "error": kind }))
}

/// Without label and version, the label `production`.
pub(crate) fn get(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let name = call.param("name").unwrap_or_default();
    let (label, version) = (call.query("label"), call.query("version"));
    if label.is_some() && version.is_some() {
        return Err(error(StatusCode::BAD_REQUEST, "Cannot specify both version and label"));
    }
    let version = version.map(str::parse::<usize>).transpose();
    let version = version.map_err(|_| error(StatusCode::BAD_REQUEST, "version must be a number"))?;
    let label = label.unwrap_or(DEFAULT_LABEL);
    let mut of_name = state.langfuse.prompts.iter().filter(|prompt| prompt.name == name);
    let found = of_name.find(|prompt| version.map_or_else(|| prompt.has(label), |version| prompt.version == version));
    let wanted = version.map_or_else(|| format!("label '{label}'"), |version| format!("version {version}"));
    let missing = || error(StatusCode::NOT_FOUND, &format!("Prompt not found: '{name}' with {wanted}"));
    found.map(|prompt| Reply::ok(prompt.shown())).ok_or_else(missing)
}

/// One line for each name, with its versions and labels.
pub(crate) fn list(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let number =
        |name: &str, usual: usize| call.query(name).and_then(|number| number.parse().ok()).unwrap_or(usual).max(1);
    let (page, limit) = (number("page", 1), number("limit", PAGE));
    let prompts = &state.langfuse.prompts;
    let mut names: Vec<&str> = prompts.iter().map(|prompt| prompt.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let lines = names.into_iter().filter(|name| call.query("name").is_none_or(|wanted| wanted == *name)).map(|name| {
        let of_name = || prompts.iter().filter(move |prompt| prompt.name == name);
        let labels: Vec<&String> = of_name().flat_map(|prompt| &prompt.labels).collect();
        let newest = of_name().next_back().map(|prompt| &prompt.record);
        json!({
            "name": name, "versions": of_name().map(|prompt| prompt.version).collect::<Vec<_>>(), "labels": labels,
            "tags": newest.map(|record| &record["tags"]), "lastConfig": newest.map(|record| &record["config"]),
        })
    });
    let has = |list: &Value, wanted: Option<&str>| {
        wanted.is_none_or(|wanted| list.as_array().is_some_and(|list| list.contains(&json!(wanted))))
    };
    let lines = lines.filter(|line| has(&line["labels"], call.query("label")) && has(&line["tags"], call.query("tag")));
    let lines: Vec<Value> = lines.collect();
    let total = lines.len();
    let data: Vec<Value> = lines.into_iter().skip((page - 1).saturating_mul(limit)).take(limit).collect();
    let meta = json!({ "page": page, "limit": limit, "totalItems": total, "totalPages": total.div_ceil(limit) });
    Ok(Reply::ok(json!({ "data": data, "meta": meta })))
}

pub(crate) fn create(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let name = call.text("name").ok_or_else(|| error(StatusCode::BAD_REQUEST, "name is required"))?;
    let fits = match call.body["type"].as_str() {
        None | Some("text") => call.body["prompt"].is_string(),
        Some("chat") => call.body["prompt"].is_array(),
        Some(_) => false,
    };
    if !fits {
        return Err(error(StatusCode::BAD_REQUEST, "prompt must be a text, or for type chat a list of messages"));
    }
    let labels = call.body["labels"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    Ok(Reply::created(state.langfuse.add(name, labels.collect(), &call.body)))
}

pub(crate) fn health(_: &mut State, _: &Call, _: &Moment) -> Answer {
    Ok(Reply::ok(json!({ "version": "3.0.0", "status": "OK" })))
}

/// Public and secret key.
fn keys(call: &Call) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD.decode(call.credentials("Basic")?).ok()?;
    let (public, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    (!public.is_empty() && !secret.is_empty()).then(|| (public.to_owned(), secret.to_owned()))
}
