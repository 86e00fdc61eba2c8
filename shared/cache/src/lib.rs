//! The cache: values that are never older than the last invalidation, loaded once for all who ask, and never in the way.
//!
//! A read goes from the process's own copy to Redis, or to Postgres while Redis is away, then to the origin. Every value
//! carries the generations of its tags as they were before its load; an invalidation moves a generation, and whatever was
//! loaded under the old one no longer counts, wherever it lies and whenever it arrives.
//!
//! Promise: at the Redis level, no read that starts after an invalidation was acknowledged returns data loaded before it; with
//! the process's own copies, within a second. Redis restarted from an old dump, emptied, full or away changes nothing about
//! that. What it can't promise: a failover to a replica that has not heard of an invalidation yet.
//!
//! Owns the names in Redis and the table `cache_entries`; the only user of `redis` and `moka`. Refuses to know a kind, a
//! broker, or a reason to make a reader wait.

mod announce;
mod at_hand;
mod budget;
mod cache;
mod clock;
mod entry;
mod flight;
mod flights;
mod kind;
mod level;
mod link;
mod load;
mod local;
mod peek;
mod places;
mod reads;
mod remote;
mod settings;
mod standby;
mod warm;

pub use announce::{Announce, Bump};
pub use at_hand::AtHand;
pub use budget::{Account, Priority, Rate};
pub use cache::{Cache, NotBumped, Parts};
pub use clock::Clock;
pub use kind::{Key, Kind, Life, OrgTag, Piece, Spec, Tag};
pub use level::Level;
pub use load::{LoadError, Loaded, Read};
pub use peek::{Peek, PeekState};
pub use redis::RedisError;
pub use settings::{Mode, OtherLife, Settings};
pub use warm::{Warmed, Warmth};
