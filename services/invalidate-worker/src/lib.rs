//! **invalidate-worker**: nothing old is told to a caller.
//!
//! - *Consumes* what says that something has changed: `contact.recorded`, `contact.changed`, `appointment.recorded`,
//!   `memory.stored`.
//! - *Owns* `invalidations`, and its row of `positions`.
//! - *Emits* `cache.bumped`, one per tag, once no cache tells what was loaded before; also as a broadcast, at once.
//! - *Calls* Postgres, Redis and the broker; reads `crm_contacts`, for who is known by which id of a CRM.
//! - *Limits*: 100 events in a batch, 2 batches at a time; 500 tags in a round. A tag is one row however often it is asked for,
//!   so a Redis that is away for an hour leaves no more to do than there are tags. What a vendor told is invalidated again
//!   after 4 s, as vendors answer from indexes that lag behind. Rows that are done are kept for a day.
//! - *Refuses* (as dead letters) events that name nobody. Needs no inbox: to invalidate twice is to load twice.

mod bump;
mod config;
mod handle;
mod store;
mod tags;

use anyhow::Context as _;
use orgs::Live;
use runtime::Runtime;
use worker::Verb as _;

pub use config::Config;
pub use handle::InvalidateWorker;

/// The worker's name: its consumer, its metrics.
pub const NAME: &str = InvalidateWorker::NAME;

/// Runs until shutdown; what is still due then is due in the table.
///
/// # Errors
/// When the settings name no broker, no database or no Redis that can be used.
pub async fn run(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    let shutdown = runtime.shutdown.clone();
    worker::run(config.servers, runtime, async |pool, bus| {
        let cache = context::open(&config.cache, &pool, &bus, &shutdown).context("REDIS_URL")?;
        let orgs = Live::without_secrets(bus.clone(), shutdown.clone()).await;
        Ok(InvalidateWorker::new(pool, bus, cache, orgs))
    })
    .await
}
