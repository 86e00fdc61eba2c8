//! **ingress**: provider webhooks in, acknowledged once they are on durable storage.
//!
//! - *Consumes* HTTP: `POST /v1/{org}/` and one of `retell/events`, `elevenlabs/events`, `calcom/events`,
//!   `highlevel/events`, `whatsapp/{instance}`, `webhook/{channel}`.
//! - *Owns* nothing; keeps a snapshot of the orgs on disk.
//! - *Emits* one event per authentic delivery, under the same key for each repetition.
//! - *Calls* nothing but the broker. No Postgres, no Redis, no business.
//! - *Limits*: 8 MiB a body, 10 s for headers, 8 s for a body, 1024 requests and 256 MiB of bodies in flight, 4 s to publish.
//! - *Refuses* what is not signed; never what is merely not understood.

mod admission;
mod config;
mod door;
mod handle;
mod refusal;

use std::sync::Arc;

use anyhow::Context as _;
use bus::Bus;
use orgs::Live;
use runtime::Runtime;

pub use config::Config;
pub use handle::BODY_BYTES_MAX;

/// The service's name, in logs, metrics and health checks.
pub const NAME: &str = "ingress";

/// Runs until shutdown; requests in flight are answered first.
///
/// # Errors
/// When the address can't be bound or the configuration names no broker.
pub async fn run(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    let bus = Bus::connect(&config.broker.nats_url, NAME).await.context(NAME)?;
    let orgs = Live::start(bus.clone(), config.orgs_snapshot, runtime.shutdown.clone()).await;
    let (broker, directory) = (bus.clone(), orgs.clone());
    runtime.health.check("ingress.broker", move || broker.state().accepts());
    runtime.health.check("ingress.orgs", move || {
        directory.directory().map(|_| ()).ok_or_else(|| "no orgs loaded yet".to_owned())
    });
    let context = Arc::new(handle::Context::new(bus.clone(), orgs));
    let served = runtime.serve_public(NAME, config.listen, handle::router(&context)).await;
    bus.close().await;
    served
}
