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
use tokio::{
    sync::watch,
    time::{Instant, interval_at},
};
use tokio_util::sync::CancellationToken;

/// An event that is delivered more often than this comes alone, and behind an attempt mark.
const UNMARKED_MAX: u64 = 2;
/// Attempts at an event alone that may end with the death of the process before it is rejected.
const DEATHS_MAX: i32 = 3;
/// How long an event can come again: the stream's `max_age` (30 days) and a week.
const INBOX_AGE: Duration = Duration::from_hours(37 * 24);
/// Between two rounds of deleting what is old.
const TIDY_EVERY: Duration = Duration::from_hours(1);
/// Closing the database connections.
const POOL_CLOSE_MAX: Duration = Duration::from_secs(2);

/// What a worker does with events.
pub trait Verb: Send + Sync + 'static {
    /// The worker's name: its consumer, its rows, its metrics.
    const NAME: &'static str;

    /// Applies the effect of each event and says, in the same order, what became of it; see [`Worker::handle`].
    fn handle(&self, events: &[Event]) -> impl Future<Output = Vec<Outcome>> + Send;

    /// The worker's work beside its events, such as pushing what they left due; ends soon after `shutdown`. None unless the
    /// worker says so.
    fn attend(&self, shutdown: &CancellationToken) -> impl Future<Output = ()> + Send {
        let _ = shutdown;
        async {}
    }

    /// Deletes what the worker's own tables have kept long enough; called hourly. Nothing unless the worker says so.
    ///
    /// # Errors
    /// The statement's; the next hour tries again.
    fn tidy(&self) -> impl Future<Output = sqlx::Result<u64>> + Send {
        async { Ok(0) }
    }
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
/// When the settings name no broker or no database that can be used, or the worker can't be built.
pub async fn run<V: Verb>(
    servers: Servers,
    runtime: Runtime,
    build: impl AsyncFnOnce(PgPool, Bus) -> anyhow::Result<V>,
) -> anyhow::Result<()> {
    let bus = Bus::connect(&servers.broker.nats_url, V::NAME).await.context(V::NAME)?;
    let pool = postgres::connect(&servers.database.database_url, V::NAME)?;
    let (status, seen) = watch::channel(Consumption::Waiting("starting".to_owned()));
    runtime.health.check(&format!("{}.consumer", V::NAME), move || match &*seen.borrow() {
        Consumption::Pulling => Ok(()),
        Consumption::Waiting(why) => Err(why.clone()),
    });
    let worker = Arc::new(Rooted { verb: build(pool.clone(), bus.clone()).await?, pool: pool.clone() });
    let tidying = tokio::spawn(tidy(Arc::clone(&worker)));
    let consuming = bus::consume(bus.clone(), Arc::clone(&worker), status, runtime.shutdown.clone());
    tokio::join!(consuming, worker.verb.attend(&runtime.shutdown));
    tidying.abort();
    bus.close().await;
    // A connection to a database that fell silent is not worth the wait.
    tokio::time::timeout(POOL_CLOSE_MAX, pool.close()).await.ok();
    Ok(())
}

/// Deletes what is old, hourly and for as long as the worker runs. Two processes at it delete different rows, or none.
async fn tidy<V: Verb>(worker: Arc<Rooted<V>>) {
    let mut rounds = interval_at(Instant::now() + TIDY_EVERY, TIDY_EVERY);
    loop {
        rounds.tick().await;
        let inbox = postgres::retire_inbox(&worker.pool, V::NAME, INBOX_AGE).await;
        let own = worker.verb.tidy().await;
        match (inbox, own) {
            (Ok(inbox), Ok(own)) => tracing::info!(worker = V::NAME, inbox, own, "deleted what is old"),
            (Err(error), _) | (_, Err(error)) => {
                tracing::warn!(worker = V::NAME, %error, "old rows are not all deleted")
            }
        }
    }
}

/// A verb with the rows that it needs to be consumed for.
struct Rooted<V> {
    verb: V,
    pool: PgPool,
}

impl<V: Verb> Rooted<V> {
    /// Handles an event alone behind a durable mark. If neither a panic nor the death of the process lets us come back,
    /// the mark stays and tells the next attempt.
    async fn handle_marked(&self, event: &Event) -> Outcome {
        let deaths = match postgres::begin_attempt(&self.pool, V::NAME, event.key).await {
            Ok(deaths) => deaths,
            Err(error) => return Outcome::Retry(error.to_string()),
        };
        let outcome = if deaths >= DEATHS_MAX {
            Outcome::Reject(format!(
                "{deaths} attempts at this event alone ended in a panic or the death of the process"
            ))
        } else {
            let outcome = self.verb.handle(std::slice::from_ref(event)).await.pop();
            outcome.unwrap_or_else(|| Outcome::Retry("no outcome".to_owned()))
        };
        if let Err(error) = postgres::end_attempt(&self.pool, V::NAME, event.key).await {
            tracing::warn!(worker = V::NAME, event.id = event.envelope.id, %error, "attempt mark not taken away");
        }
        outcome
    }
}

impl<V: Verb> Worker for Rooted<V> {
    fn name(&self) -> &'static str {
        V::NAME
    }

    async fn handle(&self, events: &[Event]) -> Vec<Outcome> {
        match events {
            [event] if event.delivered > UNMARKED_MAX => vec![self.handle_marked(event).await],
            _ => self.verb.handle(events).await,
        }
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
