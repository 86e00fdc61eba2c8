//! Looking without touching: what lies in the cache under a key, and how Redis is. Loads nothing, keeps nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    Cache,
    entry::Encoded,
    kind::{Key, Spec},
    level::{Fetched, Level},
};

/// What `INFO` tells that people ask for.
const FIGURES: [&str; 8] = [
    "redis_version",
    "used_memory",
    "maxmemory",
    "maxmemory_policy",
    "evicted_keys",
    "expired_keys",
    "connected_clients",
    "role",
];

/// An entry as it lies there.
#[derive(Debug, Serialize)]
pub struct Peek {
    /// Where.
    pub level: Level,
    /// Whether it may be told.
    pub state: PeekState,
    /// How long ago its load began, in seconds.
    pub age_s: f64,
    /// How long it is fresh from now, in seconds; 0 when it is not.
    pub fresh_s: f64,
    /// How long it may be told from now, in seconds; 0 when it may not.
    pub stale_s: f64,
    /// Its length where it lies, in bytes.
    pub bytes: usize,
    /// The value; `None` when it is known to be absent.
    pub value: Option<serde_json::Value>,
}

/// See [`Peek::state`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeekState {
    /// It is told.
    Fresh,
    /// It is told, and loaded anew behind.
    Stale,
    /// Something it depends on was invalidated: never told again.
    Invalidated,
    /// Its time is over.
    Expired,
}

impl Cache {
    /// What the levels outside of this process have under a key; `None` when that is nothing, or nothing readable.
    pub async fn peek(&self, spec: &Spec, key: &Key) -> Option<Peek> {
        let names = key.names(spec, &key.identity(spec));
        let redis = match &self.0.remote {
            Some(remote) => remote.fetch(&names).await.ok(),
            None => None,
        };
        let (level, fetched) = match (redis, &self.0.standby) {
            (Some(fetched), _) => (Level::Redis, fetched),
            (None, Some(standby)) => (Level::Postgres, standby.fetch(&names).await.ok()?),
            (None, None) => return None,
        };
        let Fetched { entry, generations } = fetched;
        let bytes = entry?;
        let entry = Encoded::read(&bytes)?;
        let now = self.0.clock.wall();
        let state = match entry.times {
            _ if !entry.holds_under(&generations) => PeekState::Invalidated,
            times if times.stale_until <= now => PeekState::Expired,
            times if times.fresh_until <= now => PeekState::Stale,
            _ => PeekState::Fresh,
        };
        let value = if entry.absent { None } else { Some(serde_json::from_slice(&entry.json()?).ok()?) };
        Some(Peek {
            level,
            state,
            age_s: now.since(entry.times.built).as_secs_f64(),
            fresh_s: entry.times.fresh_until.since(now).as_secs_f64(),
            stale_s: entry.times.stale_until.since(now).as_secs_f64(),
            bytes: bytes.len(),
            value,
        })
    }

    /// How Redis is, in its own words; `None` while it is away.
    pub async fn redis_figures(&self) -> Option<BTreeMap<String, String>> {
        let link = &self.0.remote.as_ref()?.link;
        let on = link.connected().ok()?;
        let info: String = link.answer(&on, redis::cmd("INFO").query_async(&mut on.connection())).await.ok()?;
        let keys: u64 = link.answer(&on, redis::cmd("DBSIZE").query_async(&mut on.connection())).await.ok()?;
        let told = info.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| FIGURES.contains(name));
        let told = told.map(|(name, figure)| (name.to_owned(), figure.trim().to_owned()));
        Some(told.chain([("keys".to_owned(), keys.to_string())]).collect())
    }
}
