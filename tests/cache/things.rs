//! Things that are cached only here, and caches of several processes in one.

use std::time::Duration;

use cache::{
    Bump, Cache, Clock, Key, Kind, Level, Life, LoadError, Mode, OrgTag, Parts, Piece, Read, Settings, Spec, Tag,
};
use contract::OrgId;
use testkit::{LIMIT, World, WorldOptions, until};
use tokio::time::timeout;

use crate::origin::Origin;

/// A thing with a name, which is its tag.
#[derive(Clone)]
pub(crate) struct Thing {
    org: OrgId,
    name: String,
}

impl Thing {
    pub(crate) fn new(name: &str) -> Self {
        Self::of("demo", name)
    }

    pub(crate) fn of(org: &str, name: &str) -> Self {
        Self { org: org.parse().expect("an org id"), name: name.to_owned() }
    }

    pub(crate) fn tags(&self) -> Vec<OrgTag> {
        self.key().tags().collect()
    }
}

impl Kind for Thing {
    const SPEC: Spec = Spec {
        name: "thing",
        about: "a number, for tests",
        shape: 1,
        pieces: &[Piece::Tag("thing", &["name"])],
        life: Life {
            fresh: Duration::from_secs(60),
            stale: Duration::from_secs(600),
            in_process: Duration::from_secs(1),
            absent: Duration::from_secs(30),
        },
        compress_over: 1024,
        load_max: Duration::from_secs(30),
    };
    type Value = usize;

    fn key(&self) -> Key {
        Key::of(&self.org).tag(&Tag::new("thing").part(&self.name))
    }
}

/// A world with no more in it than the servers.
pub(crate) async fn servers() -> World {
    World::with(WorldOptions { bare: true, own_postgres: false }).await
}

/// Caches as so many processes would have them, each connected.
pub(crate) async fn caches<const N: usize>(world: &World) -> [Cache; N] {
    caches_by(world, &Clock::default()).await
}

/// The same, all by this clock.
pub(crate) async fn caches_by<const N: usize>(world: &World, clock: &Clock) -> [Cache; N] {
    let caches = std::array::from_fn(|_| cache(world, clock.clone()));
    for cache in &caches {
        connected(cache).await;
    }
    caches
}

/// Caches whose Redis is away, and nobody knows why.
pub(crate) fn caches_without_redis<const N: usize>(world: &World, clock: &Clock) -> [Cache; N] {
    std::array::from_fn(|_| start(&Settings { redis_url: None, ..settings(world) }, parts(world, clock.clone())))
}

/// A cache that has nothing but itself.
pub(crate) fn lone_cache() -> Cache {
    let settings = Settings { redis_url: None, mode: Mode::On, memory_mib: 8, operation_ms: 5_000, lives: Vec::new() };
    start(&settings, Parts::default())
}

pub(crate) fn cache(world: &World, clock: Clock) -> Cache {
    start(&settings(world), parts(world, clock))
}

pub(crate) fn settings(world: &World) -> Settings {
    Settings {
        redis_url: Some(world.redis.url()),
        mode: Mode::On,
        memory_mib: 8,
        operation_ms: 5_000,
        lives: Vec::new(),
    }
}

pub(crate) fn parts(world: &World, clock: Clock) -> Parts {
    Parts { kinds: vec![Thing::SPEC], standby: Some(world.pool.clone()), announce: None, clock }
}

pub(crate) fn start(settings: &Settings, parts: Parts) -> Cache {
    Cache::start(settings, parts).expect("an address of Redis")
}

pub(crate) async fn connected(cache: &Cache) {
    until("the cache is connected", async || cache.is_connected().then_some(())).await;
}

pub(crate) async fn disconnected(cache: &Cache) {
    until("the cache has left Redis alone", async || (!cache.is_connected()).then_some(())).await;
}

/// What a read is told, and from where.
pub(crate) async fn read<K>(cache: &Cache, kind: &K, origin: &Origin<K::Value>) -> (Option<K::Value>, Level)
where
    K: Kind,
    K::Value: Clone,
{
    let read = ended(cache, kind, origin).await.expect("a read that is answered");
    (read.value.as_deref().cloned(), read.from)
}

/// What a read is told.
pub(crate) async fn value<K>(cache: &Cache, kind: &K, origin: &Origin<K::Value>) -> Option<K::Value>
where
    K: Kind,
    K::Value: Clone,
{
    read(cache, kind, origin).await.0
}

/// Why a read is told nothing.
pub(crate) async fn refused<K>(cache: &Cache, kind: &K, origin: &Origin<K::Value>) -> LoadError
where
    K: Kind,
    K::Value: Clone,
{
    ended(cache, kind, origin).await.err().expect("a read that fails")
}

/// A read that comes to an end.
async fn ended<K>(cache: &Cache, kind: &K, origin: &Origin<K::Value>) -> Result<Read<K::Value>, LoadError>
where
    K: Kind,
    K::Value: Clone,
{
    timeout(LIMIT, cache.get(kind, || origin.load())).await.expect("a read ends, whatever happens")
}

/// An invalidation by one process, of which the others have heard.
pub(crate) async fn bump(by: &Cache, others: &[&Cache], tags: &[OrgTag]) {
    by.bump(tags.to_vec()).await.expect("an invalidation that is acknowledged");
    heard(others, tags);
}

/// The news of an invalidation.
pub(crate) fn heard(by: &[&Cache], tags: &[OrgTag]) {
    by.iter().for_each(|cache| cache.hear(&Bump { tags: tags.to_vec() }));
}
