//! The inbox: which events a worker has applied, claimed in the transaction that applies them.

use std::collections::HashSet;

use contract::EventKey;
use sqlx::PgConnection;
use uuid::Uuid;

/// Claims `keys` for the projection `version` of `worker` and returns those that nobody had claimed before. The claim
/// stands only if the transaction commits; a concurrent claim of the same key waits for it.
///
/// # Errors
/// When the statement fails.
pub async fn claim(
    tx: &mut PgConnection,
    worker: &str,
    version: i16,
    keys: &[EventKey],
) -> sqlx::Result<HashSet<EventKey>> {
    // One order for all: two workers that claim overlapping batches wait for each other, but never in a circle.
    let mut sorted: Vec<Uuid> = keys.iter().map(|key| key.as_uuid()).collect();
    sorted.sort_unstable();
    let claimed: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO offhook.inbox (worker, version, event_key)
         SELECT $1, $2, key FROM unnest($3::uuid[]) AS key
         ON CONFLICT DO NOTHING
         RETURNING event_key",
    )
    .bind(worker)
    .bind(version)
    .bind(sorted)
    .fetch_all(tx)
    .await?;
    Ok(claimed.into_iter().map(EventKey::from).collect())
}
