//! Contacts: what they are called, folded from what events say, and their calls, counted anew.

use std::collections::{BTreeMap, BTreeSet};

use contract::PhoneNumber;
use serde_json::{Value, json};
use sqlx::{PgConnection, Row as _, types::Json};

use crate::{
    merge::Stamp,
    names::{Names, Person},
    record::Record,
};

/// A contact's key within the database: org, phone.
pub(crate) type ContactKey = (String, String);

/// What one event says of a contact.
pub(crate) struct Said {
    pub(crate) phone: PhoneNumber,
    pub(crate) stamp: Stamp,
    pub(crate) person: Person,
    /// Whether it makes them a contact, even if it names them not.
    pub(crate) met: bool,
}

impl Said {
    /// Whether it says what the contact is called, or that there is one.
    fn is_news(&self) -> bool {
        self.met || self.person != Person::default()
    }
}

/// Makes the contacts exist, writes what they are called by the fresh events, and counts their calls.
pub(crate) async fn write(
    tx: &mut PgConnection,
    of_calls: BTreeSet<ContactKey>,
    fresh: &[&Record<'_>],
) -> sqlx::Result<()> {
    let said = |record: &&Record<'_>| {
        let org = record.event.envelope.org.to_string();
        record.contact.as_ref().filter(|said| said.is_news()).map(|said| (org, said.phone.to_string()))
    };
    let mut contacts = of_calls;
    contacts.extend(fresh.iter().filter_map(said));
    let before = lock(tx, &contacts).await?;
    let mut after = before.clone();
    for record in fresh {
        let names = said(record).and_then(|key| after.get_mut(&key));
        if let (Some(names), Some(said)) = (names, &record.contact) {
            names.fold(said.stamp, &said.person);
        }
    }
    after.retain(|key, names| before.get(key) != Some(names));
    write_names(tx, &after).await?;
    recount(tx, &contacts).await
}

/// Makes the rows exist and locks them, in key order.
async fn lock(tx: &mut PgConnection, contacts: &BTreeSet<ContactKey>) -> sqlx::Result<BTreeMap<ContactKey, Names>> {
    let (orgs, phones): (Vec<_>, Vec<_>) = contacts.iter().cloned().unzip();
    let create = sqlx::query(
        "INSERT INTO offhook.contacts (org, phone) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING",
    );
    create.bind(&orgs).bind(&phones).execute(&mut *tx).await?;
    let lock = sqlx::query(
        "SELECT org, phone, said FROM offhook.contacts
         WHERE (org, phone) IN (SELECT * FROM unnest($1::text[], $2::text[])) ORDER BY org, phone FOR UPDATE",
    );
    let rows = lock.bind(orgs).bind(phones).fetch_all(tx).await?;
    let read = |row: sqlx::postgres::PgRow| {
        let Json(names) = row.try_get("said")?;
        Ok(((row.try_get("org")?, row.try_get("phone")?), names))
    };
    rows.into_iter().map(read).collect()
}

async fn write_names(tx: &mut PgConnection, changed: &BTreeMap<ContactKey, Names>) -> sqlx::Result<()> {
    let row = |((org, phone), names): (&ContactKey, &Names)| {
        let Person { name, email } = names.person();
        json!({ "org": org, "phone": phone, "name": name, "email": email, "said": names })
    };
    let rows: Vec<Value> = changed.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let update = sqlx::query(
        "UPDATE offhook.contacts AS c
         SET name = coalesce(n.name, c.name), email = coalesce(n.email, c.email), said = n.said, updated_at = now()
         FROM jsonb_populate_recordset(NULL::offhook.contacts, $1) AS n WHERE (c.org, c.phone) = (n.org, n.phone)",
    );
    update.bind(Json(rows)).execute(tx).await.map(|_| ())
}

/// Counts each contact's calls anew: exact whatever came first, and a contact's calls are few.
async fn recount(tx: &mut PgConnection, contacts: &BTreeSet<ContactKey>) -> sqlx::Result<()> {
    let (orgs, phones): (Vec<_>, Vec<_>) = contacts.iter().cloned().unzip();
    let recount = sqlx::query(
        "UPDATE offhook.contacts AS c
         SET total_calls = n.calls, first_call_at = n.first_at, last_call_at = n.last_at, updated_at = now()
         FROM (SELECT w.org, w.phone, count(k.call_id) AS calls,
                   min(coalesce(k.started_at, k.ended_at)) AS first_at, max(coalesce(k.started_at, k.ended_at)) AS last_at
               FROM unnest($1::text[], $2::text[]) AS w (org, phone)
               LEFT JOIN offhook.calls AS k ON k.org = w.org AND k.contact_phone = w.phone
               GROUP BY w.org, w.phone) AS n
         WHERE (c.org, c.phone) = (n.org, n.phone)",
    );
    recount.bind(orgs).bind(phones).execute(tx).await.map(|_| ())
}
