//! What every worker's process is made of: broker, database, the consume loop, health and a clean end.
//!
//! A worker brings its name and its verb. Knows no domain; refuses nothing that the verb does not refuse.

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::Context as _;
use bus::{Bus, Consumption, Event, Outcome, Worker};
use clap::Args;
use contract::Timestamp;
use runtime::{
    Runtime,
    config::{Broker, Database},
};
use sqlx::PgPool;
use tokio::sync::watch;

/// Closing the database connections.
const POOL_CLOSE_MAX: Duration = Duration::from_secs(2);

/// What a worker does with events.
pub trait Verb: Send + Sync + 'static {
    /// The worker's name: its consumer, its rows, its metrics.
    const NAME: &'static str;

    /// Applies the effect of each event and says, in the same order, what became of it; see [`Worker::handle`].
    fn handle(&self, events: &[Event]) -> impl Future<Output = Vec<Outcome>> + Send;
}

/// The settings that every worker has.
#[derive(Debug, Clone, Args)]
pub struct Servers {
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the group's help text")]
    pub broker: Broker,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the group's help text")]
    pub database: Database,
}

impl Servers {
    /// What is wrong with the settings, all of it at once.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        postgres::check_url(&self.database.database_url).err().map(|error| error.to_string()).into_iter().collect()
    }
}

/// Runs the worker that `build` makes until shutdown; what was begun is finished, what was only pulled is given back.
///
/// # Errors
/// When the settings name no broker or no database that can be used.
pub async fn run<V: Verb>(
    servers: Servers,
    runtime: Runtime,
    build: impl FnOnce(PgPool, Bus) -> V,
) -> anyhow::Result<()> {
    let bus = Bus::connect(&servers.broker.nats_url, V::NAME).await.context(V::NAME)?;
    let pool = postgres::connect(&servers.database.database_url, V::NAME)?;
    let (status, seen) = watch::channel(Consumption::Waiting("starting".to_owned()));
    runtime.health.check(&format!("{}.consumer", V::NAME), move || match &*seen.borrow() {
        Consumption::Pulling => Ok(()),
        Consumption::Waiting(why) => Err(why.clone()),
    });
    let worker = Arc::new(Rooted { verb: build(pool.clone(), bus.clone()), pool: pool.clone() });
    bus::consume(bus.clone(), worker, status, runtime.shutdown.clone()).await;
    bus.close().await;
    // A connection to a database that fell silent is not worth the wait.
    tokio::time::timeout(POOL_CLOSE_MAX, pool.close()).await.ok();
    Ok(())
}

/// A verb with the rows that it needs to be consumed for.
struct Rooted<V> {
    verb: V,
    pool: PgPool,
}

impl<V: Verb> Worker for Rooted<V> {
    fn name(&self) -> &'static str {
        V::NAME
    }

    async fn handle(&self, events: &[Event]) -> Vec<Outcome> {
        self.verb.handle(events).await
    }

    async fn store_ready(&self) -> Result<(), String> {
        postgres::store_ready(&self.pool, V::NAME).await.map_err(|error| error.to_string())
    }

    async fn position(&self) -> Result<Option<Timestamp>, String> {
        postgres::position(&self.pool, V::NAME).await.map_err(|error| error.to_string())
    }

    async fn keep_position(&self, at: Timestamp) -> Result<(), String> {
        postgres::keep_position(&self.pool, V::NAME, at).await.map_err(|error| error.to_string())
    }
}
