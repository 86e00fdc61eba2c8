//! invalidate-worker's SQL: note what is asked, claim what is due, note what is done.

use std::collections::BTreeMap;

use cache::{OrgTag, Tag};
use context::tags;
use contract::{OrgId, PhoneNumber};
use sqlx::{AssertSqlSafe, PgPool, Row as _, types::Json};

/// Tags that one round takes.
pub(crate) const ROUND_MAX: usize = 500;
/// What is claimed and not done is due again after so long, in seconds: more than a bump and its event take.
const CLAIM_S: f64 = 1.0;
/// From the first to the second time, in seconds.
const AGAIN_S: f64 = 4.0;

/// A tag to be invalidated now.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) org: OrgId,
    pub(crate) tag: Tag,
    /// Which asking this answers; a later one is another.
    pub(crate) asked: i64,
    /// How often it still has to be done, this time included.
    pub(crate) bumps_due: i16,
    /// Whether it is done this time, and only has to be told.
    pub(crate) bumped: bool,
}

/// A contact at a CRM: org, vendor, the vendor's id.
pub(crate) type CrmContact = (String, String, String);

impl Due {
    pub(crate) fn tag(&self) -> OrgTag {
        self.tag.of(&self.org)
    }
}

/// The people who are known by these ids at their org's CRM.
///
/// # Errors
/// The statement's.
pub(crate) async fn people(pool: &PgPool, known: &[CrmContact]) -> sqlx::Result<Vec<(OrgId, PhoneNumber)>> {
    let column = |of: fn(&CrmContact) -> &String| known.iter().map(|contact| of(contact).clone()).collect::<Vec<_>>();
    let select = sqlx::query_as::<_, (String, String)>(
        "SELECT c.org, c.phone FROM offhook.crm_contacts AS c
         JOIN (SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[])) AS k (org, vendor, external_id)
            USING (org, vendor, external_id)",
    );
    let select = select.bind(column(|(org, ..)| org)).bind(column(|(_, vendor, _)| vendor)).bind(column(|(.., id)| id));
    let rows = select.fetch_all(pool).await?;
    Ok(rows.into_iter().filter_map(|(org, phone)| Some((org.parse().ok()?, phone.parse().ok()?))).collect())
}

/// Notes that these have to be invalidated, so often each, from now on; all of them or none.
///
/// # Errors
/// The statement's; see `postgres::is_data_fault`.
pub(crate) async fn note(pool: &PgPool, wanted: &BTreeMap<(OrgId, Tag), i16>) -> sqlx::Result<()> {
    let parts: Vec<Json<Vec<&str>>> = wanted.keys().map(|(_, tag)| Json(tag.parts().collect())).collect();
    // In key order, as every statement that waits for rows here.
    let note = sqlx::query(
        "INSERT INTO offhook.invalidations AS i (org, tag, parts, bumps_due, due_at)
         SELECT org, tag, parts, bumps, now()
         FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::smallint[]) AS w (org, tag, parts, bumps)
         ORDER BY org, tag, parts
         ON CONFLICT (org, tag, parts) DO UPDATE SET
            asked = nextval('offhook.invalidations_asked'), asked_at = now(), due_at = now(), bumped = false,
            bumps_due = greatest(i.bumps_due, excluded.bumps_due)",
    );
    note.bind(wanted.keys().map(|(org, _)| org.to_string()).collect::<Vec<_>>())
        .bind(wanted.keys().map(|(_, tag)| tag.name()).collect::<Vec<_>>())
        .bind(parts)
        .bind(wanted.values().copied().collect::<Vec<_>>())
        .execute(pool)
        .await
        .map(|_| ())
}

/// Takes what is due, at most [`ROUND_MAX`], the longest due first; nobody else takes it for a while.
///
/// # Errors
/// The statement's.
pub(crate) async fn claim(pool: &PgPool) -> sqlx::Result<Vec<Due>> {
    let claim = sqlx::query(
        "UPDATE offhook.invalidations AS i SET due_at = now() + make_interval(secs => $2)
         FROM (SELECT org, tag, parts FROM offhook.invalidations WHERE due_at <= now()
               ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS d
         WHERE (i.org, i.tag, i.parts) = (d.org, d.tag, d.parts)
         RETURNING i.org, i.tag, i.parts, i.asked, i.bumps_due, i.bumped",
    );
    let rows = claim.bind(ROUND_MAX as i64).bind(CLAIM_S).fetch_all(pool).await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        let (org, name): (String, String) = (row.try_get("org")?, row.try_get("tag")?);
        let Json(parts): Json<Vec<String>> = row.try_get("parts")?;
        match (org.parse(), tags::written(&name, &parts)) {
            (Ok(org), Some(tag)) => due.push(Due {
                org,
                tag,
                asked: row.try_get("asked")?,
                bumps_due: row.try_get("bumps_due")?,
                bumped: row.try_get("bumped")?,
            }),
            // A newer version's; it is left to a newer worker.
            _ => tracing::warn!(org, tag = name, "not a tag that this version knows"),
        }
    }
    Ok(due)
}

/// Notes that these are bumped, and have still to be told; but for those that were asked for again meanwhile.
///
/// # Errors
/// The statement's; then they are bumped again.
pub(crate) async fn bumped(pool: &PgPool, bumped: &[Due]) -> sqlx::Result<()> {
    advance(pool, bumped, "bumped = true, bumped_at = now()").await
}

/// Notes that these are done, but for those that were asked for again meanwhile. What a vendor tells is due once more, later.
///
/// # Errors
/// The statement's; then they are told again.
pub(crate) async fn done(pool: &PgPool, done: &[Due]) -> sqlx::Result<()> {
    let once_more = format!(
        "bumped = false, bumps_due = i.bumps_due - 1,
         due_at = CASE WHEN i.bumps_due > 1 THEN now() + make_interval(secs => {AGAIN_S}) END"
    );
    advance(pool, done, &once_more).await
}

/// Sets these columns of the rows that still stand as they were claimed.
async fn advance(pool: &PgPool, rows: &[Due], set: &str) -> sqlx::Result<()> {
    let update = format!(
        "WITH locked AS (
            SELECT i.org, i.tag, i.parts FROM offhook.invalidations AS i
            JOIN unnest($1::bigint[], $2::smallint[]) AS d (asked, bumps_due) USING (asked, bumps_due)
            ORDER BY i.org, i.tag, i.parts FOR UPDATE OF i
         )
         UPDATE offhook.invalidations AS i SET {set} FROM locked AS l
         WHERE (i.org, i.tag, i.parts) = (l.org, l.tag, l.parts) AND i.asked = ANY ($1)"
    );
    let update = sqlx::query(AssertSqlSafe(update));
    update
        .bind(rows.iter().map(|due| due.asked).collect::<Vec<_>>())
        .bind(rows.iter().map(|due| due.bumps_due).collect::<Vec<_>>())
        .execute(pool)
        .await
        .map(|_| ())
}

/// Deletes what has been done for a day; returns how many.
///
/// # Errors
/// The statement's; what was deleted stays deleted.
pub(crate) async fn retire(pool: &PgPool) -> sqlx::Result<u64> {
    let delete = || {
        let delete = sqlx::query(
            "DELETE FROM offhook.invalidations WHERE asked = ANY (ARRAY(
                SELECT asked FROM offhook.invalidations
                WHERE due_at IS NULL AND asked_at < now() - interval '1 day' LIMIT $1 FOR UPDATE SKIP LOCKED))",
        );
        delete.bind(postgres::ROWS_MAX)
    };
    postgres::in_batches(pool, delete).await
}
