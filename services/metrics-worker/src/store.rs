//! metrics-worker's SQL: replace what calls contribute, and add the difference to the sums.

use std::collections::BTreeSet;

use sqlx::{PgConnection, PgPool};

/// A call's key within the database: org, source, call id.
pub(crate) type CallKey = (String, String, String);

/// Counts the calls as their rows are now; all of them or none.
///
/// # Errors
/// The statement's; see `postgres::is_data_fault`.
pub(crate) async fn count(pool: &PgPool, calls: &BTreeSet<CallKey>) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    let keys = Keys::of(calls);
    lock(&mut tx, &keys).await?;
    recount(&mut tx, &keys).await?;
    tx.commit().await
}

struct Keys(Vec<String>, Vec<String>, Vec<String>);

impl Keys {
    fn of(calls: &BTreeSet<CallKey>) -> Self {
        let mut keys = Self(Vec::new(), Vec::new(), Vec::new());
        for (org, source, call_id) in calls {
            keys.0.push(org.clone());
            keys.1.push(source.clone());
            keys.2.push(call_id.clone());
        }
        keys
    }
}

/// Makes the contributions exist and locks them, in key order; whoever counts one of these calls meanwhile waits here, and
/// sees in its next statement what we have done.
async fn lock(tx: &mut PgConnection, keys: &Keys) -> sqlx::Result<()> {
    let create = sqlx::query(
        "INSERT INTO offhook.call_contributions (org, source, call_id)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING",
    );
    create.bind(&keys.0).bind(&keys.1).bind(&keys.2).execute(&mut *tx).await?;
    let lock = sqlx::query(
        "SELECT 1 FROM offhook.call_contributions
         WHERE (org, source, call_id) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
         ORDER BY org, source, call_id FOR UPDATE",
    );
    lock.bind(&keys.0).bind(&keys.1).bind(&keys.2).execute(tx).await.map(|_| ())
}

async fn recount(tx: &mut PgConnection, keys: &Keys) -> sqlx::Result<()> {
    let recount = sqlx::query(
        "WITH wanted AS (
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS w (org, source, call_id)
        ), after AS (
            SELECT f.* FROM offhook.call_figures AS f JOIN wanted USING (org, source, call_id)
        ), before AS (
            SELECT c.* FROM offhook.call_contributions AS c JOIN wanted USING (org, source, call_id) WHERE c.day IS NOT NULL
        ), replaced AS (
            UPDATE offhook.call_contributions AS c
            SET branch = a.branch, day = a.day, calls = a.calls, inbound = a.inbound, outbound = a.outbound,
                answered = a.answered, not_connected = a.not_connected, successful = a.successful,
                transfers = a.transfers, voicemails = a.voicemails, duration_ms = a.duration_ms, cost_cents = a.cost_cents
            FROM after AS a WHERE (c.org, c.source, c.call_id) = (a.org, a.source, a.call_id)
        ), changes AS (
            SELECT 1 AS sign, org, branch, day, calls, inbound, outbound, answered, not_connected, successful, transfers, voicemails,
                duration_ms, cost_cents FROM after
            UNION ALL
            SELECT -1, org, branch, day, calls, inbound, outbound, answered, not_connected, successful, transfers, voicemails,
                duration_ms, cost_cents FROM before
        )
        INSERT INTO offhook.daily_metrics AS m
            (org, branch, day, calls, inbound, outbound, answered, not_connected, successful, transfers, voicemails, duration_ms, cost_cents)
        SELECT org, branch, day, sum(sign * calls), sum(sign * inbound), sum(sign * outbound),
            sum(sign * answered), sum(sign * not_connected), sum(sign * successful), sum(sign * transfers),
            sum(sign * voicemails), sum(sign * duration_ms), sum(sign * cost_cents)
        FROM changes GROUP BY org, branch, day ORDER BY org, branch, day
        ON CONFLICT (org, branch, day) DO UPDATE SET
            calls = m.calls + excluded.calls, inbound = m.inbound + excluded.inbound, outbound = m.outbound + excluded.outbound,
            answered = m.answered + excluded.answered, not_connected = m.not_connected + excluded.not_connected,
            successful = m.successful + excluded.successful, transfers = m.transfers + excluded.transfers,
            voicemails = m.voicemails + excluded.voicemails, duration_ms = m.duration_ms + excluded.duration_ms,
            cost_cents = m.cost_cents + excluded.cost_cents, updated_at = now()",
    );
    recount.bind(&keys.0).bind(&keys.1).bind(&keys.2).execute(tx).await.map(|_| ())
}
