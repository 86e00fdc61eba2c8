//! **metrics-worker**: exact figures by branch and local day.
//!
//! - *Consumes* `call.recorded`: a call's row has changed.
//! - *Owns* `call_contributions`, `daily_metrics` and the views over them; its row of `positions`.
//! - *Emits* nothing.
//! - *Calls* nothing but Postgres and the broker; reads `calls` and `branches`.
//! - *Limits*: 100 events in a batch, 2 batches at a time, 15 s for a statement.
//! - *Refuses* (as dead letters) events that name no call. Needs no inbox: it replaces what a call contributes by what its
//!   row says now, so that late, repeated and reordered events leave the right sums.

mod config;
mod handle;
mod store;

use runtime::Runtime;
use worker::Verb as _;

pub use config::Config;
pub use handle::MetricsWorker;

/// The worker's name: its consumer, its metrics.
pub const NAME: &str = MetricsWorker::NAME;

/// Runs until shutdown; what was begun is finished, what was only pulled is given back.
///
/// # Errors
/// When the settings name no broker or no database that can be used.
pub async fn run(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    worker::run(config.servers, runtime, async |pool, _| Ok(MetricsWorker::new(pool))).await
}
