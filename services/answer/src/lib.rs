//! **answer**: live calls, answered from caches within a deadline, whatever else is broken.
//!
//! - *Consumes* HTTP: `POST /v1/{org}/retell/inbound`, `POST /v1/{org}/elevenlabs/initiation`,
//!   `GET /v1/{org}/callers/{phone}`.
//! - *Owns* nothing; keeps a snapshot of the orgs on disk, if it is told where.
//! - *Emits* one `call.inbound` per answer of an org that is known, beside it and never before it.
//! - *Calls* Redis, Postgres, the broker and the org's vendors, none of which it waits for past the deadline.
//! - *Limits*: 300 ms an answer unless its channel says otherwise, 64 KiB a question, 1024 events that wait for the broker,
//!   a minute each.
//! - *Refuses* with 401 and 404 only. What can't be found out in time is named in the answer's `degraded`.

mod answer;
mod caller;
mod config;
mod emit;
mod gather;
mod handle;
mod refusal;
mod variables;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use bus::Bus;
use context::Library;
use orgs::Live;
use runtime::Runtime;
use vendors::{Limits, Vendors};

pub use config::Config;
pub use variables::VARIABLES;

/// The service's name, in logs, metrics and health checks.
pub const NAME: &str = "answer";

/// Closing the database connections.
const POOL_CLOSE_MAX: Duration = Duration::from_secs(2);

/// Runs until shutdown; questions in flight are answered first.
///
/// # Errors
/// When the address can't be bound or the configuration names no broker, database or Redis that can be used.
pub async fn run(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    let bus = Bus::connect(&config.broker.nats_url, NAME).await.context(NAME)?;
    let pool = postgres::connect(&config.database.database_url, NAME)?;
    let cache = context::open(&config.cache, &pool, &bus, &runtime.shutdown).context("REDIS_URL")?;
    let orgs = Live::start(bus.clone(), config.orgs_snapshot, runtime.shutdown.clone()).await;
    let directory = orgs.clone();
    // Nothing else makes it unready: it answers without any of the servers.
    runtime
        .health
        .check("answer.orgs", move || directory.directory().map(|_| ()).ok_or_else(|| "no orgs loaded yet".to_owned()));
    let emitter = emit::Emitter::new(bus.clone());
    let vendors = Vendors::new(cache.clone(), Limits::default())?;
    let library = Library::new(cache, pool.clone(), vendors);
    let routes = handle::router(Arc::new(handle::Context { orgs, library, emitter: emitter.clone() }));
    let served = runtime.serve_public(NAME, config.listen, routes).await;
    emitter.finish().await;
    bus.close().await;
    tokio::time::timeout(POOL_CLOSE_MAX, pool.close()).await.ok();
    served
}
