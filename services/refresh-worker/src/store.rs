//! refresh-worker's SQL for what events leave behind: things wanted, things invalid, calls to be told.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use context::Wanted;
use contract::OrgId;
use sqlx::{PgPool, types::Json};

/// A call without a summary is told so long after its end: the analysis may have been switched off.
const SUMMARY_MAX: Duration = Duration::from_mins(10);
/// Of a call that was first heard of longer ago nothing is told: that it was told may be forgotten.
const CALL_AGE_MAX: Duration = Duration::from_hours(30 * 24);
/// What came to its end is kept for people to look up, and so that it is not told again.
const ENDED_KEPT: Duration = Duration::from_hours(37 * 24);
const _: () = assert!(ENDED_KEPT.as_secs() > CALL_AGE_MAX.as_secs());

/// A call's key within the database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallKey {
    pub(crate) org: String,
    pub(crate) source: String,
    pub(crate) call_id: String,
}

/// Org, kind and parts of a thing.
type HotKey = (String, &'static str, Vec<String>);

/// What a batch of events asks for, each once.
#[derive(Default)]
pub(crate) struct Notes {
    /// Things, and for how long they are wanted from now.
    pub(crate) wanted: BTreeMap<HotKey, Duration>,
    /// Tags: org, name and first part.
    pub(crate) bumped: BTreeSet<(String, String, String)>,
    /// Calls whose rows have changed.
    pub(crate) calls: BTreeSet<CallKey>,
    /// Calls that were refused, to be told once more.
    pub(crate) refused: BTreeSet<CallKey>,
}

impl Notes {
    /// Notes that something is wanted.
    pub(crate) fn want(&mut self, org: &OrgId, wanted: &Wanted, time: Duration) {
        let longest = self.wanted.entry((org.to_string(), wanted.kind(), wanted.parts())).or_default();
        *longest = time.max(*longest);
    }
}

/// Keeps all of it. In any order and repeated it comes to the same, so there is no transaction around it.
///
/// # Errors
/// The statement's; see `postgres::is_data_fault`.
pub(crate) async fn keep(pool: &PgPool, notes: &Notes) -> sqlx::Result<()> {
    if !notes.wanted.is_empty() {
        want(pool, &notes.wanted).await?;
    }
    for (org, tag, first) in &notes.bumped {
        bump(pool, org, tag, first).await?;
    }
    if !notes.calls.is_empty() {
        tell(pool, &notes.calls).await?;
    }
    for key in &notes.refused {
        tell_again(pool, key).await?;
    }
    Ok(())
}

/// Has these things warmed, at once if nobody has wanted them of late. A row is touched again only once half of its time is over.
pub(crate) async fn want(pool: &PgPool, wanted: &BTreeMap<HotKey, Duration>) -> sqlx::Result<()> {
    let (mut orgs, mut kinds, mut parts, mut seconds) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((org, kind, part), time) in wanted {
        orgs.push(org.as_str());
        kinds.push(*kind);
        parts.push(Json(part));
        seconds.push(time.as_secs_f64());
    }
    let want = sqlx::query(
        "INSERT INTO offhook.hot AS h (org, kind, parts, wanted_until, warm_at)
         SELECT org, kind, parts, now() + make_interval(secs => seconds), now()
         FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::float8[]) AS w (org, kind, parts, seconds)
         ORDER BY org, kind, parts
         ON CONFLICT (org, kind, parts) DO UPDATE SET wanted_until = excluded.wanted_until,
             warm_at = CASE WHEN h.wanted_until <= now() THEN now() ELSE h.warm_at END
         WHERE h.wanted_until < now() + (excluded.wanted_until - now()) / 2",
    );
    want.bind(orgs).bind(kinds).bind(parts).bind(seconds).execute(pool).await.map(|_| ())
}

/// Has what is wanted under a tag warmed now. Whoever is at it loads what is invalid by now, so the lease is taken away.
async fn bump(pool: &PgPool, org: &str, tag: &str, first: &str) -> sqlx::Result<()> {
    // In the same order as whoever wants several of them: else each could wait for the other.
    let bump = sqlx::query(
        "WITH invalid AS (
            SELECT org, kind, parts FROM offhook.hot
            WHERE org = $1 AND kind = ANY($2) AND parts ->> 0 = $3 AND wanted_until > now()
            ORDER BY org, kind, parts FOR UPDATE
         )
         UPDATE offhook.hot AS h SET warm_at = now(), lease = NULL, attempts = 0
         FROM invalid AS i WHERE (h.org, h.kind, h.parts) = (i.org, i.kind, i.parts)",
    );
    bump.bind(org).bind(Wanted::kinds_under(tag)).bind(first).execute(pool).await.map(|_| ())
}

/// Has calls told that are over and have something to tell: now with their summary, else when it should have come. What has
/// been begun or has failed before keeps its time. Not every source tells when a call ended.
async fn tell(pool: &PgPool, calls: &BTreeSet<CallKey>) -> sqlx::Result<()> {
    let of = |part: fn(&CallKey) -> &str| calls.iter().map(part).collect::<Vec<_>>();
    let tell = sqlx::query(
        "INSERT INTO offhook.memories AS m (org, source, call_id, due_at)
         SELECT k.org, k.source, k.call_id,
             CASE WHEN k.summary IS NULL THEN make_interval(secs => $4)
                + least(coalesce(k.ended_at, k.started_at + least(k.duration_ms, 86400000) * interval '1 ms'), now())
             ELSE now() END
         FROM offhook.calls AS k
         JOIN unnest($1::text[], $2::text[], $3::text[]) AS w (org, source, call_id) USING (org, source, call_id)
         WHERE k.contact_phone IS NOT NULL AND (k.ended_at IS NOT NULL OR k.status <> 'active') AND k.transcript <> ''
             AND k.first_received_at > now() - make_interval(secs => $5)
         ORDER BY k.org, k.source, k.call_id
         ON CONFLICT (org, source, call_id) DO UPDATE SET due_at = excluded.due_at
         WHERE m.state = 'due' AND m.messages IS NULL AND m.lease IS NULL AND m.attempts = 0 AND excluded.due_at < m.due_at",
    );
    let tell = tell.bind(of(|key| &key.org)).bind(of(|key| &key.source)).bind(of(|key| &key.call_id));
    let tell = tell.bind(SUMMARY_MAX.as_secs_f64()).bind(CALL_AGE_MAX.as_secs_f64());
    tell.execute(pool).await.map(|_| ())
}

/// Has the rest of a call told that was refused, to the vendor that refused it.
async fn tell_again(pool: &PgPool, key: &CallKey) -> sqlx::Result<()> {
    let again = sqlx::query(
        "UPDATE offhook.memories SET state = 'due', state_since = now(), due_at = now(), attempts = 0, updated_at = now()
         WHERE org = $1 AND source = $2 AND call_id = $3 AND state = 'refused'",
    );
    again.bind(&key.org).bind(&key.source).bind(&key.call_id).execute(pool).await.map(|_| ())
}

/// Deletes what came to its end long ago.
pub(crate) async fn retire(pool: &PgPool) -> sqlx::Result<u64> {
    let delete = || {
        let delete = sqlx::query(
            "DELETE FROM offhook.memories WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM offhook.memories
                WHERE state NOT IN ('due', 'adding', 'added') AND updated_at < now() - make_interval(secs => $1) LIMIT $2
                FOR UPDATE SKIP LOCKED))",
        );
        delete.bind(ENDED_KEPT.as_secs_f64()).bind(postgres::ROWS_MAX)
    };
    postgres::in_batches(pool, delete).await
}
