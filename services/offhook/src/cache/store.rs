//! The SQL of `offhook cache`: who was seen of late.

use sqlx::PgPool;

/// The numbers of an org's contacts with the latest calls, the latest first.
pub(super) async fn latest_callers(pool: &PgPool, org: &str, max: i64) -> sqlx::Result<Vec<String>> {
    let query = sqlx::query_scalar(
        "SELECT phone FROM offhook.contacts WHERE org = $1 AND last_call_at IS NOT NULL ORDER BY last_call_at DESC LIMIT $2",
    );
    query.bind(org).bind(max).fetch_all(pool).await
}
