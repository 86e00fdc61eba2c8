//! Makes the checked file true: in Postgres, then in the bucket that ingress and answer watch.
//!
//! Owns the rows of `orgs`, `branches` and `channels`. Never deletes one: calls refer to them, so what left the file is
//! marked removed. Refuses to run beside another apply, which could leave the two places telling different stories.

use std::{collections::BTreeMap, time::Duration};

use bus::{Bucket, BusError, Change};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::time::timeout;

use crate::{model::Org, store};

/// How long the whole bucket may take to read: a hundred times what ten thousand orgs need.
const BUCKET_READ_LIMIT: Duration = Duration::from_secs(60);
/// How many keys are written at once: enough to hide the broker's fsync, too few to fill its queue.
const WRITES_AT_ONCE: usize = 16;

/// What an apply found to do, counted in orgs by comparing the file with the bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// In the file, not in the bucket.
    pub added: usize,
    /// Different in the bucket.
    pub changed: usize,
    /// In the bucket, no longer in the file.
    pub removed: usize,
    /// The same in both.
    pub unchanged: usize,
}

/// Why a file was not applied, or not to its end. Applying it again completes it.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Another apply did not end in time.
    #[error("another `orgs apply` is running; try again when it is done")]
    Busy,
    /// Postgres refused or was lost; nothing was changed.
    #[error("postgres did not take the orgs: {0}")]
    Postgres(#[from] sqlx::Error),
    /// The broker refused or was lost; Postgres has the file, the bucket perhaps a part of it.
    #[error("the bucket `orgs` did not take all orgs: {0}")]
    Bucket(#[from] BusError),
    /// The bucket took longer than a minute to read, or ended before it was whole.
    #[error("the bucket `orgs` could not be read to its end")]
    BucketUnread,
    /// An org has no JSON form; a checked one always has.
    #[error("an org could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Makes `orgs` the whole truth. Repeating it after any failure converges: both places are compared, never assumed.
///
/// # Errors
/// See [`ApplyError`].
pub async fn apply(orgs: &[Org], pool: &PgPool, bucket: &Bucket) -> Result<Applied, ApplyError> {
    // Out of the pool for good: the lock lives as long as the connection, also when this future is dropped half-way.
    let mut connection = pool.acquire().await?.detach();
    store::lock(&mut connection).await.map_err(busy)?;
    let applied = apply_locked(orgs, &mut connection, bucket).await;
    // The lock ends with the connection; a failure to say goodbye ends it too.
    let _ = connection.close().await;
    applied
}

async fn apply_locked(orgs: &[Org], connection: &mut PgConnection, bucket: &Bucket) -> Result<Applied, ApplyError> {
    let mut transaction = connection.begin().await?;
    store::replace(&mut transaction, orgs).await?;
    transaction.commit().await?;

    let present = timeout(BUCKET_READ_LIMIT, read_all(bucket)).await.map_err(|_| ApplyError::BucketUnread)??;
    let plan = Plan::new(orgs, &present)?;
    stream::iter(plan.puts)
        .map(Ok)
        .try_for_each_concurrent(WRITES_AT_ONCE, |(key, value)| async move { bucket.put(key, value).await })
        .await?;
    stream::iter(plan.deletes)
        .map(Ok)
        .try_for_each_concurrent(WRITES_AT_ONCE, |key| async move { bucket.delete(key).await })
        .await?;
    Ok(plan.applied)
}

/// Everything in the bucket: one watch up to its present, instead of one request per key.
async fn read_all(bucket: &Bucket) -> Result<BTreeMap<String, Bytes>, ApplyError> {
    let mut changes = bucket.watch().await?;
    let mut present = BTreeMap::new();
    while let Some(change) = changes.next().await {
        match change? {
            Change::Put { key, value } => drop(present.insert(key, value)),
            Change::Deleted { key } => drop(present.remove(&key)),
            Change::Current => return Ok(present),
        }
    }
    Err(ApplyError::BucketUnread)
}

/// The writes that make the bucket equal the file.
struct Plan<'a> {
    puts: Vec<(&'a str, Bytes)>,
    deletes: Vec<&'a str>,
    applied: Applied,
}

impl<'a> Plan<'a> {
    fn new(orgs: &'a [Org], present: &'a BTreeMap<String, Bytes>) -> Result<Self, serde_json::Error> {
        let mut plan = Self { puts: Vec::new(), deletes: Vec::new(), applied: Applied::default() };
        let mut leaving = present.clone();
        for org in orgs {
            let key = org.id.as_str();
            let value = Bytes::from(serde_json::to_vec(org)?);
            let count = match leaving.remove(key) {
                Some(same) if same == value => {
                    plan.applied.unchanged += 1;
                    continue;
                }
                Some(_) => &mut plan.applied.changed,
                None => &mut plan.applied.added,
            };
            *count += 1;
            plan.puts.push((key, value));
        }
        plan.deletes = present.keys().map(String::as_str).filter(|key| leaving.contains_key(*key)).collect();
        plan.applied.removed = plan.deletes.len();
        Ok(plan)
    }
}

fn busy(error: sqlx::Error) -> ApplyError {
    const LOCK_NOT_AVAILABLE: &str = "55P03";
    match error.as_database_error().and_then(|error| error.code()) {
        Some(code) if code == LOCK_NOT_AVAILABLE => ApplyError::Busy,
        _ => ApplyError::Postgres(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn org(id: &str, name: &str) -> Org {
        serde_json::from_value(serde_json::json!({ "id": id, "name": name })).unwrap()
    }

    fn bucket(orgs: &[Org]) -> BTreeMap<String, Bytes> {
        orgs.iter().map(|org| (org.id.to_string(), serde_json::to_vec(org).unwrap().into())).collect()
    }

    #[test]
    fn only_what_differs_is_written() {
        let present = bucket(&[org("same", "Same"), org("renamed", "Old"), org("gone", "Gone")]);
        let orgs = [org("same", "Same"), org("renamed", "New"), org("fresh", "Fresh")];
        let plan = Plan::new(&orgs, &present).unwrap();
        assert_eq!(plan.puts.iter().map(|(key, _)| *key).collect::<Vec<_>>(), ["renamed", "fresh"]);
        assert_eq!(plan.deletes, ["gone"]);
        assert_eq!(plan.applied, Applied { added: 1, changed: 1, removed: 1, unchanged: 1 });
    }

    #[test]
    fn a_second_apply_finds_nothing_to_do() {
        let orgs = [org("a", "A"), org("b", "B")];
        let present = bucket(&orgs);
        let plan = Plan::new(&orgs, &present).unwrap();
        assert!(plan.puts.is_empty() && plan.deletes.is_empty());
        assert_eq!(plan.applied, Applied { unchanged: 2, ..Applied::default() });
    }
}
