//! Deleting what is old enough, a batch at a time, so that no statement is long and no lock is wide.

use std::time::Duration;

use sqlx::{PgPool, Postgres, postgres::PgArguments, query::Query};

/// Rows deleted by one statement; what [`in_batches`] is given must keep to it.
pub const ROWS_MAX: i64 = 5_000;
/// Between two statements, so that live work comes first.
const PAUSE: Duration = Duration::from_millis(50);

/// A delete that can be made again and again.
type Delete<'q> = Query<'q, Postgres, PgArguments>;

/// Deletes this worker's inbox rows that are older than `age`; returns how many.
///
/// # Errors
/// When a statement fails; what was deleted stays deleted.
pub async fn retire_inbox(pool: &PgPool, worker: &'static str, age: Duration) -> sqlx::Result<u64> {
    let delete = || {
        let delete = sqlx::query(
            "DELETE FROM offhook.inbox WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM offhook.inbox WHERE worker = $1 AND claimed_at < now() - make_interval(secs => $2) LIMIT $3))",
        );
        delete.bind(worker).bind(age.as_secs_f64()).bind(ROWS_MAX)
    };
    in_batches(pool, delete).await
}

/// Repeats a delete of at most [`ROWS_MAX`] rows until it finds fewer; returns how many it found in all.
///
/// # Errors
/// When a statement fails; what was deleted stays deleted.
pub async fn in_batches<'q>(pool: &PgPool, delete: impl Fn() -> Delete<'q> + Send) -> sqlx::Result<u64> {
    let mut deleted = 0;
    loop {
        let rows = delete().execute(pool).await?.rows_affected();
        deleted += rows;
        if rows < ROWS_MAX.unsigned_abs() {
            return Ok(deleted);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
