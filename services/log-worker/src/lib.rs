//! **log-worker**: what happened, in rows.
//!
//! - *Consumes* every event of the providers and of the CRM, in any order, more than once.
//! - *Owns* `events`, `calls`, `contacts`, `appointments`, `conversations`, `messages`, and its rows of `inbox` and `positions`.
//! - *Emits* `call.recorded`, `contact.recorded` and `appointment.recorded` after its commit and before its acknowledgement; also
//!   for the contact that a call was counted for before, and for the appointment that a moved one was before.
//! - *Calls* nothing but Postgres and the broker.
//! - *Limits*: 100 events in a batch, 2 batches at a time, 15 s for a statement; keeps the archive 396 days unless told otherwise.
//! - *Refuses* (as dead letters) events that Postgres will never take; what it can't decode it archives raw.

mod config;
mod handle;
mod merge;
mod names;
mod record;
mod recorded;
mod store;

use runtime::Runtime;
use worker::Verb as _;

pub use config::{ARCHIVE_DAYS, Config};
pub use handle::LogWorker;

/// The worker's name: its consumer, its inbox rows, its metrics.
pub const NAME: &str = LogWorker::NAME;

/// Runs until shutdown; what was begun is finished, what was only pulled is given back.
///
/// # Errors
/// When the settings name no broker or no database that can be used.
pub async fn run(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    worker::run(config.servers, runtime, async |pool, bus| Ok(LogWorker::new(pool, bus, config.archive_days))).await
}
