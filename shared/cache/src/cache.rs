//! The cache as its readers see it: one read, one invalidation, one way to hear of others' invalidations.
//!
//! A read goes through the levels and ends at the origin; see `flight.rs` for what happens there. Refuses to know what is
//! cached: that is the kinds' business.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use contract::OrgId;
use metrics::counter;
use serde::de::DeserializeOwned;
use sqlx::PgPool;
use tokio::time::{interval, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument as _;

use crate::{
    announce::{Announce, Bump},
    budget::Budgets,
    clock::{Clock, Millis},
    entry::{Encoded, Generation},
    flights::{Flights, Landed},
    kind::{Identity, Key, Kind, Names, OrgTag, Spec},
    level::{Fetched, Level},
    link::{Away, Link},
    load::{Load, LoadError, Loaded, Read, erase},
    local::{Copy, Local},
    places::Places,
    reads::{Outcome, Reads},
    remote::Remote,
    settings::{Mode, Settings},
    standby::{Standby, StandbyError},
};

/// Reads that find the flight they waited for overtaken by an invalidation try again so often, then load for themselves.
const ROUNDS_MAX: usize = 3;
/// Loads of one kind and one org at once.
const LOADS_MAX: usize = 128;
/// Of them, those that only refresh what can still be told.
const REFRESHES_MAX: usize = 16;
/// Tags that one operation invalidates.
const TAGS_MAX: usize = 500;
/// After a refresh that failed, its key is left alone so long by this process.
const COOL: Duration = Duration::from_secs(1);
/// Keys that are left alone at once.
const COOLING_MAX: u64 = 10_000;
/// Between two rounds of forgetting and measuring.
const TEND_EVERY: Duration = Duration::from_secs(5);

/// The cache of one process. Cheap to clone.
#[derive(Clone)]
pub struct Cache(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) off: bool,
    pub(crate) clock: Clock,
    pub(crate) local: Local,
    pub(crate) remote: Option<Remote>,
    pub(crate) standby: Option<Standby>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) places: Places,
    pub(crate) refreshes: Places,
    pub(crate) budgets: Budgets,
    /// Keys whose refresh has failed a moment ago.
    pub(crate) cooling: moka::sync::Cache<Identity, ()>,
    kinds: HashMap<&'static str, Kept>,
    announce: Option<Arc<dyn Announce>>,
    operation_max: Duration,
    _tending: DropGuard,
}

/// What a process's cache is made of, beside its settings.
#[derive(Default)]
pub struct Parts {
    /// The kinds it will be asked for.
    pub kinds: Vec<Spec>,
    /// Stands in while Redis is away.
    pub standby: Option<PgPool>,
    /// Tells the other processes of invalidations.
    pub announce: Option<Arc<dyn Announce>>,
    /// The machine's clock, unless a test has its own.
    pub clock: Clock,
}

/// Why an invalidation is not sure to have reached everybody. Ask again until it is.
#[derive(Debug, thiserror::Error)]
#[error("not invalidated everywhere: {}", .0.join("; "))]
pub struct NotBumped(Vec<String>);

/// A kind as it is kept here.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) spec: Spec,
    pub(crate) reads: Arc<Reads>,
}

impl Kept {
    fn new(spec: Spec) -> Self {
        Self { spec, reads: Arc::new(Reads::of(spec.name)) }
    }
}

/// A read that found nothing fresh in the process, and what it knows so far.
struct Far<'a> {
    kept: Cow<'a, Kept>,
    key: Key,
    identity: Identity,
    started: Instant,
    /// A copy that is right, but not fresh.
    local: Option<Copy>,
}

/// What one read or load is about.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) spec: Spec,
    pub(crate) org: OrgId,
    pub(crate) identity: Identity,
    pub(crate) names: Names,
    pub(crate) tags: Vec<OrgTag>,
    pub(crate) decode: Decode,
    /// Whether its load, if it comes to that, is ahead of its readers.
    pub(crate) warming: bool,
}

impl Subject {
    /// One thing of this kind.
    pub(crate) fn of<K: Kind>(spec: Spec, key: &Key, identity: Identity, warming: bool) -> Self {
        Self {
            names: key.names(&spec, &identity),
            tags: key.tags().collect(),
            decode: decode::<K::Value>,
            org: key.org().clone(),
            identity,
            spec,
            warming,
        }
    }
}

/// Makes a value of an entry that is not absent; with the length of its JSON.
pub(crate) type Decode = fn(&Encoded<'_>) -> Option<(Arc<dyn std::any::Any + Send + Sync>, usize)>;

/// What the levels outside of this process have.
pub(crate) enum Found {
    /// A copy that may be told; past its fresh time or not.
    Copy(Copy),
    /// Nothing that may be told. With the times of what lies there, if anything does.
    Nothing(Vec<u8>),
}

impl Cache {
    /// A cache with these settings; it begins to look for Redis and returns at once.
    ///
    /// # Errors
    /// When the address is none of Redis.
    pub fn start(settings: &Settings, parts: Parts) -> Result<Self, redis::RedisError> {
        let operation_max = Duration::from_millis(settings.operation_ms);
        let link = settings.redis_url.as_deref().map(|url| Link::start(url, operation_max)).transpose()?;
        let stop = CancellationToken::new();
        let inner = Arc::new(Inner {
            off: settings.mode == Mode::Off,
            clock: parts.clock,
            local: Local::new(settings.memory_mib * 1024 * 1024),
            remote: link.map(Remote::new),
            standby: parts.standby.map(|pool| Standby::new(pool, operation_max)),
            flights: Arc::default(),
            places: Places::new(LOADS_MAX),
            refreshes: Places::new(REFRESHES_MAX),
            budgets: Budgets::new(),
            cooling: moka::sync::Cache::builder().max_capacity(COOLING_MAX).time_to_live(COOL).build(),
            kinds: settings.apply(&parts.kinds).into_iter().map(|spec| (spec.name, Kept::new(spec))).collect(),
            announce: parts.announce,
            operation_max,
            _tending: stop.clone().drop_guard(),
        });
        let tended = Arc::downgrade(&inner);
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            let mut rounds = interval(TEND_EVERY);
            loop {
                rounds.tick().await;
                let Some(inner) = tended.upgrade() else { return };
                inner.tend().await;
            }
        }));
        Ok(Self(inner))
    }

    /// Reads one thing: from the nearest level that has it, else by `load`, which runs at most once for all who ask at the same
    /// time and goes on when its reader has left. What is past its fresh time is told while it runs behind. `load` is called
    /// where the process has no fresh copy, and must begin nothing before what it makes is polled: what is read earlier may be
    /// older than an invalidation.
    ///
    /// # Errors
    /// When it had to be loaded and could not be.
    pub async fn get<K, F>(&self, kind: &K, load: impl FnOnce() -> F) -> Result<Read<K::Value>, LoadError>
    where
        K: Kind,
        F: Future<Output = Loaded<K::Value>> + Send + 'static,
    {
        match self.0.near(kind) {
            Ok(read) => Ok(read),
            // Apart: most reads end before, and would carry the room for all that follows about with them.
            Err(far) => Box::pin(self.0.read::<K, F>(far, load)).await,
        }
    }

    /// Invalidates everything under these tags: no read that starts after this has returned `Ok` is told what was loaded
    /// before. Copies in other processes die when they hear of it, and after a second in any case.
    ///
    /// # Errors
    /// When a level did not confirm it. What could be done is done; ask again until it succeeds.
    pub async fn bump(&self, tags: impl IntoIterator<Item = OrgTag>) -> Result<(), NotBumped> {
        let tags: Vec<OrgTag> = tags.into_iter().collect();
        let mut faults = Vec::new();
        for tags in tags.chunks(TAGS_MAX) {
            let (redis, postgres) = tokio::join!(self.0.bump_remote(tags), self.0.bump_standby(tags));
            faults.extend(redis.err().map(|error| error.to_string()));
            faults.extend(postgres.err().map(|error| error.to_string()));
            let bump = Bump { tags: tags.to_vec() };
            self.hear(&bump);
            if let Some(announce) = &self.0.announce {
                timeout(self.0.operation_max, announce.announce(&bump)).await.ok();
            }
        }
        // A process without a cache still invalidates for the others, but they can't be its reason to wait.
        let bumped = faults.is_empty() || self.0.off;
        counter!("offhook_cache_bumps_total", "result" => if bumped { "bumped" } else { "not_bumped" }).increment(1);
        if bumped { Ok(()) } else { Err(NotBumped(faults)) }
    }

    /// Whether there is a connection to Redis at this moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.is_connected()
    }

    /// Takes note of an invalidation by another process.
    pub fn hear(&self, bump: &Bump) {
        self.0.local.hear(&bump.tags, self.0.clock.steady());
    }
}

impl Inner {
    /// How this kind is kept here.
    pub(crate) fn spec<K: Kind>(&self) -> Spec {
        self.kinds.get(K::SPEC.name).map_or_else(|| K::SPEC.living(K::SPEC.life), |kept| kept.spec)
    }

    pub(crate) fn kept<K: Kind>(&self) -> Cow<'_, Kept> {
        self.kinds.get(K::SPEC.name).map_or_else(|| Cow::Owned(Kept::new(self.spec::<K>())), Cow::Borrowed)
    }

    /// The process's own copy, if it is fresh; then it is counted as read.
    fn near<K: Kind>(&self, kind: &K) -> Result<Read<K::Value>, Box<Far<'_>>> {
        let (kept, started, now) = (self.kept::<K>(), self.clock.steady(), self.clock.wall());
        let key = kind.key();
        let bytes = key.bytes(&kept.spec);
        match self.local.get(&bytes, started).filter(|_| !self.off) {
            Some(copy) if copy.times.fresh_until > now => {
                kept.reads.near(&copy);
                Ok(read_of(copy, now))
            }
            local => Err(Box::new(Far { kept, key, identity: Identity::of(&bytes), started, local })),
        }
    }

    /// Goes on where nothing fresh was near, and counts how it went.
    async fn read<K, F>(
        self: &Arc<Self>,
        far: Box<Far<'_>>,
        load: impl FnOnce() -> F,
    ) -> Result<Read<K::Value>, LoadError>
    where
        K: Kind,
        F: Future<Output = Loaded<K::Value>> + Send + 'static,
    {
        let kept = far.kept.clone();
        let uncounted = kept.reads.begin();
        let read = self.read_far::<K>(far, erase(load(), kept.spec.load_max)).await;
        let now = self.clock.wall();
        let outcome = match &read {
            Err(_) => Outcome::Error,
            Ok((_, Some(outcome))) => *outcome,
            Ok((copy, None)) if copy.value.is_none() => Outcome::Negative,
            Ok((copy, None)) if copy.times.fresh_until <= now => Outcome::Stale,
            Ok((copy, None)) if copy.level == Level::Process => Outcome::FreshL1,
            Ok(_) => Outcome::FreshL2,
        };
        uncounted.end(outcome, read.as_ref().is_ok_and(|(copy, _)| copy.warmed));
        read.map(|(copy, _)| read_of(copy, now))
    }

    /// The copy, and how it was come by if that tells more than the copy does.
    async fn read_far<K: Kind>(
        self: &Arc<Self>,
        far: Box<Far<'_>>,
        load: Load,
    ) -> Result<(Copy, Option<Outcome>), LoadError> {
        let Far { kept, key, identity, started, local } = *far;
        if self.off {
            let loaded = self.load(&kept.spec, load).await;
            return loaded.map(|(_, copy)| (copy, Some(Outcome::Miss)));
        }
        let subject = || Subject::of::<K>(kept.spec, &key, identity.clone(), false);
        match local.filter(|copy| copy.times.stale_until > self.clock.wall()) {
            Some(copy) => {
                self.refresh_behind(&copy, subject, load);
                Ok((copy, None))
            }
            None => self.read_through(subject(), started, load).await,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.link.connected().is_ok())
    }

    async fn bump_remote(&self, tags: &[OrgTag]) -> Result<(), Away> {
        match &self.remote {
            Some(remote) => remote.bump(tags).await,
            None => Ok(()),
        }
    }

    async fn bump_standby(&self, tags: &[OrgTag]) -> Result<(), StandbyError> {
        match &self.standby {
            Some(standby) => standby.bump(tags).await,
            None => Ok(()),
        }
    }

    /// Asks the levels outside, then loads or waits for whoever does.
    async fn read_through(
        self: &Arc<Self>,
        subject: Subject,
        started: Instant,
        load: Load,
    ) -> Result<(Copy, Option<Outcome>), LoadError> {
        for _ in 0..ROUNDS_MAX {
            let seen = match self.find(&subject).await {
                Found::Copy(copy) => {
                    self.refresh_behind(&copy, || subject.clone(), load);
                    return Ok((copy, None));
                }
                Found::Nothing(seen) => seen,
            };
            let (arrival, departure) = self.flights.join(&subject.identity);
            if let Some(departure) = departure {
                let inner = Arc::clone(self);
                // A task of its own: a reader that gives up does not take the others' load with it.
                let flight = async move { departure.land(inner.fly(&subject, load, seen, true).await) };
                tokio::spawn(flight.in_current_span());
                return match arrival.landed().await {
                    Some(Landed::Value(copy)) => {
                        let is_own = copy.level == Level::Origin;
                        Ok((copy, Some(if is_own { Outcome::Miss } else { Outcome::Coalesced })))
                    }
                    Some(Landed::Failed(error, _)) => Err(error),
                    Some(Landed::Elsewhere) | None => Err(LoadError::Abandoned),
                };
            }
            match arrival.landed().await {
                // An invalidation that was acknowledged before this read began may be missing in an older one.
                Some(Landed::Value(copy)) if copy.as_of >= started => return Ok((copy, Some(Outcome::Coalesced))),
                Some(Landed::Failed(error, at)) if at >= started => return Err(error),
                _ => {}
            }
        }
        let landed = self.load_alone(&subject, load).await;
        match landed {
            Landed::Value(copy) => Ok((copy, Some(Outcome::Miss))),
            Landed::Failed(error, _) => Err(error),
            Landed::Elsewhere => Err(LoadError::Abandoned),
        }
    }

    /// What the levels outside of this process have: Redis, or Postgres while it is away.
    pub(crate) async fn find(&self, subject: &Subject) -> Found {
        let as_of = self.clock.steady();
        let redis = match &self.remote {
            Some(remote) => remote.fetch(&subject.names).await.ok(),
            None => None,
        };
        let (level, fetched) = match (redis, &self.standby) {
            (Some(fetched), _) => (Level::Redis, Some(fetched)),
            (None, Some(standby)) => (Level::Postgres, standby.fetch(&subject.names).await.ok()),
            (None, None) => (Level::Redis, None),
        };
        match fetched {
            Some(Fetched { entry: Some(entry), generations }) => {
                self.judge(subject, &entry, &generations, level, as_of)
            }
            _ => Found::Nothing(Vec::new()),
        }
    }

    /// Whether this entry may be told. If so it is kept in this process too.
    pub(crate) fn judge(
        &self,
        subject: &Subject,
        entry: &[u8],
        generations: &[Option<Generation>],
        level: Level,
        as_of: Instant,
    ) -> Found {
        let Some(encoded) = Encoded::read(entry) else { return Found::Nothing(Vec::new()) };
        let told = encoded.holds_under(generations) && encoded.times.stale_until > self.clock.wall();
        let value = match told {
            true if encoded.absent => Some((None, 0)),
            true => (subject.decode)(&encoded).map(|(value, length)| (Some(value), length)),
            false => None,
        };
        let Some((value, length)) = value else { return Found::Nothing(encoded.times.bytes().to_vec()) };
        let copy = Copy { value, times: encoded.times, level, as_of, length, warmed: encoded.warmed };
        self.keep(subject, copy.clone());
        Found::Copy(copy)
    }

    /// Keeps the process's own copy.
    pub(crate) fn keep(&self, subject: &Subject, copy: Copy) {
        self.local.insert(subject.identity.clone(), copy, subject.tags.clone(), subject.spec.life.in_process);
    }

    /// Forgets what is past its time, and says how much there is.
    async fn tend(&self) {
        if let Some(standby) = &self.standby {
            standby.sweep(self.is_connected()).await;
        }
        let (bytes, copies) = self.local.size();
        metrics::gauge!("offhook_cache_process_bytes").set(bytes as f64);
        metrics::gauge!("offhook_cache_process_copies").set(copies as f64);
    }
}

fn read_of<V: Send + Sync + 'static>(copy: Copy, now: Millis) -> Read<V> {
    debug_assert!(copy.value.as_ref().is_none_or(|value| value.is::<V>()), "two kinds have one name and shape");
    Read {
        value: copy.value.and_then(|value| value.downcast().ok()),
        from: copy.level,
        age: now.since(copy.times.built),
        stale: copy.times.fresh_until <= now,
    }
}

fn decode<V: DeserializeOwned + Send + Sync + 'static>(
    entry: &Encoded<'_>,
) -> Option<(Arc<dyn std::any::Any + Send + Sync>, usize)> {
    let (value, length) = entry.value::<V>()?;
    Some((Arc::new(value), length))
}
