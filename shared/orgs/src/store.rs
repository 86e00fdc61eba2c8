//! The SQL of orgs, branches and channels: one named function per statement, each over whole sets.
//!
//! Refuses to delete: what is no longer in the file is marked removed, and comes back by being in it again.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sqlx::{Executor as _, PgConnection, Postgres, Transaction, types::Json};

use crate::{
    hours::{Day, Opening},
    model::Org,
};

/// Any number no other lock of this database uses: "orgs" in ASCII.
const APPLY_LOCK: i64 = 0x6f72_6773;

/// Takes the lock of `orgs apply`, held until the connection closes. Waits 30 s at most, then fails with SQLSTATE 55P03.
pub(crate) async fn lock(connection: &mut PgConnection) -> sqlx::Result<()> {
    connection.execute("SET lock_timeout = '30s'; SET statement_timeout = '60s'").await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(APPLY_LOCK).execute(connection).await?;
    Ok(())
}

/// Makes the rows equal the orgs. Removes before it adds: a number may move from one org to another in one file.
pub(crate) async fn replace(transaction: &mut Transaction<'_, Postgres>, orgs: &[Org]) -> sqlx::Result<()> {
    let channels = Channels::of(orgs);
    let branches = Branches::of(orgs);
    remove_channels(transaction, &channels).await?;
    remove_branches(transaction, &branches).await?;
    remove_orgs(transaction, orgs).await?;
    put_orgs(transaction, orgs).await?;
    put_branches(transaction, &branches).await?;
    put_channels(transaction, &channels).await
}

/// Branches by column.
#[derive(Default)]
struct Branches<'a> {
    org: Vec<&'a str>,
    branch: Vec<&'a str>,
    time_zone: Vec<&'a str>,
    hours: Vec<Json<&'a BTreeMap<Day, Vec<Opening>>>>,
    exceptions: Vec<Json<&'a BTreeMap<NaiveDate, Vec<Opening>>>>,
    calendar: Vec<Option<String>>,
}

impl<'a> Branches<'a> {
    fn of(orgs: &'a [Org]) -> Self {
        let mut columns = Self::default();
        for (org, branch) in orgs.iter().flat_map(|org| org.branches.iter().map(move |branch| (org, branch))) {
            columns.org.push(org.id.as_str());
            columns.branch.push(&branch.id);
            columns.time_zone.push(branch.time_zone.name());
            columns.hours.push(Json(&branch.hours));
            columns.exceptions.push(Json(&branch.exceptions));
            columns.calendar.push(branch.calendar.as_ref().map(ToString::to_string));
        }
        columns
    }
}

/// Channels by column.
#[derive(Default)]
struct Channels<'a> {
    org: Vec<&'a str>,
    kind: Vec<&'a str>,
    address: Vec<&'a str>,
    branch: Vec<&'a str>,
}

impl<'a> Channels<'a> {
    fn of(orgs: &'a [Org]) -> Self {
        let mut columns = Self::default();
        for (org, channel) in orgs.iter().flat_map(|org| org.channels.iter().map(move |channel| (org, channel))) {
            columns.org.push(org.id.as_str());
            columns.kind.push(channel.kind.as_str());
            columns.address.push(&channel.address);
            columns.branch.push(&channel.branch);
        }
        columns
    }
}

async fn remove_orgs(connection: &mut PgConnection, orgs: &[Org]) -> sqlx::Result<()> {
    let ids: Vec<&str> = orgs.iter().map(|org| org.id.as_str()).collect();
    sqlx::query(
        "UPDATE offhook.orgs SET removed_at = now(), updated_at = now() WHERE removed_at IS NULL AND org <> ALL ($1::text[])",
    )
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(())
}

async fn remove_branches(connection: &mut PgConnection, branches: &Branches<'_>) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE offhook.branches AS old SET removed_at = now(), updated_at = now()
         WHERE old.removed_at IS NULL AND NOT EXISTS (
             SELECT FROM UNNEST($1::text[], $2::text[]) AS kept (org, branch)
             WHERE (kept.org, kept.branch) = (old.org, old.branch))",
    )
    .bind(&branches.org)
    .bind(&branches.branch)
    .execute(connection)
    .await?;
    Ok(())
}

async fn remove_channels(connection: &mut PgConnection, channels: &Channels<'_>) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE offhook.channels AS old SET removed_at = now(), updated_at = now()
         WHERE old.removed_at IS NULL AND NOT EXISTS (
             SELECT FROM UNNEST($1::text[], $2::text[], $3::text[]) AS kept (org, kind, address)
             WHERE (kept.org, kept.kind, kept.address) = (old.org, old.kind, old.address))",
    )
    .bind(&channels.org)
    .bind(&channels.kind)
    .bind(&channels.address)
    .execute(connection)
    .await?;
    Ok(())
}

async fn put_orgs(connection: &mut PgConnection, orgs: &[Org]) -> sqlx::Result<()> {
    let ids: Vec<&str> = orgs.iter().map(|org| org.id.as_str()).collect();
    let names: Vec<&str> = orgs.iter().map(|org| org.name.as_str()).collect();
    sqlx::query(
        "INSERT INTO offhook.orgs AS old (org, name)
         SELECT * FROM UNNEST($1::text[], $2::text[])
         ON CONFLICT (org) DO UPDATE SET name = excluded.name, removed_at = NULL, updated_at = now()
         WHERE old.name <> excluded.name OR old.removed_at IS NOT NULL",
    )
    .bind(ids)
    .bind(names)
    .execute(connection)
    .await?;
    Ok(())
}

async fn put_branches(connection: &mut PgConnection, branches: &Branches<'_>) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO offhook.branches AS old (org, branch, time_zone, hours, exceptions, calendar)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::jsonb[], $6::text[])
         ON CONFLICT (org, branch) DO UPDATE SET time_zone = excluded.time_zone, hours = excluded.hours,
             exceptions = excluded.exceptions, calendar = excluded.calendar, removed_at = NULL, updated_at = now()
         WHERE (old.time_zone, old.hours, old.exceptions) <> (excluded.time_zone, excluded.hours, excluded.exceptions)
             OR old.calendar IS DISTINCT FROM excluded.calendar OR old.removed_at IS NOT NULL",
    )
    .bind(&branches.org)
    .bind(&branches.branch)
    .bind(&branches.time_zone)
    .bind(&branches.hours)
    .bind(&branches.exceptions)
    .bind(&branches.calendar)
    .execute(connection)
    .await?;
    Ok(())
}

async fn put_channels(connection: &mut PgConnection, channels: &Channels<'_>) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO offhook.channels AS old (org, kind, address, branch)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[])
         ON CONFLICT (org, kind, address) DO UPDATE SET branch = excluded.branch, removed_at = NULL, updated_at = now()
         WHERE old.branch <> excluded.branch OR old.removed_at IS NOT NULL",
    )
    .bind(&channels.org)
    .bind(&channels.kind)
    .bind(&channels.address)
    .bind(&channels.branch)
    .execute(connection)
    .await?;
    Ok(())
}
