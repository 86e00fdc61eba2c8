//! Reading a conversation back: how much of it Zep has, and whether that has become facts.

use serde::Deserialize;

use super::Zep;
use crate::{
    By, VendorError,
    draft::{Draft, Operation},
    error::found,
    lenient::lenient,
};

/// The messages, from the last one on, that are asked whether they have become facts.
const LAST: usize = 100;

/// A conversation as Zep has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Thread {
    /// Messages in it.
    pub messages: usize,
    /// Whether the last hundred of them have all been made into facts.
    pub processed: bool,
}

#[derive(Deserialize)]
struct Listed {
    messages: Option<Vec<Turn>>,
    total_count: Option<usize>,
}

#[derive(Deserialize)]
struct Turn {
    /// Left out while it is false.
    #[serde(default, deserialize_with = "lenient")]
    processed: Option<bool>,
}

impl Zep<'_> {
    /// The conversation as far as Zep has it; empty if it knows of none.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn thread(&self, thread_id: &str, by: By) -> Result<Thread, VendorError> {
        let draft = Draft::get(["api", "v2", "threads", thread_id, "messages"]).query("lastn", &LAST);
        let listed = found(self.line.call::<Listed>(by, Operation::repeatable("thread"), draft).await)?;
        let Some(Listed { messages, total_count }) = listed else { return Ok(Thread::default()) };
        // Nothing at all is no empty conversation: who believes so tells everything again.
        let count = total_count.or(messages.as_ref().map(Vec::len));
        let count = count.ok_or_else(|| VendorError::Unreadable("no messages".to_owned()))?;
        let turns = messages.unwrap_or_default();
        let processed = !turns.is_empty() && turns.iter().all(|turn| turn.processed == Some(true));
        Ok(Thread { messages: count, processed })
    }
}
