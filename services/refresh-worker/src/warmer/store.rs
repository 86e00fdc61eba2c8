//! The warmer's SQL: rows of `hot`, claimed by lease.

use std::time::Duration;

use contract::OrgId;
use sqlx::{FromRow, PgPool, Row as _, postgres::PgRow, types::Json};
use uuid::Uuid;

use crate::desk::{LEASE, ORGS_MAX, ROWS_MAX};

/// Rows that are no longer wanted, deleted at once.
const UNWANTED_MAX: i64 = 1_000;

/// A thing to be warmed, while the lease is ours.
pub(crate) struct Hot {
    pub(crate) kind: String,
    pub(crate) parts: Vec<String>,
    attempts: i32,
    lease: Uuid,
}

/// Deletes what is due and no longer wanted. Waits for no lock: whoever wants it again at this moment holds others.
pub(crate) async fn forget_unwanted(pool: &PgPool) -> sqlx::Result<()> {
    let delete = sqlx::query(
        "DELETE FROM offhook.hot WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM offhook.hot WHERE warm_at <= now() AND wanted_until <= now() LIMIT $1 FOR UPDATE SKIP LOCKED))
         AND wanted_until <= now()",
    );
    delete.bind(UNWANTED_MAX).execute(pool).await.map(|_| ())
}

/// Orgs of which something is due, but for these, the longest overdue first.
pub(crate) async fn due(pool: &PgPool, but: Vec<String>) -> sqlx::Result<Vec<String>> {
    let due = sqlx::query_scalar(
        "SELECT org FROM offhook.hot WHERE warm_at <= now() AND wanted_until > now() AND org <> ALL($1)
         GROUP BY org ORDER BY min(warm_at) LIMIT $2",
    );
    due.bind(but).bind(ORGS_MAX as i64).fetch_all(pool).await
}

impl FromRow<'_, PgRow> for Hot {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let Json(parts) = row.try_get("parts")?;
        Ok(Self { kind: row.try_get("kind")?, parts, attempts: row.try_get("attempts")?, lease: row.try_get("lease")? })
    }
}

impl Hot {
    /// Takes some of what is due, the longest due first.
    pub(crate) async fn claim(pool: &PgPool, org: &OrgId) -> sqlx::Result<Vec<Self>> {
        let claim = sqlx::query_as(
            "UPDATE offhook.hot AS h SET lease = $2, warm_at = now() + make_interval(secs => $3)
             FROM (SELECT kind, parts FROM offhook.hot WHERE org = $1 AND warm_at <= now() AND wanted_until > now()
                   ORDER BY warm_at LIMIT $4 FOR UPDATE SKIP LOCKED) AS d
             WHERE h.org = $1 AND h.kind = d.kind AND h.parts = d.parts
             RETURNING h.kind, h.parts, h.attempts, h.lease",
        );
        let claim = claim.bind(org.as_str()).bind(Uuid::new_v4()).bind(LEASE.as_secs_f64()).bind(ROWS_MAX);
        claim.fetch_all(pool).await
    }

    /// Failures since it was last warmed.
    pub(crate) fn failures(&self) -> u32 {
        self.attempts.unsigned_abs()
    }

    /// Gives it back, to be warmed again after a while; unless it was invalidated meanwhile, then it is due already.
    pub(crate) async fn again(&self, pool: &PgPool, org: &OrgId, after: Duration, failures: u32) -> sqlx::Result<()> {
        let again = sqlx::query(
            "UPDATE offhook.hot SET lease = NULL, warm_at = now() + make_interval(secs => $5), attempts = $6
             WHERE org = $1 AND kind = $2 AND parts = $3 AND lease = $4",
        );
        let again = again.bind(org.as_str()).bind(&self.kind).bind(Json(&self.parts)).bind(self.lease);
        let failures = i32::try_from(failures).unwrap_or(i32::MAX);
        again.bind(after.as_secs_f64()).bind(failures).execute(pool).await.map(|_| ())
    }

    /// Nobody can warm it.
    pub(crate) async fn forget(&self, pool: &PgPool, org: &OrgId) -> sqlx::Result<()> {
        let forget = sqlx::query("DELETE FROM offhook.hot WHERE org = $1 AND kind = $2 AND parts = $3 AND lease = $4");
        let forget = forget.bind(org.as_str()).bind(&self.kind).bind(Json(&self.parts)).bind(self.lease);
        forget.execute(pool).await.map(|_| ())
    }
}
