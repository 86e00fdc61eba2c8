//! mem0: memories of a person, drawn from what they said.
//!
//! The v3 API of the platform. Wire facts: mem0ai/mem0, `docs/openapi.json` and its migration guide. The slash at the end of each
//! path is part of it. Adding is never repeated here: each time tells it again, and v3 takes nothing back. A search takes about
//! a second: nothing for a live call without a cache before it.

use std::time::Duration;

use cache::Rate;
use contract::OrgId;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    By, VendorError, Vendors,
    draft::{Draft, Operation},
    lenient::{lenient, readable},
    line::{Line, Vendor},
    memory::{Memory, Message, UserId},
};

/// Where the API is, unless an account says otherwise.
pub const BASE_URL: &str = "https://api.mem0.ai";

/// Adding is limited to 1,000 a minute; what searches may is not told. A burst and a minute of the rate stay under it.
const VENDOR: Vendor =
    Vendor { name: "mem0", rate: Rate { burst: 30, every: Duration::from_millis(70), reserve: 10, share: 25 } };
/// Memories of one page of a list, as many as there may be.
const PAGE: u32 = 200;
const RESULTS_MAX: usize = 1_000;

/// A project at mem0.
#[derive(Debug, Clone)]
pub struct Account {
    /// Whose.
    pub org: OrgId,
    /// [`BASE_URL`], or the sandbox's.
    pub base_url: String,
    /// The project's key.
    pub api_key: SecretString,
}

/// mem0, as one org uses it.
pub struct Mem0<'a> {
    line: Line<'a>,
}

/// One page of what is remembered of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// What is on it.
    pub memory: Memory,
    /// Whether another one follows.
    pub more: bool,
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Value>,
    /// The next page's address.
    #[serde(default, deserialize_with = "lenient")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Remembered {
    memory: String,
}

/// The current API answers with one event, older output formats with a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Added {
    One(Event),
    Many(Vec<Event>),
}

#[derive(Deserialize)]
struct Event {
    event_id: String,
}

/// How far mem0 is with something it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// At work, or about to be.
    Pending,
    /// What it made of it can be found.
    Done,
    /// It made nothing of it, and won't.
    Failed,
}

#[derive(Deserialize)]
struct Work {
    status: String,
}

impl Vendors {
    /// mem0 for this account.
    #[must_use]
    pub fn mem0<'a>(&'a self, account: &'a Account) -> Mem0<'a> {
        let line = Line {
            vendors: self,
            vendor: &VENDOR,
            account: cache::Account { org: account.org.clone(), name: VENDOR.name.to_owned() },
            base_url: &account.base_url,
            // Not `Bearer`.
            scheme: "Token",
            credentials: account.api_key.clone(),
            secrets: vec![account.api_key.clone()],
        };
        Mem0 { line }
    }
}

impl Mem0<'_> {
    /// What is remembered of the person that bears on `query`, at most `top_k` (1,000 at most). Empty for somebody unknown.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn search(&self, user: &UserId, query: &str, top_k: usize, by: By) -> Result<Memory, VendorError> {
        // At the top level of a search, an id is refused.
        let body = json!({ "query": query, "filters": { "user_id": user }, "top_k": top_k.clamp(1, RESULTS_MAX) });
        let draft = Draft::post(["v3", "memories", "search", ""], &body);
        let results: Results = self.line.call(by, Operation::repeatable("search"), draft).await?;
        Ok(results.into_memory("search"))
    }

    /// All that is remembered of the person, page by page, from 1 on.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn list(&self, user: &UserId, page: u32, by: By) -> Result<Page, VendorError> {
        let draft = Draft::post(["v3", "memories", ""], &json!({ "filters": { "user_id": user } }));
        let draft = draft.query("page", &page.max(1)).query("page_size", &PAGE);
        let results: Results = self.line.call(by, Operation::repeatable("list"), draft).await?;
        Ok(Page { more: results.next.is_some(), memory: results.into_memory("list") })
    }

    /// Whether anything is remembered of the person that was told with this entry in its metadata.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn holds(&self, user: &UserId, (name, value): (&str, &str), by: By) -> Result<bool, VendorError> {
        let filters = json!({ "AND": [{ "user_id": user }, { "metadata": { name: value } }] });
        let draft = Draft::post(["v3", "memories", ""], &json!({ "filters": filters }));
        let draft = draft.query("page", &1).query("page_size", &1);
        let results: Results = self.line.call(by, Operation::repeatable("list"), draft).await?;
        Ok(!results.results.is_empty())
    }

    /// How far the work is whose id [`Self::add`] gave; a 404 if there is none.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn progress(&self, event_id: &str, by: By) -> Result<Progress, VendorError> {
        let draft = Draft::get(["v1", "event", event_id, ""]);
        let work: Work = self.line.call(by, Operation::repeatable("progress"), draft).await?;
        Ok(match work.status.as_str() {
            "SUCCEEDED" => Progress::Done,
            "FAILED" => Progress::Failed,
            _ => Progress::Pending,
        })
    }

    /// Tells what was said, each time anew: when [`VendorError::may_have_happened`], telling it again may tell it twice. The id is
    /// that of the work that mem0 has begun with it.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn add(
        &self,
        user: &UserId,
        messages: &[Message],
        metadata: &Map<String, Value>,
        by: By,
    ) -> Result<String, VendorError> {
        let said: Vec<Value> =
            messages.iter().map(|message| json!({ "role": message.role, "content": message.content })).collect();
        // Here the id stands at the top level.
        let mut body = json!({ "user_id": user, "messages": said, "metadata": metadata });
        if let Some(at) = messages.iter().filter_map(|message| message.at).min() {
            body["timestamp"] = at.timestamp().into();
        }
        let draft = Draft::post(["v3", "memories", "add", ""], &body);
        let event = match self.line.call(by, Operation::once("add"), draft).await? {
            Added::One(event) => Some(event),
            Added::Many(events) => events.into_iter().next(),
        };
        event.map(|event| event.event_id).ok_or_else(|| VendorError::Unreadable("no event".to_owned()))
    }
}

impl Results {
    fn into_memory(self, operation: &'static str) -> Memory {
        let remembered: Vec<Remembered> = readable(self.results, VENDOR.name, operation);
        Memory { facts: remembered.into_iter().map(|remembered| remembered.memory).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_brings_a_project_to_its_limit() {
        let Rate { burst, every, .. } = VENDOR.rate;
        assert!(u128::from(burst) + 60_000 / every.as_millis() < 1_000);
    }
}
