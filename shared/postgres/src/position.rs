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
