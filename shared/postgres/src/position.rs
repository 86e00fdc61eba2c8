//! Where a worker has to start again if the broker forgets its consumer.

use contract::Timestamp;
use sqlx::PgPool;

/// The moment before which everything published is finished; `None` for a worker that never ran.
///
/// # Errors
/// When the statement fails.
pub async fn position(pool: &PgPool, worker: &str) -> sqlx::Result<Option<Timestamp>> {
    sqlx::query_scalar("SELECT finished_before FROM offhook.positions WHERE worker = $1")
        .bind(worker)
        .fetch_optional(pool)
        .await
}

/// Whether the database takes this worker's writes: a read-only standby, a full disk and a missing schema answer a
/// `SELECT 1` as well as a sound one.
///
/// # Errors
/// When it does not.
pub async fn store_ready(pool: &PgPool, worker: &str) -> sqlx::Result<()> {
    let probe = sqlx::query(
        "INSERT INTO offhook.positions (worker, probed_at) VALUES ($1, now())
         ON CONFLICT (worker) DO UPDATE SET probed_at = excluded.probed_at",
    );
    probe.bind(worker).execute(pool).await.map(|_| ())
}

/// Keeps the position; the later one wins, since what was finished stays finished.
///
/// # Errors
/// When the statement fails.
pub async fn keep_position(pool: &PgPool, worker: &str, at: Timestamp) -> sqlx::Result<()> {
    let kept = sqlx::query(
        "INSERT INTO offhook.positions AS kept (worker, finished_before) VALUES ($1, $2)
         ON CONFLICT (worker) DO UPDATE SET finished_before = greatest(kept.finished_before, excluded.finished_before)",
    );
    kept.bind(worker).bind(at).execute(pool).await.map(|_| ())
}
