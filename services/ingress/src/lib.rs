//! **ingress**: provider webhooks in, acknowledged once they are on durable storage.
//!
//! - *Consumes* HTTP: `POST /v1/{org}/` and one of `retell/events`, `elevenlabs/events`, `calcom/events`,
//!   `highlevel/events`, `whatsapp/{instance}`, `webhook/{channel}`; and for many orgs at one address, whose is told by the
//!   verified body, `POST /v1/elevenlabs/events` and `/v1/highlevel/events`.
//! - *Owns* nothing; keeps a snapshot of the orgs on disk.
//! - *Emits* one event per authentic delivery, under the same key for each repetition.
//! - *Calls* nothing but the broker. No Postgres, no Redis, no business.
//! - *Limits*: 8 MiB a body (ElevenLabs 64 MiB), 75 s for headers, 8 s for a body, 1024 requests and 256 MiB of bodies in flight
//!   (128 MiB of what is beyond 8 MiB), 4 s to publish, 6 s to store a large body before; 8 s for the rest of a refused one.
//! - *Refuses* what is not signed; never what is merely not understood. What is authentic and nobody's is kept under the org `_`.

mod admission;
mod config;
mod door;
mod handle;
mod leftovers;
mod refusal;

use std::sync::Arc;

use anyhow::Context as _;
use bus::Bus;
use door::Platform;
use orgs::{Keys, Live};
use runtime::Runtime;

pub use config::{Config, PlatformKeys};
pub use door::{BODY_BYTES_MAX, SOUND_BYTES_MAX};

/// The service's name, in logs, metrics and health checks.
pub const NAME: &str = "ingress";

/// Runs until shutdown; requests in flight are answered first.
///
/// # Errors
/// When the address can't be bound or the configuration names no broker, or keys that are no references.
pub async fn run(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    let bus = Bus::connect(&config.broker.nats_url, NAME).await.context(NAME)?;
    let orgs = Live::start(bus.clone(), config.orgs_snapshot, runtime.shutdown.clone()).await;
    let (broker, directory) = (bus.clone(), orgs.clone());
    runtime.health.check("ingress.broker", move || broker.state().accepts());
    runtime.health.check("ingress.orgs", move || {
        directory.directory().map(|_| ()).ok_or_else(|| "no orgs loaded yet".to_owned())
    });
    let [elevenlabs, highlevel] = config.platform.references().map_err(anyhow::Error::msg)?;
    let platform = Platform {
        elevenlabs: Keys::start(elevenlabs, runtime.shutdown.clone()).await,
        highlevel: Keys::start(highlevel, runtime.shutdown.clone()).await,
    };
    let context = Arc::new(handle::Context::new(bus.clone(), orgs, platform));
    let served = runtime.serve_public(NAME, config.listen, handle::router(&context)).await;
    bus.close().await;
    served
}
