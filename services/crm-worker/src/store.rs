//! What is desired, in rows: locked in key order, compared in Rust, written where it differs.
//!
//! Knows no vendor. How far the rows are pushed is the pusher's to write, in its own store.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgConnection, PgPool, types::Json};

use crate::{
    desired::{Desired, LastCall},
    handle::Asked,
};

/// A row's key: org, phone, vendor.
pub(crate) type Key = (String, String, String);

/// From a change to its push, in seconds: what comes meanwhile is pushed with it.
const PAUSE_S: f64 = 1.0;
/// A call is noted if its row is younger than this, in days. An org that is new to its CRM has no use for years of notes.
const NOTED_DAYS: i32 = 30;
/// A note that is added or refused is forgotten when its row is older than this, in days.
const NOTES_DAYS: i32 = 37;
const _: () = assert!(NOTES_DAYS > NOTED_DAYS, "a call whose note is forgotten would be noted again");

/// A row as it is found.
struct Found {
    desired: Desired,
    refused_version: Option<i64>,
}

/// A row as it is to be.
struct Change<'a> {
    key: &'a Key,
    desired: Desired,
    /// It is another version, to be pushed.
    news: bool,
    /// Somebody asked for it: it waits for nothing.
    now: bool,
}

/// Brings the rows of these contacts up to date with `contacts` and `calls`; all of them or none.
///
/// # Errors
/// The statement's; see `postgres::is_data_fault`.
pub(crate) async fn desire(pool: &PgPool, asked: &Asked) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    let keys = Keys::of(&asked.keys);
    create(&mut tx, &keys).await?;
    let found = lock(&mut tx, &keys).await?;
    let mut desired = read(&mut tx, &keys).await?;
    let noted = want_notes(&mut tx, &keys).await?;
    let reopened = want_refused_notes(&mut tx, &Keys::of(asked.again.keys())).await?;
    let changes = found.iter().filter_map(|(key, found)| {
        let desired = desired.remove(key).unwrap_or_default();
        let again = asked.again.get(key).is_some_and(|version| found.refused_version == Some(*version));
        let again = again || reopened.contains(key);
        let news = again || noted.contains(key) || desired.is_news_after(&found.desired);
        (news || desired != found.desired).then_some(Change { key, desired, news, now: again })
    });
    let changes: Vec<Change<'_>> = changes.collect();
    if !changes.is_empty() {
        write(&mut tx, &changes).await?;
    }
    tx.commit().await
}

struct Keys(Vec<String>, Vec<String>, Vec<String>);

impl Keys {
    fn of<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Self {
        let mut columns = Self(Vec::new(), Vec::new(), Vec::new());
        for (org, phone, vendor) in keys {
            columns.0.push(org.clone());
            columns.1.push(phone.clone());
            columns.2.push(vendor.clone());
        }
        columns
    }
}

/// A row for each contact that ever called: one that only changes at its CRM has nothing to be told there.
async fn create(tx: &mut PgConnection, keys: &Keys) -> sqlx::Result<()> {
    let create = sqlx::query(
        "INSERT INTO offhook.crm_contacts (org, phone, vendor)
         SELECT w.org, w.phone, w.vendor FROM unnest($1::text[], $2::text[], $3::text[]) AS w (org, phone, vendor)
         WHERE EXISTS (SELECT 1 FROM offhook.calls AS k WHERE k.org = w.org AND k.contact_phone = w.phone)
         ON CONFLICT DO NOTHING",
    );
    create.bind(&keys.0).bind(&keys.1).bind(&keys.2).execute(tx).await.map(|_| ())
}

/// Whoever has one of these contacts in hand meanwhile waits here, and reads in its next statement what we have read.
async fn lock(tx: &mut PgConnection, keys: &Keys) -> sqlx::Result<BTreeMap<Key, Found>> {
    type Row = (String, String, String, Json<Desired>, Option<i64>);
    let lock = sqlx::query_as::<_, Row>(
        "SELECT org, phone, vendor, desired, refused_version FROM offhook.crm_contacts
         WHERE (org, phone, vendor) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
         ORDER BY org, phone, vendor FOR UPDATE",
    );
    let rows = lock.bind(&keys.0).bind(&keys.1).bind(&keys.2).fetch_all(tx).await?;
    let found = |(org, phone, vendor, Json(desired), refused_version): Row| {
        ((org, phone, vendor), Found { desired, refused_version })
    };
    Ok(rows.into_iter().map(found).collect())
}

/// What our tables say of the contacts now.
async fn read(tx: &mut PgConnection, keys: &Keys) -> sqlx::Result<BTreeMap<Key, Desired>> {
    #[derive(Deserialize)]
    struct Row {
        org: String,
        phone: String,
        vendor: String,
        name: Option<String>,
        email: Option<String>,
        source: Option<String>,
        call_id: Option<String>,
        at: Option<DateTime<Utc>>,
    }
    let select = sqlx::query_scalar::<_, Json<Row>>(
        "SELECT jsonb_build_object('org', w.org, 'phone', w.phone, 'vendor', w.vendor, 'name', c.name, 'email', c.email,
            'source', k.source, 'call_id', k.call_id, 'at', k.at)
         FROM unnest($1::text[], $2::text[], $3::text[]) AS w (org, phone, vendor)
         LEFT JOIN offhook.contacts AS c ON (c.org, c.phone) = (w.org, w.phone)
         LEFT JOIN LATERAL (
            SELECT source, call_id, coalesce(started_at, ended_at, first_received_at) AS at FROM offhook.calls
            WHERE org = w.org AND contact_phone = w.phone ORDER BY at DESC, source, call_id LIMIT 1
         ) AS k ON true",
    );
    let rows = select.bind(&keys.0).bind(&keys.1).bind(&keys.2).fetch_all(tx).await?;
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let desired = |Json(row): Json<Row>| {
        let last_call = row.source.zip(row.call_id).zip(row.at);
        let last_call = last_call.map(|((source, call_id), at)| LastCall { source, call_id, at });
        let desired = Desired { name: filled(row.name), email: filled(row.email), last_call };
        ((row.org, row.phone, row.vendor), desired)
    };
    Ok(rows.into_iter().map(desired).collect())
}

/// Wants a note for each call that has a summary and none yet; whose contacts these are. A note that nobody has begun to
/// add moves with its call to another contact.
async fn want_notes(tx: &mut PgConnection, keys: &Keys) -> sqlx::Result<BTreeSet<Key>> {
    let insert = sqlx::query_as::<_, Key>(
        "INSERT INTO offhook.crm_notes AS n (org, vendor, source, call_id, phone)
         SELECT w.org, w.vendor, k.source, k.call_id, w.phone
         FROM unnest($1::text[], $2::text[], $3::text[]) AS w (org, phone, vendor)
         JOIN offhook.calls AS k ON k.org = w.org AND k.contact_phone = w.phone
         WHERE btrim(k.summary) <> '' AND k.created_at > now() - make_interval(days => $4)
         ORDER BY w.org, w.vendor, k.source, k.call_id
         ON CONFLICT (org, vendor, source, call_id) DO UPDATE SET phone = excluded.phone, updated_at = now()
         WHERE n.state = 'wanted' AND n.phone <> excluded.phone
         RETURNING org, phone, vendor",
    );
    let rows = insert.bind(&keys.0).bind(&keys.1).bind(&keys.2).bind(NOTED_DAYS).fetch_all(tx).await?;
    Ok(rows.into_iter().collect())
}

/// Wants the notes again that the vendor has refused; whose contacts these are.
async fn want_refused_notes(tx: &mut PgConnection, keys: &Keys) -> sqlx::Result<BTreeSet<Key>> {
    if keys.0.is_empty() {
        return Ok(BTreeSet::new());
    }
    let update = sqlx::query_as::<_, Key>(
        "UPDATE offhook.crm_notes SET state = 'wanted', updated_at = now()
         WHERE state = 'refused' AND (org, phone, vendor) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
         RETURNING org, phone, vendor",
    );
    let rows = update.bind(&keys.0).bind(&keys.1).bind(&keys.2).fetch_all(tx).await?;
    Ok(rows.into_iter().collect())
}

/// Forgets the notes that are added or refused and whose calls are too old to be noted again; how many.
///
/// # Errors
/// The statement's; what was deleted stays deleted.
pub async fn retire_notes(pool: &PgPool) -> sqlx::Result<u64> {
    let delete = || {
        let delete = sqlx::query(
            "DELETE FROM offhook.crm_notes WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM offhook.crm_notes
                WHERE state IN ('added', 'refused') AND updated_at < now() - make_interval(days => $1)
                LIMIT $2 FOR UPDATE SKIP LOCKED))",
        );
        delete.bind(NOTES_DAYS).bind(postgres::ROWS_MAX)
    };
    postgres::in_batches(pool, delete).await
}

/// Writes the rows. Under a claim, and after a failure, the next push has its time already.
async fn write(tx: &mut PgConnection, changes: &[Change<'_>]) -> sqlx::Result<()> {
    let keys = Keys::of(changes.iter().map(|change| change.key));
    let desired: Vec<Json<&Desired>> = changes.iter().map(|change| Json(&change.desired)).collect();
    let news: Vec<bool> = changes.iter().map(|change| change.news).collect();
    let now: Vec<bool> = changes.iter().map(|change| change.now).collect();
    let update = sqlx::query(
        "UPDATE offhook.crm_contacts AS c SET
            desired = n.desired, updated_at = now(), version = c.version + n.news::int,
            refused_version = CASE WHEN n.news THEN NULL ELSE c.refused_version END,
            refused = CASE WHEN n.news THEN NULL ELSE c.refused END,
            due_at = CASE
                WHEN NOT n.news OR c.claim IS NOT NULL THEN c.due_at
                WHEN n.now THEN now()
                WHEN c.attempts > 0 THEN coalesce(c.due_at, now())
                ELSE least(c.due_at, now() + make_interval(secs => $7)) END
         FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::bool[], $6::bool[])
            AS n (org, phone, vendor, desired, news, now)
         WHERE (c.org, c.phone, c.vendor) = (n.org, n.phone, n.vendor)",
    );
    let update = update.bind(&keys.0).bind(&keys.1).bind(&keys.2).bind(desired).bind(news).bind(now);
    update.bind(PAUSE_S).execute(tx).await.map(|_| ())
}

/// How the contacts of one org stand at one vendor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Whose contacts.
    pub org: String,
    /// Where.
    pub vendor: String,
    /// Contacts that are wanted there.
    pub contacts: i64,
    /// Of those, how many have something to be pushed.
    pub pending: i64,
    /// Of the pending, how many have failed since their last success.
    pub failing: i64,
    /// Whose newest version the vendor refuses.
    pub refused: i64,
    /// Notes that are still to be added.
    pub notes: i64,
    /// When the longest overdue push was due.
    pub oldest_due: Option<DateTime<Utc>>,
    /// Why the latest push that failed has failed, or was refused; none when all is well.
    pub last_error: Option<String>,
}

/// How all contacts stand, by org and vendor; of one org, if it is given.
///
/// # Errors
/// The statement's.
pub async fn standings(pool: &PgPool, org: Option<&str>) -> sqlx::Result<Vec<Standing>> {
    let select = sqlx::query_scalar::<_, Json<Standing>>(
        "SELECT to_jsonb(s) FROM (SELECT c.org, c.vendor, count(*) FILTER (WHERE c.version > 0) AS contacts,
            count(*) FILTER (WHERE c.due_at IS NOT NULL) AS pending,
            count(*) FILTER (WHERE c.due_at IS NOT NULL AND c.attempts > 0) AS failing,
            count(*) FILTER (WHERE c.refused_version IS NOT NULL) AS refused,
            (SELECT count(*) FROM offhook.crm_notes AS n
             WHERE n.org = c.org AND n.vendor = c.vendor AND n.state IN ('wanted', 'adding')) AS notes,
            min(c.due_at) FILTER (WHERE c.claim IS NULL AND c.due_at <= now()) AS oldest_due,
            (array_agg(coalesce(c.refused, c.last_error) ORDER BY c.updated_at DESC)
                FILTER (WHERE coalesce(c.refused, c.last_error) IS NOT NULL))[1] AS last_error
         FROM offhook.crm_contacts AS c WHERE $1::text IS NULL OR c.org = $1
         GROUP BY c.org, c.vendor ORDER BY c.org, c.vendor) AS s",
    );
    let rows = select.bind(org).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|Json(row)| row).collect())
}

/// Whose contacts are to be pushed again.
#[derive(Debug, Clone, Default)]
pub struct Whose {
    /// Of this org only.
    pub org: Option<String>,
    /// This contact only, in E.164.
    pub phone: Option<String>,
    /// Those only whose newest version was refused.
    pub refused: bool,
}

/// Has contacts pushed anew, now, whatever became of their last push; how many, by org and vendor.
///
/// # Errors
/// The statement's.
pub async fn push_again(pool: &PgPool, whose: &Whose) -> sqlx::Result<Vec<Value>> {
    // Another version of the same: the one that is under way, or was refused, is not this one.
    let update = sqlx::query_scalar::<_, Json<Value>>(
        "WITH again AS (
            UPDATE offhook.crm_contacts SET version = version + 1, refused_version = NULL, refused = NULL, attempts = 0,
                due_at = CASE WHEN claim IS NULL THEN now() ELSE due_at END, updated_at = now()
            WHERE version > 0 AND ($1::text IS NULL OR org = $1) AND ($2::text IS NULL OR phone = $2)
                AND (NOT $3 OR refused_version IS NOT NULL)
            RETURNING org, phone, vendor
         ), notes AS (
            UPDATE offhook.crm_notes AS n SET state = 'wanted', updated_at = now() FROM again AS a
            WHERE n.state = 'refused' AND (n.org, n.phone, n.vendor) = (a.org, a.phone, a.vendor)
         )
         SELECT jsonb_build_object('org', org, 'vendor', vendor, 'contacts', count(*))
         FROM again GROUP BY org, vendor ORDER BY org, vendor",
    );
    let rows = update.bind(&whose.org).bind(&whose.phone).bind(whose.refused).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|Json(row)| row).collect())
}
