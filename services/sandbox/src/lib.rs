//! **sandbox**: the vendors' APIs simulated as one local service, each below its own prefix, with delays and faults to order.
//!
//! - *Consumes* HTTP: `/highlevel`, `/hubspot`, `/calcom`, `/zep`, `/mem0` and `/langfuse`, below each the vendor's own paths;
//!   `/_sandbox` to steer it: faults, requests, state, bookings from elsewhere, reset.
//! - *Owns* what the vendors would keep, in memory: gone at the end, back to the seed on reset.
//! - *Emits* nothing.
//! - *Calls* nothing.
//! - *Limits*: 1 MiB and 8 s a body, 16 384 requests in flight, 1024 of them hanging, 512 MiB kept, the last 10 000 requests in
//!   the journal.
//! - *Refuses* what the vendor refuses, in the vendor's words: no credentials, the wrong `Version`, unknown fields, a slot that
//!   is taken, too many requests. Any credentials that are well formed will do. Only HighLevel's dated versions are known, of
//!   HubSpot 2026-09, of Cal.com those of 2024, of Zep the v3 generation, of mem0 the current paths.
//!
//! A request is carried out to its end even if its caller has left, as at a vendor: a timeout tells nothing about the effect.

mod calcom;
mod call;
mod config;
mod control;
mod fault;
mod fault_input;
mod handle;
mod highlevel;
mod hubspot;
mod journal;
mod lagged;
mod langfuse;
mod mem0;
mod operation;
mod relevance;
mod reply;
mod seed;
mod settings;
mod slots;
mod state;
mod vendor;
mod window;
mod world;
mod zep;

use std::sync::Arc;

use runtime::Runtime;

pub use config::Config;

/// The service's name, in logs, metrics and health checks.
pub const NAME: &str = "sandbox";

/// Runs until shutdown; requests that wait or hang are ended then.
///
/// # Errors
/// When the address can't be bound.
pub async fn run(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    let listener = runtime.listen(NAME, config.listen).await?;
    runtime.health.check("sandbox.vendors", || Ok(()));
    let sandbox = Arc::new(handle::Sandbox::new(runtime.shutdown.clone()));
    let router = handle::router(&sandbox);
    runtime::http::serve(listener, move || router.clone(), runtime.shutdown).await;
    Ok(())
}
