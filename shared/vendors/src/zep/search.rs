//! Asking Zep what it knows of a person.

use chrono::{DateTime, Utc};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::{VENDOR, Zep};
use crate::{
    By, VendorError,
    draft::{Draft, Operation},
    error::found,
    lenient::readable,
    memory::{Memory, UserId},
};

/// The most facts that one search gives.
const FACTS_MAX: usize = 50;
/// The longest query, in characters; a longer one is refused (help.getzep.com, graph/search).
const QUERY_CHARACTERS_MAX: usize = 400;

#[derive(Deserialize)]
struct Found {
    /// Missing and null are the same: none.
    edges: Option<Vec<Value>>,
}

/// A fact is an edge of the person's graph.
#[derive(Deserialize)]
struct Edge {
    fact: String,
    /// When it ceased to be true.
    #[serde(default)]
    invalid_at: Value,
    /// When Zep found that out.
    #[serde(default)]
    expired_at: Value,
}

impl Edge {
    /// Whether it still holds. An end that can't be read is an end.
    fn holds(&self, now: DateTime<Utc>) -> bool {
        [&self.invalid_at, &self.expired_at].into_iter().all(|end| match end {
            Value::Null => true,
            end => end.as_str().and_then(|end| DateTime::parse_from_rfc3339(end).ok()).is_some_and(|end| end > now),
        })
    }
}

impl Zep<'_> {
    /// What is known of the person that bears on the first 400 characters of `query`, at most `limit` facts (50 at most). Empty
    /// for somebody unknown.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn search(&self, user: &UserId, query: &str, limit: usize, by: By) -> Result<Memory, VendorError> {
        let limit = limit.clamp(1, FACTS_MAX);
        let query: String = query.chars().take(QUERY_CHARACTERS_MAX).collect();
        let body = json!({ "user_id": user, "query": query, "scope": "edges", "limit": limit });
        let draft = Draft::post(["api", "v2", "graph", "search"], &body);
        let found = found(self.line.call::<Found>(by, Operation::repeatable("search"), draft).await)?;
        let edges = found.and_then(|found| found.edges).unwrap_or_default();
        let now = Utc::now();
        let edges: Vec<Edge> = readable(edges, VENDOR.name, "search");
        Ok(Memory { facts: edges.into_iter().filter(|edge| edge.holds(now)).map(|edge| edge.fact).collect() })
    }

    /// Has Zep get the person's memory ready, so that the next search is quick: for when the phone begins to ring. Somebody
    /// unknown has none to get ready.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn warm(&self, user: &UserId, by: By) -> Result<(), VendorError> {
        let draft = Draft::get(["api", "v2", "users", user.as_str(), "warm"]);
        found(self.line.call::<IgnoredAny>(by, Operation::repeatable("warm"), draft).await)?;
        Ok(())
    }
}
