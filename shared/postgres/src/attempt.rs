//! The attempt mark: an event that kills its process must not kill the next one for ever.
//!
//! Set before an event is handled alone, taken away after; what is still there tells of a death. Counts nothing else:
//! a failure that returns is no death.

use contract::EventKey;
use sqlx::PgPool;

/// Marks one more attempt and returns how many before it never came to an end.
///
/// # Errors
/// When the statement fails; then the event must not be handled.
pub async fn begin_attempt(pool: &PgPool, worker: &str, key: EventKey) -> sqlx::Result<i32> {
    let mark = sqlx::query_scalar::<_, i32>(
        "INSERT INTO offhook.attempts AS kept (worker, event_key, begun) VALUES ($1, $2, 1)
         ON CONFLICT (event_key, worker) DO UPDATE SET begun = kept.begun + 1, last_begun_at = now()
         RETURNING begun - 1",
    );
    mark.bind(worker).bind(key.as_uuid()).fetch_one(pool).await
}

/// Takes the mark away: the attempt came to an end, whichever.
///
/// # Errors
/// When the statement fails; then this attempt counts as a death.
pub async fn end_attempt(pool: &PgPool, worker: &str, key: EventKey) -> sqlx::Result<()> {
    let unmark = sqlx::query("DELETE FROM offhook.attempts WHERE worker = $1 AND event_key = $2");
    unmark.bind(worker).bind(key.as_uuid()).execute(pool).await.map(|_| ())
}
