//! The verdict on a load, from Postgres alone: which acknowledged events are not there, and what counts more than once.
//!
//! Waits, as workers follow at their own pace, but not for ever: what is not there by then is lost.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context as _;
use contract::Timestamp;
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

use super::{
    arguments::Sender,
    plan::{Call, EVENTS, Plan},
    store::{Found, figures, look, overcounted},
    tally::Tally,
};
use crate::output::Output;

/// Calls, or contacts, in one look.
const CALLS_MAX: usize = 500;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What has to be in Postgres of one call.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) org: String,
    pub(super) call_id: String,
    pub(super) caller: String,
    pub(super) started_at: Timestamp,
    pub(super) duration_ms: i64,
    pub(super) events: BTreeSet<String>,
}

/// The verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Calls whose row tells how they ended.
    pub(super) complete: usize,
    /// Calls whose row does not, though all their events were acknowledged.
    pub(super) incomplete: usize,
    /// Acknowledged events that are not archived.
    pub(super) lost: usize,
    /// Events archived more than once, and contacts and daily figures that count too much.
    pub(super) doubled: usize,
    /// Daily figures that count too little; they follow at their own pace.
    pub(super) uncounted: usize,
}

impl Verdict {
    /// Whether everything acknowledged took effect once.
    pub(super) fn holds(&self) -> bool {
        self.lost + self.doubled + self.incomplete == 0
    }
}

/// What has to be in Postgres after this load.
pub(super) fn expected(plan: &Plan, senders: &[Sender], sent: &Tally) -> Vec<Expected> {
    let of_call = |(call, events): (&Call, &BTreeSet<String>)| Expected {
        org: senders[call.org].org.to_string(),
        call_id: call.lifecycle.call_id.clone(),
        caller: call.lifecycle.from_number.clone(),
        started_at: call.lifecycle.started_at,
        duration_ms: call.lifecycle.duration_ms(),
        events: events.clone(),
    };
    plan.calls.iter().zip(&sent.events).map(of_call).collect()
}

impl Expected {
    fn whole(&self) -> bool {
        self.events.len() == EVENTS
    }

    /// Whether nothing more has to come.
    fn met_by(&self, found: Found) -> bool {
        found.missing == 0 && (found.complete || !self.whole())
    }
}

/// Waits until Postgres holds everything, for at most `wait`, and then counts all of it.
///
/// # Errors
/// When Postgres can't be asked in the end; while waiting it may be away.
pub(super) async fn reach(pool: &PgPool, all: &[Expected], wait: Duration, output: Output) -> anyhow::Result<Verdict> {
    let deadline = Instant::now() + wait;
    let bar = output.progress(all.len(), "calls in Postgres");
    let mut pending: Vec<&Expected> = all.iter().collect();
    loop {
        pending = unmet(pool, pending).await;
        bar.set_position((all.len() - pending.len()) as u64);
        let counted = pending.is_empty() && matches!(figures(pool, all).await, Ok((0, 0)));
        if counted || Instant::now() >= deadline {
            break;
        }
        sleep(PAUSE).await;
    }
    bar.finish_and_clear();
    count(pool, all).await.context("the verdict")
}

/// Those of `pending` that still lack something. Calls are recorded about in their order, so what lies behind a look in
/// vain is not looked at: the database has better things to do.
async fn unmet<'a>(pool: &PgPool, pending: Vec<&'a Expected>) -> Vec<&'a Expected> {
    let (mut unmet, mut in_vain) = (Vec::new(), false);
    for calls in pending.chunks(CALLS_MAX) {
        if !in_vain {
            match look(pool, calls).await {
                Ok(found) => {
                    let lacking = calls.iter().zip(found).filter(|(call, found)| !call.met_by(*found));
                    let before = unmet.len();
                    unmet.extend(lacking.map(|(call, _)| *call));
                    in_vain = unmet.len() - before == calls.len();
                    continue;
                }
                Err(error) => tracing::info!(%error, "Postgres does not answer"),
            }
            in_vain = true;
        }
        unmet.extend(calls);
    }
    unmet
}

/// Counts everything once.
async fn count(pool: &PgPool, all: &[Expected]) -> sqlx::Result<Verdict> {
    let mut verdict = Verdict::default();
    let every: Vec<&Expected> = all.iter().collect();
    for calls in every.chunks(CALLS_MAX) {
        for (call, found) in calls.iter().zip(look(pool, calls).await?) {
            verdict.lost += found.missing;
            verdict.doubled += found.doubled;
            verdict.complete += usize::from(found.complete);
            verdict.incomplete += usize::from(!found.complete && call.whole());
        }
    }
    let callers: BTreeSet<(&str, &str)> = all.iter().map(|call| (call.org.as_str(), call.caller.as_str())).collect();
    for callers in callers.into_iter().collect::<Vec<_>>().chunks(CALLS_MAX) {
        verdict.doubled += overcounted(pool, callers).await?;
    }
    let (above, below) = figures(pool, all).await?;
    Ok(Verdict { doubled: verdict.doubled + above, uncounted: below, ..verdict })
}
