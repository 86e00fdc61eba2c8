//! The Postgres level, in use only while Redis is away: table `cache_entries`, values and generations side by side.
//!
//! The same guard as in Redis: a value counts only under the generations it was loaded under. No leases: one load at a time
//! in each process is enough for the while. Refuses to wait, and rests after a failure.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use sqlx::{PgPool, Row as _};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::{
    entry::Generation,
    kind::{Names, OrgTag},
    level::Fetched,
};

/// The longest that a value lives here.
pub(crate) const LIFE_MAX: Duration = Duration::from_secs(60);
/// How long a generation that nobody asks for is kept: longer than any value, and than a load before it.
const GENERATION_KEPT: Duration = Duration::from_secs(180);
/// After a failure nobody asks for so long.
const REST: Duration = Duration::from_secs(1);

/// Why Postgres gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StandbyError {
    #[error("Postgres is left alone for a moment")]
    Resting,
    #[error("Postgres is silent")]
    Silent,
    #[error("Postgres: {0}")]
    Failed(#[from] sqlx::Error),
}

/// The table, from one process's view.
#[derive(Clone)]
pub(crate) struct Standby {
    pool: PgPool,
    operation_max: Duration,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    rests_until: Mutex<Option<Instant>>,
    used: AtomicBool,
}

impl Standby {
    pub(crate) fn new(pool: PgPool, operation_max: Duration) -> Self {
        Self { pool, operation_max, state: Arc::default() }
    }

    /// The value with the generations of its tags, of one snapshot.
    pub(crate) async fn fetch(&self, names: &Names) -> Result<Fetched, StandbyError> {
        let wanted: Vec<&str> = std::iter::once(&names.value).chain(&names.generations).map(String::as_str).collect();
        let query = sqlx::query("SELECT key, value FROM offhook.cache_entries WHERE key = ANY($1)").bind(wanted);
        let rows = self.answer(query.fetch_all(&self.pool)).await?;
        let mut found: HashMap<String, Vec<u8>> = HashMap::new();
        for row in rows {
            found.insert(row.try_get("key")?, row.try_get("value")?);
        }
        let generations = names.generations.iter().map(|name| found.remove(name)?.try_into().ok()).collect();
        Ok(Fetched { entry: found.remove(&names.value), generations })
    }

    /// The generations before a load; a missing one begins at random.
    pub(crate) async fn open(&self, names: &Names) -> Result<Vec<Generation>, StandbyError> {
        self.state.used.store(true, Relaxed);
        let query = sqlx::query(
            "INSERT INTO offhook.cache_entries AS known (key, value, fresh_until)
             SELECT name, $2, now() + $3 FROM unnest($1::text[]) AS name ORDER BY name
             ON CONFLICT (key) DO UPDATE SET fresh_until = excluded.fresh_until
             RETURNING key, value",
        );
        let query = query.bind(&names.generations).bind(Uuid::new_v4().as_bytes().as_slice()).bind(GENERATION_KEPT);
        let rows = self.answer(query.fetch_all(&self.pool)).await?;
        let mut found: HashMap<String, Generation> = HashMap::new();
        for row in rows {
            found.insert(row.try_get("key")?, row.try_get::<Vec<u8>, _>("value")?.try_into().unwrap_or_default());
        }
        Ok(names.generations.iter().filter_map(|name| found.get(name).copied()).collect())
    }

    /// Keeps a value for `life`, unless a generation has moved.
    pub(crate) async fn fill(
        &self,
        names: &Names,
        entry: &[u8],
        life: Duration,
        generations: &[Generation],
    ) -> Result<bool, StandbyError> {
        let query = sqlx::query(
            "INSERT INTO offhook.cache_entries (key, value, tags, fresh_until)
             SELECT $1, $2, $3, now() + $4
             WHERE cardinality($3) = (SELECT count(*) FROM offhook.cache_entries AS known
                                      JOIN unnest($3, $5::bytea[]) AS read (key, value) USING (key, value))
             ON CONFLICT (key) DO UPDATE
             SET value = excluded.value, tags = excluded.tags, fresh_until = excluded.fresh_until",
        );
        let generations: Vec<&[u8]> = generations.iter().map(Generation::as_slice).collect();
        let query = query.bind(&names.value).bind(entry).bind(&names.generations).bind(life).bind(generations);
        Ok(self.answer(query.execute(&self.pool)).await?.rows_affected() > 0)
    }

    /// Deletes everything under these tags, and moves their generations. Never rests: who invalidates wants to know.
    pub(crate) async fn bump(&self, tags: &[OrgTag]) -> Result<(), StandbyError> {
        let names: Vec<String> = tags.iter().map(OrgTag::generation).collect();
        let query = sqlx::query("DELETE FROM offhook.cache_entries WHERE key = ANY($1) OR tags && $1").bind(names);
        self.limited(query.execute(&self.pool)).await.map(drop)
    }

    /// Deletes what is past its time; everything, if `redis_is_back` and this process had a part in it.
    pub(crate) async fn sweep(&self, redis_is_back: bool) {
        if !self.state.used.load(Relaxed) {
            return;
        }
        let query =
            sqlx::query("DELETE FROM offhook.cache_entries WHERE $1 OR fresh_until < now()").bind(redis_is_back);
        if self.answer(query.execute(&self.pool)).await.is_ok() && redis_is_back {
            self.state.used.store(false, Relaxed);
        }
    }

    async fn answer<T>(&self, answer: impl Future<Output = sqlx::Result<T>>) -> Result<T, StandbyError> {
        if self.state.rests_until.lock().is_some_and(|until| Instant::now() < until) {
            return Err(StandbyError::Resting);
        }
        let answer = self.limited(answer).await;
        *self.state.rests_until.lock() = answer.is_err().then(|| Instant::now() + REST);
        answer
    }

    async fn limited<T>(&self, answer: impl Future<Output = sqlx::Result<T>>) -> Result<T, StandbyError> {
        timeout(self.operation_max, answer).await.map_err(|_| StandbyError::Silent)?.map_err(StandbyError::Failed)
    }
}
