//! Work that is due by rows: one task for each org that has some, so that one org's silence delays no other's.
//!
//! Which rows, and what is done with them, is the desk's own business. Refuses to work for more than a number of orgs at once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use contract::OrgId;
use tokio::{
    sync::Notify,
    task::{self, JoinSet},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

/// Orgs that are worked for at once.
pub(crate) const ORGS_MAX: usize = 32;
/// Rows of one org in hand at once.
pub(crate) const ROWS_MAX: i64 = 8;
/// Rounds of an org's turn; then others may have the place.
const ROUNDS_MAX: usize = 25;
/// Whoever has a row and does not come back loses it after so long; longer than any step.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// Between two looks whether something is due.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// What is under way at shutdown has so long to end; the lease of what does not runs out.
const FINISH_MAX: Duration = Duration::from_secs(5);
/// Between two attempts after failures.
const PAUSE: std::ops::RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_mins(10);

/// Work of one sort.
pub(crate) trait Desk: Send + Sync + 'static {
    /// Its name, in logs.
    const NAME: &'static str;

    /// Tells when there may be something to do sooner than the next look.
    fn woken(&self) -> &Notify;

    /// Orgs for which something is due, but for these, the longest overdue first; [`ORGS_MAX`] at most.
    fn due(&self, but: Vec<String>) -> impl Future<Output = sqlx::Result<Vec<String>>> + Send;

    /// Works off some of what is due for this org; how many rows.
    fn work(&self, org: &OrgId) -> impl Future<Output = sqlx::Result<usize>> + Send;
}

/// Works until shutdown.
pub(crate) async fn attend<D: Desk>(desk: &Arc<D>, shutdown: &CancellationToken) {
    let (mut tasks, mut at_work) = (JoinSet::new(), HashMap::<task::Id, String>::new());
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut well = true;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = tasks.join_next_with_id(), if !tasks.is_empty() => {
                at_work.remove(&ended.map_or_else(|panic| panic.id(), |(id, ())| id));
                continue;
            }
            _ = looks.tick() => {}
            () = desk.woken().notified() => {}
        }
        if at_work.len() >= ORGS_MAX {
            continue;
        }
        match desk.due(at_work.values().cloned().collect()).await {
            Ok(orgs) => {
                well = true;
                for org in orgs.into_iter().take(ORGS_MAX - at_work.len()) {
                    let task = tasks.spawn(work_off(Arc::clone(desk), org.clone(), shutdown.clone()));
                    at_work.insert(task.id(), org);
                }
            }
            Err(error) if well => {
                well = false;
                tracing::warn!(desk = D::NAME, %error, "what is due can't be found out");
            }
            Err(_) => {}
        }
    }
    let finish = async { while tasks.join_next().await.is_some() {} };
    timeout(FINISH_MAX, finish).await.ok();
}

/// One org's turn: until nothing is due, or for as long as a turn lasts.
async fn work_off<D: Desk>(desk: Arc<D>, org: String, shutdown: CancellationToken) {
    let Ok(id) = org.parse() else { return };
    for _ in 0..ROUNDS_MAX {
        if shutdown.is_cancelled() {
            return;
        }
        match desk.work(&id).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => return tracing::warn!(desk = D::NAME, %org, %error, "what is due can't be worked off"),
        }
    }
}

/// The pause after so many failures, the greater the more; no two alike.
pub(crate) fn pause(failures: u32) -> Duration {
    let pause = PAUSE.start().saturating_mul(2u32.saturating_pow(failures)).min(*PAUSE.end());
    pause.mul_f64(0.75 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex};

    use super::*;

    /// Orgs that always have something due, and how often each was worked for.
    struct Endless {
        rounds: Mutex<BTreeMap<String, usize>>,
        woken: Notify,
        shutdown: CancellationToken,
    }

    impl Desk for Endless {
        const NAME: &'static str = "endless";

        fn woken(&self) -> &Notify {
            &self.woken
        }

        async fn due(&self, but: Vec<String>) -> sqlx::Result<Vec<String>> {
            let rounds = self.rounds.lock().expect("never poisoned");
            let mut due: Vec<_> = rounds.iter().filter(|(org, _)| !but.contains(org)).collect();
            due.sort_by_key(|(_, rounds)| **rounds);
            Ok(due.into_iter().map(|(org, _)| org.clone()).take(ORGS_MAX).collect())
        }

        async fn work(&self, org: &OrgId) -> sqlx::Result<usize> {
            let mut rounds = self.rounds.lock().expect("never poisoned");
            *rounds.entry(org.to_string()).or_default() += 1;
            if rounds.values().all(|rounds| *rounds > 0) {
                self.shutdown.cancel();
            }
            Ok(1)
        }
    }

    #[tokio::test]
    async fn orgs_that_are_never_done_leave_their_places_to_others() {
        let orgs = (0..=ORGS_MAX).map(|nth| (format!("org{nth}"), 0)).collect();
        let shutdown = CancellationToken::new();
        let desk = Endless { rounds: Mutex::new(orgs), woken: Notify::new(), shutdown: shutdown.clone() };
        let desk = Arc::new(desk);
        let attended = timeout(Duration::from_secs(30), attend(&desk, &shutdown)).await;
        assert!(attended.is_ok(), "{:?}", desk.rounds.lock().expect("never poisoned"));
    }
}
