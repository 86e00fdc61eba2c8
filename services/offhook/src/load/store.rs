//! The SQL of a load's verdict: reads only, what the workers' tables hold of the calls that were sent.

use std::collections::{BTreeSet, HashMap};

use chrono::TimeDelta;
use sqlx::PgPool;

use super::verdict::Expected;

/// What is in Postgres of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Acknowledged events that are not archived.
    pub(super) missing: usize,
    /// Events that are archived more than once.
    pub(super) doubled: usize,
    /// Whether the row tells how the call ended.
    pub(super) complete: bool,
}

/// What is there of each of these calls, in their order.
pub(super) async fn look(pool: &PgPool, calls: &[&Expected]) -> sqlx::Result<Vec<Found>> {
    let (orgs, ids): (Vec<&str>, Vec<&str>) =
        calls.iter().map(|call| (call.org.as_str(), call.call_id.as_str())).unzip();
    let archived = sqlx::query_as::<_, (String, String, i64)>(
        "SELECT subject, event_id, count(*) FROM offhook.events
         WHERE (org, subject) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND source = 'retell'
         GROUP BY org, subject, event_id",
    );
    let mut events: HashMap<String, HashMap<String, i64>> = HashMap::new();
    for (call_id, event_id, count) in archived.bind(&orgs).bind(&ids).fetch_all(pool).await? {
        events.entry(call_id).or_default().insert(event_id, count);
    }
    let ended = sqlx::query_as::<_, (String, i64)>(
        "SELECT call_id, duration_ms FROM offhook.calls
         WHERE (org, source, call_id) IN (SELECT org, 'retell', id FROM unnest($1::text[], $2::text[]) AS w (org, id))
            AND status = 'ended' AND summary IS NOT NULL AND duration_ms IS NOT NULL",
    );
    let ended: HashMap<String, i64> = ended.bind(orgs).bind(ids).fetch_all(pool).await?.into_iter().collect();
    let none = HashMap::new();
    let found = calls.iter().map(|call| {
        let archived = events.get(&call.call_id).unwrap_or(&none);
        Found {
            missing: call.events.iter().filter(|id| !archived.contains_key(*id)).count(),
            doubled: archived.values().filter(|count| **count > 1).count(),
            complete: ended.get(&call.call_id) == Some(&call.duration_ms),
        }
    });
    Ok(found.collect())
}

/// How many of these contacts, by org and phone, count more calls than there are.
pub(super) async fn overcounted(pool: &PgPool, callers: &[(&str, &str)]) -> sqlx::Result<usize> {
    let (orgs, phones): (Vec<&str>, Vec<&str>) = callers.iter().copied().unzip();
    let over = sqlx::query_scalar::<_, i64>(
        "SELECT count(*) FROM offhook.contacts AS c
         WHERE (org, phone) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            AND total_calls > (SELECT count(*) FROM offhook.calls AS k WHERE k.org = c.org AND k.contact_phone = c.phone)",
    );
    over.bind(orgs).bind(phones).fetch_one(pool).await.map(|count| usize::try_from(count).unwrap_or_default())
}

/// How many daily figures of these calls' days are above, and below, what counting the calls anew gives.
pub(super) async fn figures(pool: &PgPool, all: &[Expected]) -> sqlx::Result<(usize, usize)> {
    let orgs: BTreeSet<&str> = all.iter().map(|call| call.org.as_str()).collect();
    // In the zone of its branch the first call's day may be the one before.
    let since = all.iter().map(|call| call.started_at).min().unwrap_or_default() - TimeDelta::days(1);
    let compare = sqlx::query_as::<_, (i64, i64)>(
        "WITH recount AS (
            SELECT org, branch, day, jsonb_build_object(
                'calls', sum(calls), 'inbound', sum(inbound), 'outbound', sum(outbound), 'answered', sum(answered),
                'not_connected', sum(not_connected), 'successful', sum(successful), 'transfers', sum(transfers),
                'voicemails', sum(voicemails), 'duration_ms', sum(duration_ms), 'cost_cents', sum(cost_cents)) AS figures
            FROM offhook.call_figures WHERE org = ANY($1) AND day >= $2 GROUP BY org, branch, day
         ), kept AS (
            SELECT org, branch, day, to_jsonb(m) - ARRAY['org', 'branch', 'day', 'updated_at'] AS figures
            FROM offhook.daily_metrics AS m WHERE org = ANY($1) AND day >= $2
         ), compared AS (
            SELECT coalesce((k.figures ->> name)::numeric, 0) AS kept, coalesce((r.figures ->> name)::numeric, 0) AS recounted
            FROM recount AS r FULL JOIN kept AS k USING (org, branch, day)
            CROSS JOIN LATERAL jsonb_object_keys(coalesce(r.figures, k.figures)) AS name
         )
         SELECT count(*) FILTER (WHERE kept > recounted), count(*) FILTER (WHERE kept < recounted) FROM compared",
    );
    let orgs: Vec<&str> = orgs.into_iter().collect();
    let (above, below) = compare.bind(orgs).bind(since.date_naive()).fetch_one(pool).await?;
    Ok((usize::try_from(above).unwrap_or_default(), usize::try_from(below).unwrap_or_default()))
}
