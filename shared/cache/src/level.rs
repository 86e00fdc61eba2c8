//! What the levels outside of this process tell: the same words for Redis and for Postgres.

use crate::entry::Generation;

/// Where a value came from; the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// This process's own copy.
    Process,
    /// Redis.
    Redis,
    /// Postgres, while Redis is away.
    Postgres,
    /// It was loaded.
    Origin,
}

impl Level {
    /// Its name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::Origin => "origin",
        }
    }
}

/// What a read found.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The entry, as it lies there.
    pub(crate) entry: Option<Vec<u8>>,
    /// The generations of its tags, at the same moment.
    pub(crate) generations: Vec<Option<Generation>>,
}

/// How a load may begin.
#[derive(Debug)]
pub(crate) struct Opened {
    /// An entry that somebody else has built meanwhile; there is nothing to load.
    pub(crate) entry: Option<Vec<u8>>,
    /// Whether the lease is ours. If not, somebody else loads.
    pub(crate) leased: bool,
    /// The generations, read before the load.
    pub(crate) generations: Vec<Generation>,
}

/// What became of a fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filled {
    /// Every read from now on finds it.
    Kept,
    /// Something it depends on was invalidated since its load began: refused.
    Moved,
    /// The lease ran out, and another load has begun: refused.
    LeaseLost,
}
