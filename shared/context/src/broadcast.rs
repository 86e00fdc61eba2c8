//! Invalidations from process to process, over the broker.

use bus::{Bus, BusError};
use cache::{Announce, Bump, Cache};
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture};
use tokio_util::sync::CancellationToken;

/// The topic on which every process with a cache listens.
const TOPIC: &str = "cache.bumped";

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
