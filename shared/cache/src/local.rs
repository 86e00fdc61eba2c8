//! The process's own copies: decoded, bounded in bytes, at most a second old where they have tags.
//!
//! An invalidation that is heard of kills every copy that was read before it, in this process at once. Refuses copies whose
//! life, counted from when they were known to be right, has passed.

use std::{
    any::Any,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use moka::{Expiry, sync::Cache};
use parking_lot::RwLock;

use crate::{
    entry::Times,
    kind::{Identity, OrgTag},
    level::Level,
};

/// What moka and the allocator need for an entry, in bytes, beside its key and value; measured (`make bench`).
const ENTRY_BYTES: usize = 1_024;
/// What a tag takes: `{org}:name:hash`, shared but counted in full.
const TAG_BYTES: usize = 96;
/// A decoded value takes about so many times the room of its JSON.
const DECODED: usize = 2;
/// How long an invalidation is remembered: longer than any copy lives that it could concern.
const HEARD_KEPT: Duration = Duration::from_secs(5);
/// Invalidations remembered at once; with more, every tagged copy dies.
const HEARD_MAX: usize = 100_000;

/// A value as its readers get it.
#[derive(Clone)]
pub(crate) struct Copy {
    /// `None`: known to be absent.
    pub(crate) value: Option<Arc<dyn Any + Send + Sync>>,
    pub(crate) times: Times,
    /// Where it was found.
    pub(crate) level: Level,
    /// No invalidation that was acknowledged before this moment is missing in it.
    pub(crate) as_of: Instant,
    /// The length of its JSON in bytes.
    pub(crate) length: usize,
    /// Whether it was loaded ahead of its readers.
    pub(crate) warmed: bool,
}

/// A copy, and what can end it.
pub(crate) struct Held {
    pub(crate) copy: Copy,
    tags: Vec<OrgTag>,
    life: Duration,
}

/// All copies of this process.
pub(crate) struct Local {
    copies: Cache<Identity, Arc<Held>>,
    heard: RwLock<Heard>,
    /// Whether `heard` holds anything at all.
    hears: AtomicBool,
}

#[derive(Default)]
struct Heard {
    tags: HashMap<OrgTag, Instant>,
    /// Tagged copies from before this are dead, whatever their tags.
    floor: Option<Instant>,
    /// When what is too old was last forgotten.
    tidied: Option<Instant>,
}

impl Local {
    /// Room for `bytes` of copies.
    pub(crate) fn new(bytes: u64) -> Self {
        let weigh = |identity: &Identity, held: &Arc<Held>| {
            let tags = held.tags.len() * (size_of::<OrgTag>() + TAG_BYTES);
            let length = ENTRY_BYTES + identity.len() + tags + DECODED * held.copy.length;
            u32::try_from(length).unwrap_or(u32::MAX)
        };
        let copies = Cache::builder().max_capacity(bytes).weigher(weigh).expire_after(ByLife).build();
        Self { copies, heard: RwLock::default(), hears: AtomicBool::new(false) }
    }

    /// The copy, if it is still right at `now`.
    pub(crate) fn get(&self, key: &[u8], now: Instant) -> Option<Copy> {
        let held = self.held(key)?;
        self.is_right(&held, now).then(|| Copy { level: Level::Process, ..held.copy.clone() })
    }

    /// The copy, right or not.
    pub(crate) fn held(&self, key: &[u8]) -> Option<Arc<Held>> {
        self.copies.get(key)
    }

    /// Whether it is still right at `now`, wherever it is held.
    pub(crate) fn is_right(&self, held: &Held, now: Instant) -> bool {
        now.saturating_duration_since(held.copy.as_of) < held.life && !self.is_outdated(held)
    }

    /// Keeps a copy for `life` after the moment as of which it was right.
    pub(crate) fn insert(&self, identity: Identity, copy: Copy, tags: Vec<OrgTag>, life: Duration) {
        if !life.is_zero() {
            self.copies.insert(identity, Arc::new(Held { copy, tags, life }));
        }
    }

    /// Kills every copy under these tags that was right only before `now`.
    pub(crate) fn hear(&self, tags: &[OrgTag], now: Instant) {
        let mut heard = self.heard.write();
        if heard.tidied.is_none_or(|at| now.saturating_duration_since(at) >= HEARD_KEPT) {
            heard.tags.retain(|_, at| now.saturating_duration_since(*at) < HEARD_KEPT);
            heard.tidied = Some(now);
        }
        if heard.tags.len() + tags.len() > HEARD_MAX {
            heard.tags.clear();
            heard.floor = Some(now);
        }
        heard.tags.extend(tags.iter().map(|tag| (tag.clone(), now)));
        self.hears.store(true, Relaxed);
    }

    fn is_outdated(&self, held: &Held) -> bool {
        if held.tags.is_empty() || !self.hears.load(Relaxed) {
            return false;
        }
        let heard = self.heard.read();
        let since = |at: &Instant| held.copy.as_of <= *at;
        heard.floor.as_ref().is_some_and(since) || held.tags.iter().any(|tag| heard.tags.get(tag).is_some_and(since))
    }

    /// Bytes and number of copies, about.
    pub(crate) fn size(&self) -> (u64, u64) {
        self.copies.run_pending_tasks();
        (self.copies.weighted_size(), self.copies.entry_count())
    }
}

/// Lets moka drop what no reader would get anyway.
struct ByLife;

impl Expiry<Identity, Arc<Held>> for ByLife {
    fn expire_after_create(&self, _: &Identity, held: &Arc<Held>, _: Instant) -> Option<Duration> {
        Some(held.life)
    }

    fn expire_after_update(&self, _: &Identity, held: &Arc<Held>, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(held.life)
    }
}
