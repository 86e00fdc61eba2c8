//! Keeps warm what is wanted: each thing by one process at a time, shortly before it is fresh no more.

mod store;

use std::time::Duration;

use cache::{Warmed, Warmth};
use chrono::Utc;
use context::{AHEAD, Accounts, Library, Purpose, Wanted};
use contract::OrgId;
use futures_util::future::join_all;
use orgs::Live;
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::desk::{Desk, pause};
use store::Hot;

/// When somebody else loads it, their result is looked at after so long.
const ELSEWHERE: Duration = Duration::from_secs(2);
/// Nothing is warmed more often.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// The warmer of a process.
pub(crate) struct Warmer {
    pool: PgPool,
    orgs: Live,
    library: Library,
    woken: Notify,
}

impl Warmer {
    pub(crate) fn new(pool: PgPool, orgs: Live, library: Library) -> Self {
        Self { pool, orgs, library, woken: Notify::new() }
    }

    /// Something may have become due.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    async fn warm(&self, org: &OrgId, hot: &Hot) -> sqlx::Result<()> {
        let Some(directory) = self.orgs.directory() else { return hot.again(&self.pool, org, pause(0), 0).await };
        let wanted = directory.org(org).zip(Wanted::read(&hot.kind, &hot.parts, Utc::now()));
        let warmed = match &wanted {
            Some((live, wanted)) => self.library.warm(&Accounts::of(live), org, wanted, Purpose::Warming).await,
            None => None,
        };
        match warmed {
            // Nobody to ask, or no longer anything that we know.
            None => hot.forget(&self.pool, org).await,
            Some(Ok(warmed)) => hot.again(&self.pool, org, next(warmed), 0).await,
            Some(Err(error)) => {
                tracing::debug!(%org, kind = hot.kind, %error, "not warmed");
                hot.again(&self.pool, org, pause(hot.failures()), hot.failures() + 1).await
            }
        }
    }
}

impl Desk for Warmer {
    const NAME: &'static str = "warmer";

    fn woken(&self) -> &Notify {
        &self.woken
    }

    async fn due(&self, but: Vec<String>) -> sqlx::Result<Vec<String>> {
        store::forget_unwanted(&self.pool).await?;
        store::due(&self.pool, but).await
    }

    async fn work(&self, org: &OrgId) -> sqlx::Result<usize> {
        let hot = Hot::claim(&self.pool, org).await?;
        let warmed = join_all(hot.iter().map(|hot| self.warm(org, hot))).await;
        warmed.into_iter().collect::<sqlx::Result<Vec<()>>>().map(|warmed| warmed.len())
    }
}

/// When it is to be warmed again: as late as it will be loaded anew then.
fn next(Warmed { warmth, fresh_for }: Warmed) -> Duration {
    match warmth {
        Warmth::Elsewhere => ELSEWHERE,
        _ => fresh_for.saturating_sub(AHEAD).max(fresh_for / 2).max(EVERY_MIN),
    }
}
