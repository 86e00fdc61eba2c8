//! The pusher: finds the accounts that have something due, and lets each be pushed by a task of its own.
//!
//! One account's trouble delays no other's: an account that fails gives its place back and rests, the longer the oftener
//! it has failed. Refuses to hold a connection to the database while a vendor is asked.

mod account;
mod contact;
mod note;
mod store;
mod word;

use std::{collections::HashMap, sync::Arc, time::Duration};

use bus::Bus;
use metrics::gauge;
use orgs::Live;
use sqlx::PgPool;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use vendors::Vendors;

use self::account::Turn;
use crate::crm::VENDORS;

/// Between two looks for what is due.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Before another look when the database does not let us.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Between two counts of what is due, for the gauge.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// Accounts that are pushed at the same time.
const ACCOUNTS_MAX: usize = 32;
/// An account's rest after a turn that failed; doubled for each further one in which nothing succeeded…
const REST_MIN: Duration = Duration::from_secs(1);
/// …up to this.
const REST_MAX: Duration = Duration::from_secs(30);
/// What was begun may take so long after the shutdown: longer than one request.
const FINISH_MAX: Duration = Duration::from_secs(12);

/// Whose contacts: org and vendor.
pub(crate) type Account = (String, String);

/// Pushes what is due; cheap to clone.
#[derive(Clone)]
pub(crate) struct Pusher(Arc<Parts>);

struct Parts {
    pool: PgPool,
    bus: Bus,
    orgs: Live,
    vendors: Vendors,
}

/// What is known of the accounts in this process.
#[derive(Default)]
struct Desk {
    /// Whose turn it is, and how often in a row it had failed when its turn began.
    busy: HashMap<Account, u32>,
    /// Who rests, until when, and how often in a row it has failed.
    resting: HashMap<Account, (Instant, u32)>,
}

impl Pusher {
    pub(crate) fn new(pool: PgPool, bus: Bus, orgs: Live, vendors: Vendors) -> Self {
        Self(Arc::new(Parts { pool, bus, orgs, vendors }))
    }

    /// Pushes until `shutdown`, then finishes what is under way. What can't be finished keeps its claim until that ends: the
    /// vendor may still be at it.
    pub(crate) async fn run(&self, shutdown: &CancellationToken) {
        let (mut desk, mut turns) = (Desk::default(), JoinSet::new());
        let (mut looks, mut counts) = (interval(LOOK_EVERY), interval(COUNT_EVERY));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        counts.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = turns.join_next() => desk.ended(ended),
                _ = counts.tick() => shutdown.run_until_cancelled(self.count()).await.unwrap_or_default(),
                _ = looks.tick() => {
                    if let Some(Err(error)) = shutdown.run_until_cancelled(self.look(&mut desk, &mut turns, shutdown)).await {
                        tracing::warn!(%error, "what is due can't be read");
                        looks.reset_after(LOOK_AGAIN);
                    }
                }
            }
        }
        let finish = async { while turns.join_next().await.is_some() {} };
        if timeout(FINISH_MAX, finish).await.is_err() {
            tracing::warn!(accounts = turns.len(), "pushes are left unfinished; their claims end by themselves");
        }
        turns.shutdown().await;
        timeout(Duration::from_secs(2), self.0.pool.close()).await.ok();
    }

    /// Gives a turn to each account that has something due, the longest overdue first.
    async fn look(
        &self,
        desk: &mut Desk,
        turns: &mut JoinSet<(Account, Turn)>,
        shutdown: &CancellationToken,
    ) -> sqlx::Result<()> {
        let free = ACCOUNTS_MAX.saturating_sub(desk.busy.len());
        if free == 0 {
            return Ok(());
        }
        let due = store::accounts_due(&self.0.pool).await?;
        for account in due.into_iter().filter(|account| desk.is_free(account)).take(free).collect::<Vec<_>>() {
            let failures = desk.begin(&account);
            let (parts, shutdown) = (Arc::clone(&self.0), shutdown.clone());
            turns.spawn(async move {
                let turn = parts.turn(&account, failures > 0, &shutdown).await;
                (account, turn)
            });
        }
        Ok(())
    }

    async fn count(&self) {
        match store::count_due(&self.0.pool).await {
            Ok(counts) => {
                // Where nothing is due there is no count.
                for vendor in VENDORS {
                    let due = counts.iter().find(|(name, _)| name == vendor).map_or(0, |(_, due)| *due);
                    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
                    gauge!("offhook_crm_due", "vendor" => vendor).set(due as f64);
                }
            }
            Err(error) => tracing::debug!(%error, "what is due can't be counted"),
        }
    }
}

impl Desk {
    fn is_free(&self, account: &Account) -> bool {
        let rests = self.resting.get(account).is_some_and(|(until, _)| *until > Instant::now());
        !rests && !self.busy.contains_key(account)
    }

    /// How often in a row the account has failed.
    fn begin(&mut self, account: &Account) -> u32 {
        let failures = self.resting.remove(account).map_or(0, |(_, failures)| failures);
        self.busy.insert(account.clone(), failures);
        failures
    }

    fn ended(&mut self, ended: Result<(Account, Turn), tokio::task::JoinError>) {
        let (account, turn) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // Whose turn it was is lost with it: those that are busy are found out by their claims.
                tracing::error!(%error, "a pusher failed");
                self.busy.clear();
                return;
            }
        };
        let failures = self.busy.remove(&account).unwrap_or_default();
        let rest = match turn {
            Turn::Well => return,
            Turn::Wait(wait) => (Instant::now() + wait, failures),
            Turn::Trouble { throughout } => {
                let failures = if throughout { failures } else { 0 };
                let rest = REST_MIN.saturating_mul(1 << failures.min(16)).min(REST_MAX);
                (Instant::now() + rest, failures.saturating_add(1))
            }
        };
        self.resting.insert(account, rest);
    }
}
