//! Working off what is due: bump, say so, take note. What fails stays due.
//!
//! Two processes take different rows; one that dies leaves its rows to be due again.

use std::time::Duration;

use bus::Bus;
use bytes::Bytes;
use chrono::Utc;
use contract::{Envelope, EventType, Source};
use futures_util::future::join_all;
use metrics::gauge;
use serde_json::json;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    handle::InvalidateWorker,
    store::{self, Due},
};

/// Between two looks for what has become due by time alone.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl InvalidateWorker {
    /// Works off what is due until `shutdown`: at once after each note, and when time has made something due.
    pub(crate) async fn keep_bumping(&self, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            let worked_off = self.round().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "what has to be invalidated can't be read or noted; it stays due");
                false
            });
            // A full round may have left something; a failed one waits, whoever calls.
            if worked_off {
                continue;
            }
            let looks = timeout(LOOK_EVERY, self.noted.notified());
            shutdown.run_until_cancelled(looks).await;
        }
    }

    /// One round; whether it was a full one and came to its end.
    async fn round(&self) -> sqlx::Result<bool> {
        let due = store::claim(&self.pool).await?;
        gauge!("offhook_invalidations_due").set(due.len() as f64);
        if due.is_empty() {
            return Ok(false);
        }
        // What is bumped and could not be told is not bumped again: a broker that is away would else empty the caches.
        let to_bump: Vec<Due> = due.iter().filter(|due| !due.bumped).cloned().collect();
        if !to_bump.is_empty() {
            if let Err(error) = self.cache.bump(to_bump.iter().map(Due::tag)).await {
                tracing::info!(tags = to_bump.len(), %error, "tried again in a moment");
                return Ok(false);
            }
            store::bumped(&self.pool, &to_bump).await?;
        }
        let told = join_all(due.iter().map(|due| tell(&self.bus, due))).await;
        let full = due.len() == store::ROUND_MAX;
        let done: Vec<Due> = due.into_iter().zip(told).filter_map(|(due, told)| told.then_some(due)).collect();
        store::done(&self.pool, &done).await?;
        Ok(full)
    }
}

/// Publishes that nothing older than now is told; a repetition has the key of the first.
async fn tell(bus: &Bus, due: &Due) -> bool {
    let now = Utc::now();
    let envelope = Envelope {
        org: due.org.clone(),
        source: Source::INVALIDATE_WORKER,
        channel: String::new(),
        id: format!("{}:{}:{}", EventType::CacheBumped, due.asked, due.bumps_due),
        kind: EventType::CacheBumped,
        subject: None,
        time: now,
        received_at: now,
        content_type: "application/json".to_owned(),
        fault: None,
    };
    let body = Bytes::from(json!({ "tag": due.tag.name(), "parts": due.tag.parts().collect::<Vec<_>>() }).to_string());
    let published = bus.publish(&envelope, body).await;
    published.inspect_err(|error| tracing::warn!(%error, "an invalidation is not told yet")).is_ok()
}
