//! Telling the other processes of an invalidation, so that their own copies die at once.
//!
//! How it travels is the caller's business; a lost announcement costs at most the second that such copies live.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::kind::OrgTag;

/// An invalidation that has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bump {
    /// What was invalidated.
    pub tags: Vec<OrgTag>,
}

/// The way to the other processes.
pub trait Announce: Send + Sync {
    /// Sends it to every other process, which gives it to its [`Cache::hear`](crate::Cache::hear). Best effort, and bounded
    /// in time by the cache.
    fn announce<'a>(&'a self, bump: &'a Bump) -> BoxFuture<'a, ()>;
}
