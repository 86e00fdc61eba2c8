//! **log-worker**: what happened, in rows.
//!
//! - *Consumes* every event of the providers, in any order, more than once.
//! - *Owns* `events`, `calls`, `contacts`, and its rows of `inbox` and `positions`.
//! - *Emits* `call.recorded` and `contact.recorded` after its commit and before its acknowledgement.
//! - *Calls* nothing but Postgres and the broker.
//! - *Limits*: 100 events in a batch, 2 batches at a time, 15 s for a statement.
//! - *Refuses* (as dead letters) events that Postgres will never take; what it can't decode it archives raw.

mod config;
mod handle;
mod merge;
mod store;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use bus::{Bus, Consumption};
use runtime::Runtime;
use tokio::sync::watch;

pub use config::Config;
pub use handle::LogWorker;

/// The worker's name: its consumer, its inbox rows, its metrics.
pub const NAME: &str = "log-worker";

/// Closing the database connections.
const POOL_CLOSE_MAX: Duration = Duration::from_secs(2);

/// Runs until shutdown; what was begun is finished, what was only pulled is given back.
///
/// # Errors
/// When the configuration names no broker or no database that can be used.
pub async fn run(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    let bus = Bus::connect(&config.broker.nats_url, NAME).await.context(NAME)?;
    let pool = postgres::connect(&config.database.database_url, NAME)?;
    let (status, seen) = watch::channel(Consumption::Waiting("starting".to_owned()));
    runtime.health.check("log-worker.consumer", move || match &*seen.borrow() {
        Consumption::Pulling => Ok(()),
        Consumption::Waiting(why) => Err(why.clone()),
    });
    let worker = Arc::new(LogWorker::new(pool.clone(), bus.clone()));
    bus::consume(bus.clone(), worker, status, runtime.shutdown.clone()).await;
    bus.close().await;
    // A connection to a database that fell silent is not worth the wait.
    tokio::time::timeout(POOL_CLOSE_MAX, pool.close()).await.ok();
    Ok(())
}
