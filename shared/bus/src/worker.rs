//! What a worker is to the bus: a name, a verb over a batch, and a store that may be down.

use std::future::Future;

use contract::Timestamp;

use crate::Event;

/// The fate of one event, decided by the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The effect is committed, or was before.
    Done,
    /// Not now: delivered again after 1 s to 10 min, growing with each delivery.
    Retry(String),
    /// Never: kept as a dead letter with this reason.
    Reject(String),
}

/// A durable consumer with one verb.
pub trait Worker: Send + Sync + 'static {
    /// The worker's name, which is its consumer's name too.
    fn name(&self) -> &'static str;

    /// Applies the effect of each event and says, in the same order, what became of it. Events arrive in any order and
    /// more than once. Must return within 20 s; a panic counts as `Retry` for the whole batch.
    fn handle(&self, events: &[Event]) -> impl Future<Output = Vec<Outcome>> + Send;

    /// Whether the worker's own store takes writes. While it does not, nothing is pulled.
    ///
    /// # Errors
    /// Why it does not.
    fn store_ready(&self) -> impl Future<Output = Result<(), String>> + Send;

    /// Where a lost consumer has to start again: everything that was published before is finished. `None` before the
    /// first [`Worker::keep_position`].
    ///
    /// # Errors
    /// When the store can't tell; then nothing is re-created.
    fn position(&self) -> impl Future<Output = Result<Option<Timestamp>, String>> + Send;

    /// Keeps the position durably; an earlier one than is kept is ignored.
    ///
    /// # Errors
    /// When the store can't take it; the next one follows in seconds.
    fn keep_position(&self, at: Timestamp) -> impl Future<Output = Result<(), String>> + Send;
}
