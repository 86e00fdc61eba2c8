//! What is due, who has it in hand, and how far it is pushed.
//!
//! Every statement that ends a push asks whether its claim still stands; none waits for a lock that a vendor holds up.

use std::time::Duration;

use serde::Deserialize;
use sqlx::{PgPool, types::Json};
use uuid::Uuid;

use super::{Account, note::OpenNote};
use crate::desired::Desired;

/// Accounts that one look finds.
const ACCOUNTS_MAX: i64 = 10_000;

/// A contact that this process has in hand.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Claimed {
    pub(super) org: String,
    pub(super) phone: String,
    pub(super) vendor: String,
    pub(super) claim: Uuid,
    /// The vendor's id, as last heard.
    pub(super) external_id: Option<String>,
    /// What is pushed; there may be a newer one by the end.
    pub(super) version: i64,
    pub(super) desired: Desired,
    /// Failures in a row before this push.
    pub(super) attempts: i32,
}

/// The accounts that have something due, the longest overdue first. Steps from account to account in the index, however
/// much is due at each.
pub(super) async fn accounts_due(pool: &PgPool) -> sqlx::Result<Vec<Account>> {
    let select = sqlx::query_as::<_, Account>(
        "WITH RECURSIVE accounts AS (
            (SELECT org, vendor FROM offhook.crm_contacts WHERE due_at IS NOT NULL ORDER BY org, vendor LIMIT 1)
            UNION ALL
            SELECT n.org, n.vendor FROM accounts AS a CROSS JOIN LATERAL (
                SELECT org, vendor FROM offhook.crm_contacts
                WHERE due_at IS NOT NULL AND (org, vendor) > (a.org, a.vendor) ORDER BY org, vendor LIMIT 1
            ) AS n
         )
         SELECT a.org, a.vendor FROM accounts AS a CROSS JOIN LATERAL (
            SELECT min(due_at) AS due_at FROM offhook.crm_contacts
            WHERE (org, vendor) = (a.org, a.vendor) AND due_at IS NOT NULL
         ) AS first
         WHERE first.due_at <= now() ORDER BY first.due_at LIMIT $1",
    );
    select.bind(ACCOUNTS_MAX).fetch_all(pool).await
}

/// How many contacts are due, by vendor.
pub(super) async fn count_due(pool: &PgPool) -> sqlx::Result<Vec<(String, i64)>> {
    let select = sqlx::query_as(
        "SELECT vendor, count(*) FILTER (WHERE due_at <= now()) FROM offhook.crm_contacts
         WHERE due_at IS NOT NULL GROUP BY vendor",
    );
    select.fetch_all(pool).await
}

/// Claims contacts of the account that are due, the longest overdue first. A claim that has ended is another's to take.
pub(super) async fn claim(pool: &PgPool, account: &Account, most: i64, lasts: Duration) -> sqlx::Result<Vec<Claimed>> {
    let update = sqlx::query_scalar::<_, Json<Claimed>>(
        "WITH due AS (
            SELECT org, phone, vendor FROM offhook.crm_contacts
            WHERE org = $1 AND vendor = $2 AND due_at <= now() ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
         )
         UPDATE offhook.crm_contacts AS c
         SET claim = gen_random_uuid(), due_at = now() + make_interval(secs => $4), updated_at = now()
         FROM due WHERE (c.org, c.phone, c.vendor) = (due.org, due.phone, due.vendor)
         RETURNING jsonb_build_object('org', c.org, 'phone', c.phone, 'vendor', c.vendor, 'claim', c.claim,
            'external_id', c.external_id,
            'version', c.version, 'desired', c.desired, 'attempts', c.attempts)",
    );
    let rows = update.bind(&account.0).bind(&account.1).bind(most).bind(lasts.as_secs_f64()).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|Json(row)| row).collect())
}

/// Keeps the vendor's id of the contact.
pub(super) async fn know(pool: &PgPool, claimed: &Claimed, external_id: &str) -> sqlx::Result<()> {
    let update = sqlx::query(
        "UPDATE offhook.crm_contacts SET external_id = $5 WHERE (org, phone, vendor) = ($1, $2, $3) AND claim = $4",
    );
    of(update, claimed).bind(external_id).execute(pool).await.map(|_| ())
}

/// The notes that are to be added to the contact, the oldest call first.
pub(super) async fn open_notes(pool: &PgPool, claimed: &Claimed, most: i64) -> sqlx::Result<Vec<OpenNote>> {
    let select = sqlx::query_scalar::<_, Json<OpenNote>>(
        "SELECT to_jsonb(o) FROM (SELECT n.source, n.call_id, n.state = 'adding' AS adding, k.summary, k.status, k.successful, k.in_voicemail,
            k.transferred, k.duration_ms, k.sentiment,
            coalesce(k.started_at, k.ended_at, n.created_at) AS at
         FROM offhook.crm_notes AS n
         LEFT JOIN offhook.calls AS k ON (k.org, k.source, k.call_id) = (n.org, n.source, n.call_id)
         WHERE (n.org, n.phone, n.vendor) = ($1, $2, $3) AND n.state IN ('wanted', 'adding')
         ORDER BY at, n.source, n.call_id LIMIT $4) AS o",
    );
    let select = select.bind(&claimed.org).bind(&claimed.phone).bind(&claimed.vendor).bind(most);
    Ok(select.fetch_all(pool).await?.into_iter().map(|Json(row)| row).collect())
}

/// Commits the intent to add a note; not if the claim has gone to somebody else, who then has it in hand.
pub(super) async fn begin_note(pool: &PgPool, claimed: &Claimed, note: &OpenNote) -> sqlx::Result<bool> {
    let update = sqlx::query(
        "UPDATE offhook.crm_notes SET state = 'adding', updated_at = now()
         WHERE (org, vendor, source, call_id) = ($1, $3, $4, $5) AND phone = $2 AND state IN ('wanted', 'adding') AND EXISTS (
            SELECT 1 FROM offhook.crm_contacts WHERE (org, phone, vendor) = ($1, $2, $3) AND claim = $6 AND due_at > now()
         )",
    );
    let update = update.bind(&claimed.org).bind(&claimed.phone).bind(&claimed.vendor);
    let done = update.bind(&note.source).bind(&note.call_id).bind(claimed.claim).execute(pool).await?;
    Ok(done.rows_affected() > 0)
}

/// The note is at the vendor.
pub(super) async fn end_note(pool: &PgPool, claimed: &Claimed, note: &OpenNote, id: &str) -> sqlx::Result<()> {
    let update = sqlx::query(
        "UPDATE offhook.crm_notes SET state = 'added', external_id = $5, updated_at = now()
         WHERE (org, vendor, source, call_id) = ($1, $2, $3, $4)",
    );
    let update = update.bind(&claimed.org).bind(&claimed.vendor).bind(&note.source).bind(&note.call_id).bind(id);
    update.execute(pool).await.map(|_| ())
}

/// The vendor does not want the note; it is asked again with the next push that somebody asks for. First says so of the
/// version, unless there is a newer one.
pub(super) async fn refuse_note(pool: &PgPool, claimed: &Claimed, note: &OpenNote, why: &str) -> sqlx::Result<()> {
    let update = sqlx::query(
        "UPDATE offhook.crm_contacts SET refused_version = $5, refused = $6, updated_at = now()
         WHERE (org, phone, vendor) = ($1, $2, $3) AND claim = $4 AND version = $5",
    );
    of(update, claimed).bind(claimed.version).bind(why).execute(pool).await?;
    let update = sqlx::query(
        "UPDATE offhook.crm_notes SET state = 'refused', updated_at = now()
         WHERE (org, vendor, source, call_id) = ($1, $2, $3, $4) AND state = 'adding'",
    );
    let update = update.bind(&claimed.org).bind(&claimed.vendor).bind(&note.source).bind(&note.call_id);
    update.execute(pool).await.map(|_| ())
}

/// The version is pushed; what is newer, or not noted yet, stays due. Whether the claim still stood.
pub(super) async fn finish(pool: &PgPool, claimed: &Claimed) -> sqlx::Result<bool> {
    let update = sqlx::query(
        "UPDATE offhook.crm_contacts AS c SET
            pushed_version = $5, attempts = 0, last_error = NULL, pushed_at = now(), updated_at = now(),
            claim = NULL,
            due_at = CASE WHEN c.version > $5 OR EXISTS (
                SELECT 1 FROM offhook.crm_notes AS n WHERE (n.org, n.phone, n.vendor) = ($1, $2, $3) AND n.state IN ('wanted', 'adding')
            ) THEN now() END
         WHERE (org, phone, vendor) = ($1, $2, $3) AND claim = $4",
    );
    let update = of(update, claimed).bind(claimed.version);
    Ok(update.execute(pool).await?.rows_affected() > 0)
}

/// Tries again after a while. Whether the claim still stood.
pub(super) async fn postpone(
    pool: &PgPool,
    claimed: &Claimed,
    pause: Duration,
    attempts: i32,
    why: Option<&str>,
    forget_id: bool,
) -> sqlx::Result<bool> {
    let update = sqlx::query(
        "UPDATE offhook.crm_contacts SET
            claim = NULL, due_at = now() + make_interval(secs => $5), attempts = $6,
            last_error = coalesce($7, last_error), external_id = CASE WHEN $8 THEN NULL ELSE external_id END,
            updated_at = now()
         WHERE (org, phone, vendor) = ($1, $2, $3) AND claim = $4",
    );
    let update = of(update, claimed).bind(pause.as_secs_f64()).bind(attempts).bind(why).bind(forget_id);
    Ok(update.execute(pool).await?.rows_affected() > 0)
}

/// Nothing is due any more at an account that its org does not name; what is under way elsewhere ends by itself. How many.
pub(super) async fn let_go(pool: &PgPool, account: &Account) -> sqlx::Result<u64> {
    let update = sqlx::query(
        "UPDATE offhook.crm_contacts SET due_at = NULL, claim = NULL, attempts = 0, updated_at = now()
         WHERE org = $1 AND vendor = $2 AND due_at <= now()",
    );
    Ok(update.bind(&account.0).bind(&account.1).execute(pool).await?.rows_affected())
}

/// The vendor does not want this version; a newer one stays due. Whether the claim still stood.
pub(super) async fn refuse(pool: &PgPool, claimed: &Claimed, why: &str) -> sqlx::Result<bool> {
    let update = sqlx::query(
        "UPDATE offhook.crm_contacts SET
            claim = NULL, attempts = 0, last_error = NULL, updated_at = now(),
            due_at = CASE WHEN version > $5 THEN now() END,
            refused_version = CASE WHEN version > $5 THEN NULL ELSE $5 END,
            refused = CASE WHEN version > $5 THEN NULL ELSE $6 END
         WHERE (org, phone, vendor) = ($1, $2, $3) AND claim = $4",
    );
    let update = of(update, claimed).bind(claimed.version).bind(why);
    Ok(update.execute(pool).await?.rows_affected() > 0)
}

/// Has the newest state pushed once more: an older one may have landed on it. Whoever has it in hand now finds a newer version
/// when they are done.
pub(super) async fn overtaken(pool: &PgPool, claimed: &Claimed) -> sqlx::Result<()> {
    let update = sqlx::query(
        "UPDATE offhook.crm_contacts SET
            version = version + 1, due_at = CASE WHEN claim IS NULL THEN now() ELSE due_at END,
            refused_version = NULL, refused = NULL, updated_at = now()
         WHERE (org, phone, vendor) = ($1, $2, $3)",
    );
    update.bind(&claimed.org).bind(&claimed.phone).bind(&claimed.vendor).execute(pool).await.map(|_| ())
}

type Query<'a> = sqlx::query::Query<'a, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// Binds the row's key and the claim, `$1` to `$4`.
fn of<'a>(query: Query<'a>, claimed: &'a Claimed) -> Query<'a> {
    query.bind(&claimed.org).bind(&claimed.phone).bind(&claimed.vendor).bind(claimed.claim)
}
