//! What is wanted whoever calls: every org's prompts, and the free slots of every branch with a calendar.
//!
//! Wanted anew while the org is there; what is not any more leaves by itself.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::Utc;
use context::Wanted;
use orgs::{Directory, Live};
use sqlx::PgPool;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use crate::store::{self, Notes};

/// How long something stays wanted without being wanted anew.
const WANTED: Duration = Duration::from_mins(5);
/// How often everything is wanted anew…
const RENEW_EVERY: Duration = Duration::from_mins(1);
/// …unless the orgs change: that is looked after so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Rows of one statement.
const ROWS_MAX: usize = 1_000;

/// Keeps it wanted until shutdown.
pub(crate) async fn stand(pool: &PgPool, orgs: &Live, shutdown: &CancellationToken) {
    let (mut looks, mut last) = (interval(LOOK_EVERY), None::<(Arc<Directory>, Instant)>);
    while shutdown.run_until_cancelled(looks.tick()).await.is_some() {
        let Some(directory) = orgs.directory() else { continue };
        let same =
            last.as_ref().is_some_and(|(known, at)| Arc::ptr_eq(known, &directory) && at.elapsed() < RENEW_EVERY);
        if same {
            continue;
        }
        match want(pool, &directory).await {
            Ok(()) => last = Some((directory, Instant::now())),
            Err(error) => tracing::warn!(%error, "prompts and slots are not wanted anew"),
        }
    }
}

async fn want(pool: &PgPool, directory: &Directory) -> sqlx::Result<()> {
    let (mut notes, now) = (Notes::default(), Utc::now());
    for live in directory.orgs() {
        for wanted in Wanted::always(live, now) {
            notes.want(&live.org.id, &wanted, WANTED);
        }
    }
    let mut all = notes.wanted.into_iter();
    loop {
        let some: BTreeMap<_, _> = all.by_ref().take(ROWS_MAX).collect();
        if some.is_empty() {
            return Ok(());
        }
        store::want(pool, &some).await?;
    }
}
