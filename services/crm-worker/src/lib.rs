//! **crm-worker**: what happened, in each org's CRM.
//!
//! - *Consumes* `contact.recorded`: of log-worker, as a contact or one of its calls has changed; of itself, when a dead
//!   letter of a push is sent again.
//! - *Owns* `crm_contacts`, `crm_notes`, and its row of `positions`.
//! - *Emits* `contact.changed` once a version is at the CRM. What the vendor refuses becomes a dead letter, an event of its
//!   own that asks for the push again (`offhook dead retry`).
//! - *Calls* Postgres, the broker, Redis (shared rate budgets) and the CRMs of the orgs; reads `contacts` and `calls`.
//! - *Limits*: 100 events in a batch; 32 accounts pushed at once, 4 contacts of each, 25 s and 10 notes a push, 10 s a
//!   request; a claim ends after 45 s; tries again after 1 s to 10 min; notes only calls first heard of in the last 30 days,
//!   and forgets a note that is added or refused after 37.
//! - *Refuses* (as dead letters) events that name no contact, and versions that the vendor refuses. A rejected token or
//!   plan (401, 402, 403) is the account's trouble, not a contact's: it is tried again until somebody has mended it.
//!
//! Needs no inbox: it replaces what is desired by what the rows say now, so late, repeated and reordered events leave the
//! same. What queues up while a push is under way is one further push. What is due at a CRM that its org does not name any
//! more is let go; should the org name it again, `offhook crm push` brings it.
//!
//! Never overwrites a name or e-mail address that the CRM has, nor takes a tag away. What the CRM tells us of a contact
//! makes no new version, so what we wrote and hear back changes nothing.
//!
//! Open windows. A pusher that dies between the vendor's success and its commit pushes the same again, which changes
//! nothing, and finds its note by the mark in it. A note is doubled if the vendor takes it and neither says so nor shows it
//! 15 s later, or if a pusher stands still for more than its claim exactly between its last look at it and the first
//! byte of its request. At a HubSpot account without a property that no two contacts share, a contact that was made in
//! silence is made again if a search does not show it 15 s later. A push that the vendor carries out only after we gave it
//! up may undo a newer one until the next.

mod config;
mod crm;
mod desired;
mod handle;
mod push;
mod store;

use anyhow::Context as _;
use orgs::Live;
use runtime::Runtime;
use vendors::{Limits, Vendors};
use worker::Verb as _;

pub use config::Config;
pub use handle::CrmWorker;
pub use store::{Standing, Whose, push_again, retire_notes, standings};

/// The worker's name: its consumer, its rows, its metrics.
pub const NAME: &str = CrmWorker::NAME;

/// How the pushers' own connections are named: they wait for no batch, and no batch for them.
const PUSHER: &str = "crm-worker push";

/// Runs until shutdown; what was begun is finished, what was only pulled or claimed is given back.
///
/// # Errors
/// When the settings name no broker, database or Redis that can be used.
pub async fn run(config: Config, runtime: Runtime) -> anyhow::Result<()> {
    let Config { servers, cache } = config;
    let (database_url, shutdown) = (servers.database.database_url.clone(), runtime.shutdown.clone());
    let build = async |pool: sqlx::PgPool, bus: bus::Bus| {
        let cache = context::open(&cache, &pool, &bus, &shutdown).context("REDIS_URL")?;
        let orgs = Live::start(bus.clone(), None, shutdown.clone()).await;
        let vendors = Vendors::new(cache, Limits::default())?;
        let pushing = postgres::connect(&database_url, PUSHER)?;
        let pusher = push::Pusher::new(pushing, bus, orgs.clone(), vendors);
        Ok(CrmWorker::new(pool, orgs, pusher))
    };
    worker::run(servers, runtime, build).await
}
