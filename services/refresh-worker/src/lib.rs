//! **refresh-worker**: what a call asks next is ready, and what it said is remembered.
//!
//! - *Consumes* `call.inbound` (what its caller will ask is wanted), `call.recorded` (a call may have something to remember) and
//!   `cache.bumped` (what is wanted of it is loaded anew).
//! - *Owns* `hot` (what is wanted, and until when), `memories` (what a vendor is told of a call), its row of `positions`.
//! - *Emits* `memory.stored` once the vendor tells what it was told, or five minutes have passed in vain: after its commit, and
//!   before it is marked, under a key that repeats.
//! - *Calls* beside its events, by rows that are due: the loaders of `context`, with the budget that live calls leave; Zep and
//!   mem0. Reads `calls` and `contacts`.
//! - *Limits*: 32 orgs at a time for each of the two works, the longest overdue first, 25 rounds of 8 rows in an org's turn, a
//!   lease of 30 s, 12 s for one step at a vendor; pauses after failures from 2 s to 10 min, 500 of them at most. What a vendor
//!   says of the key, the plan or the address (401 to 404, 3xx) and a budget that is used up give no call up. One org's dead
//!   vendor delays nobody else. Of a call that was first heard of 30 days ago nothing is told any more.
//! - *Refuses* (as dead letters) events that can't be read, and calls that the vendor refuses: such a letter, sent again, has
//!   the call told again. Needs no inbox: rows follow the state, so that late, repeated and reordered events leave the same ones.
//!
//! What is told is told once, with three windows. Zep: an add that was accepted unheard, and is not yet listed in the thread when
//! the thread is read back (a second later or more), is repeated. mem0: an add that was accepted unheard is known by its
//! memories alone; if none of them is listed within a minute, or none was made, it is repeated. Either: a process that stands
//! still for most of its lease between its last look at the clock and the socket may send what another has found missing. A call that changes after its
//! telling has begun is told as it was. The first start tells of every call that the stream still holds.

mod config;
mod desk;
mod handle;
mod standing;
mod store;
mod teller;
mod warmer;

use anyhow::Context as _;
use context::Library;
use orgs::Live;
use runtime::Runtime;
use vendors::{Limits, Vendors};
use worker::Verb as _;

pub use config::Config;
pub use handle::RefreshWorker;

/// The worker's name: its consumer, its metrics.
pub const NAME: &str = RefreshWorker::NAME;

/// Runs until shutdown; what was begun is finished, what was only pulled is given back.
///
/// # Errors
/// When the settings name no broker, database or Redis that can be used.
pub async fn run(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    let shutdown = runtime.shutdown.clone();
    let build = async |pool: sqlx::PgPool, bus: bus::Bus| {
        let cache = context::open(&config.cache, &pool, &bus, &shutdown).context("REDIS_URL")?;
        let orgs = Live::start(bus.clone(), config.orgs_snapshot.clone(), shutdown.clone()).await;
        let vendors = Vendors::new(cache.clone(), Limits::default())?;
        let library = Library::new(cache, pool.clone(), vendors.clone());
        Ok(RefreshWorker::new(pool, bus, orgs, library, vendors))
    };
    worker::run(config.servers.clone(), runtime, build).await
}
