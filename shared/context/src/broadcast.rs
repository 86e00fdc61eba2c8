//! A process's cache, and invalidations from process to process over the broker.

use std::sync::Arc;

use bus::{Bus, BusError};
use cache::{Announce, Bump, Cache, Clock, Parts, RedisError, Settings};
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::KINDS;

/// The topic on which every process with a cache listens.
const TOPIC: &str = "cache.bumped";

/// The cache of a process, with every kind there is: Postgres stands in for Redis, and invalidations are told to others and
/// heard of them until shutdown.
///
/// # Errors
/// When the address is none of Redis.
pub fn open(settings: &Settings, pool: &PgPool, bus: &Bus, shutdown: &CancellationToken) -> Result<Cache, RedisError> {
    let announce = Some(Arc::new(Announcer(bus.clone())) as _);
    let parts = Parts { kinds: KINDS.to_vec(), standby: Some(pool.clone()), announce, clock: Clock::default() };
    let cache = Cache::start(settings, parts)?;
    let (heard, bus, shutdown) = (cache.clone(), bus.clone(), shutdown.clone());
    tokio::spawn(async move {
        if let Err(error) = hear(&bus, &heard, &shutdown).await {
            tracing::warn!(%error, "invalidations of others are not heard; copies live out their second");
        }
    });
    Ok(cache)
}

/// Announces over the broker.
#[derive(Clone)]
pub struct Announcer(pub Bus);

impl Announce for Announcer {
    fn announce<'a>(&'a self, bump: &'a Bump) -> BoxFuture<'a, ()> {
        async {
            let sent = match serde_json::to_vec(bump) {
                Ok(body) => self.0.broadcast(TOPIC, body.into()).await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = sent {
                tracing::debug!(%error, "an invalidation was not announced; copies live out their second");
            }
        }
        .boxed()
    }
}

/// Tells the cache of every invalidation that others announce, until shutdown.
///
/// # Errors
/// When the connection can't take a subscription.
pub async fn hear(bus: &Bus, cache: &Cache, shutdown: &CancellationToken) -> Result<(), BusError> {
    let mut announced = std::pin::pin!(bus.listen(TOPIC).await?);
    while let Some(Some(body)) = shutdown.run_until_cancelled(announced.next()).await {
        match serde_json::from_slice::<Bump>(&body) {
            Ok(bump) => cache.hear(&bump),
            Err(error) => tracing::debug!(%error, "an announcement can't be read"),
        }
    }
    Ok(())
}
