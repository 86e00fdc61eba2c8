//! Redis away in every way it can be, and Postgres with it: reads go on, invalidations say so, and all comes back by itself.

use std::time::Duration;

use cache::{Cache, Clock, Kind as _, Level, Life, Mode, Parts, Settings, Spec};
use testkit::{World, WorldOptions, until};

use crate::{
    origin::{Answer, Origin},
    things::{
        Thing, bump, cache, caches, connected, disconnected, heard, lone_cache, parts, read, servers, settings, start,
        value,
    },
};

/// What may happen to Redis.
#[derive(Clone, Copy, PartialEq)]
enum Outage {
    Frozen,
    Killed,
    Full,
    ReadOnly,
    LocksUsOut,
}

impl Outage {
    async fn begin(self, world: &mut World) {
        match self {
            Self::Frozen => world.redis.freeze().expect("a stop"),
            Self::Killed => world.redis.kill().await.expect("an end"),
            Self::Full => {
                world.redis_command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
                world.redis_command(&["CONFIG", "SET", "maxmemory", "1"]).await;
            }
            // Nobody listens there, so it stays what it is but takes no writes.
            Self::ReadOnly => drop(world.redis_command(&["REPLICAOF", "127.0.0.1", "1"]).await),
            Self::LocksUsOut => {
                world.redis_command(&["ACL", "SETUSER", "cache", "resetpass", ">another"]).await;
                world.redis_command(&["CLIENT", "KILL", "USER", "cache"]).await;
            }
        }
    }

    async fn end(self, world: &mut World) {
        match self {
            Self::Frozen => world.redis.thaw().expect("a continuation"),
            Self::Killed => {
                world.redis.restart().await.expect("a start");
                let_in(world).await;
            }
            Self::Full => drop(world.redis_command(&["CONFIG", "SET", "maxmemory", "0"]).await),
            Self::ReadOnly => drop(world.redis_command(&["REPLICAOF", "NO", "ONE"]).await),
            Self::LocksUsOut => let_in(world).await,
        }
    }

    /// A full server still answers and takes deletions, so nobody leaves it alone.
    fn parts_us(self) -> bool {
        self != Self::Full
    }
}

async fn let_in(world: &World) {
    world.redis_command(&["ACL", "SETUSER", "cache", "on", ">secret", "~*", "+@all"]).await;
}

/// Settings of a cache that comes with a password, and soon knows that Redis is silent.
fn outage_settings(world: &World) -> Settings {
    let url = world.redis.url().replace("redis://", "redis://cache:secret@");
    Settings { redis_url: Some(url), operation_ms: 500, ..settings(world) }
}

/// Caches that keep nothing in their process, which would only hide the levels that are looked at here.
fn outage_caches<const N: usize>(world: &World) -> [Cache; N] {
    let spec = Spec { life: Life { in_process: Duration::ZERO, ..Thing::SPEC.life }, ..Thing::SPEC };
    let parts = || Parts { kinds: vec![spec], ..parts(world, Clock::default()) };
    std::array::from_fn(|_| start(&outage_settings(world), parts()))
}

/// A read is told `expected` by this level, sooner or later, and nothing else before.
async fn told_by(level: Level, cache: &Cache, thing: &Thing, origin: &Origin<usize>, expected: usize) {
    until(&format!("a read is told by {level:?}"), async || {
        let (told, from) = read(cache, thing, origin).await;
        assert_eq!(told, Some(expected));
        (from == level).then_some(())
    })
    .await;
}

async fn acknowledged(cache: &Cache, thing: &Thing) {
    until("the invalidation is acknowledged", async || cache.bump(thing.tags()).await.ok()).await;
}

async fn reads_go_on(outage: Outage) {
    let mut world = servers().await;
    let_in(&world).await;
    let [one, other] = outage_caches(&world);
    connected(&one).await;
    connected(&other).await;
    let (kept, new, origin) = (Thing::new("kept"), Thing::new("new"), Origin::of(1));
    told_by(Level::Redis, &one, &kept, &origin, 1).await;
    told_by(Level::Redis, &other, &kept, &origin, 1).await;

    outage.begin(&mut world).await;
    for cache in [&one, &other] {
        assert_eq!(value(cache, &new, &origin).await, Some(1));
        assert_eq!(value(cache, &kept, &origin).await, Some(1));
    }
    if outage.parts_us() {
        disconnected(&one).await;
        disconnected(&other).await;
        for cache in [&one, &other] {
            told_by(Level::Postgres, cache, &new, &origin, 1).await;
            told_by(Level::Postgres, cache, &kept, &origin, 1).await;
        }
        assert!(!one.is_connected() && !other.is_connected(), "nobody has tried meanwhile");
    }
    origin.change(Answer::Found(2));
    let bumped = one.bump(kept.tags()).await;
    assert_eq!(bumped.is_err(), outage.parts_us(), "{bumped:?}");
    if bumped.is_ok() {
        heard(&[&other], &kept.tags());
        for cache in [&one, &other] {
            assert_eq!(value(cache, &kept, &origin).await, Some(2));
        }
    }

    outage.end(&mut world).await;
    connected(&one).await;
    connected(&other).await;
    acknowledged(&one, &kept).await;
    heard(&[&other], &kept.tags());
    for cache in [&one, &other] {
        assert_eq!(
            value(cache, &kept, &origin).await,
            Some(2),
            "no read after an invalidation is told what was before"
        );
    }
    told_by(Level::Redis, &one, &kept, &origin, 2).await;
    told_by(Level::Redis, &other, &kept, &origin, 2).await;
    world.abandon();
}

#[tokio::test]
async fn reads_go_on_while_redis_is_frozen() {
    reads_go_on(Outage::Frozen).await;
}

#[tokio::test]
async fn reads_go_on_while_redis_is_dead() {
    reads_go_on(Outage::Killed).await;
}

#[tokio::test]
async fn reads_and_invalidations_go_on_while_redis_is_full() {
    reads_go_on(Outage::Full).await;
}

#[tokio::test]
async fn reads_go_on_while_redis_is_a_replica() {
    reads_go_on(Outage::ReadOnly).await;
}

#[tokio::test]
async fn reads_go_on_while_redis_has_another_password() {
    reads_go_on(Outage::LocksUsOut).await;
}

#[tokio::test]
async fn a_full_redis_still_tells_what_it_has() {
    let mut world = servers().await;
    let [one, other] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    assert_eq!(value(&one, &thing, &origin).await, Some(1));
    Outage::Full.begin(&mut world).await;
    assert_eq!(read(&other, &thing, &origin).await, (Some(1), Level::Redis));
    let absent = Origin::of(2);
    assert_eq!(read(&other, &Thing::new("b"), &absent).await, (Some(2), Level::Origin));
    assert!(one.is_connected() && other.is_connected());
    world.abandon();
}

#[tokio::test]
async fn a_redis_that_never_lets_us_in_is_no_redis() {
    let world = servers().await;
    let url = world.redis.url().replace("redis://", "redis://cache:wrong@");
    let unwelcome = Settings { redis_url: Some(url), ..settings(&world) };
    let [one, other] = [(); 2].map(|()| start(&unwelcome, parts(&world, Clock::default())));
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    assert_eq!(read(&one, &thing, &origin).await, (Some(1), Level::Origin));
    told_by(Level::Postgres, &other, &thing, &origin, 1).await;
    one.bump(thing.tags()).await.expect_err("Redis may hold what this leaves");
    assert!(!one.is_connected() && !other.is_connected());
    world.abandon();
}

#[tokio::test]
async fn reads_end_at_the_origin_while_redis_and_postgres_are_frozen() {
    let world = World::with(WorldOptions { own_postgres: true, bare: true }).await;
    let_in(&world).await;
    let [one, other] = outage_caches(&world);
    connected(&one).await;
    connected(&other).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    told_by(Level::Redis, &other, &thing, &origin, 1).await;
    let postgres = world.postgres.as_ref().expect("the world's own");
    postgres.freeze().expect("a stop");
    assert_eq!(read(&one, &thing, &origin).await, (Some(1), Level::Redis), "nobody asks Postgres");
    one.bump(thing.tags()).await.expect_err("Postgres may hold what this leaves");
    world.redis.freeze().expect("a stop");
    origin.change(Answer::Found(2));
    one.bump(thing.tags()).await.expect_err("nobody could confirm it");
    heard(&[&other], &thing.tags());
    for cache in [&one, &other] {
        assert_eq!(read(cache, &thing, &origin).await, (Some(2), Level::Origin));
        disconnected(cache).await;
        assert_eq!(read(cache, &Thing::new("b"), &origin).await, (Some(2), Level::Origin));
    }
    postgres.thaw().expect("a continuation");
    told_by(Level::Postgres, &one, &thing, &origin, 2).await;
    world.redis.thaw().expect("a continuation");
    connected(&one).await;
    connected(&other).await;
    acknowledged(&one, &thing).await;
    heard(&[&other], &thing.tags());
    told_by(Level::Redis, &one, &thing, &origin, 2).await;
    told_by(Level::Redis, &other, &thing, &origin, 2).await;
    world.abandon();
}

#[tokio::test]
async fn a_cache_that_has_nothing_remembers_for_itself() {
    let (cache, thing, origin) = (lone_cache(), Thing::new("a"), Origin::of(1));
    assert_eq!(read(&cache, &thing, &origin).await, (Some(1), Level::Origin));
    assert_eq!(read(&cache, &thing, &origin).await, (Some(1), Level::Process));
    origin.change(Answer::Found(2));
    cache.bump(thing.tags()).await.unwrap();
    assert_eq!(read(&cache, &thing, &origin).await, (Some(2), Level::Origin));
    assert!(!cache.is_connected());
}

#[tokio::test]
async fn a_cache_that_is_off_loads_every_time_and_still_invalidates_for_others() {
    let mut world = servers().await;
    let off = start(&Settings { mode: Mode::Off, ..outage_settings(&world) }, parts(&world, Clock::default()));
    let_in(&world).await;
    connected(&off).await;
    let [one, other] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    for asked in 1..=3 {
        assert_eq!(read(&off, &thing, &origin).await, (Some(1), Level::Origin));
        assert_eq!(origin.asked(), asked);
    }
    assert_eq!(read(&one, &thing, &origin).await, (Some(1), Level::Origin), "it kept nothing for others");
    origin.change(Answer::Found(2));
    bump(&off, &[&one], &thing.tags()).await;
    assert_eq!(value(&one, &thing, &origin).await, Some(2));
    assert_eq!(value(&other, &thing, &origin).await, Some(2));
    world.redis.kill().await.expect("an end");
    disconnected(&off).await;
    off.bump(thing.tags()).await.expect("it has no cache to be wrong");
    world.abandon();
}

#[tokio::test]
async fn a_redis_that_was_emptied_tells_nothing_old() {
    let world = servers().await;
    let [one, other] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    assert_eq!(value(&one, &thing, &origin).await, Some(1));
    world.redis_command(&["FLUSHALL"]).await;
    origin.change(Answer::Found(2));
    assert_eq!(read(&other, &thing, &origin).await, (Some(2), Level::Origin));
    assert_eq!(read(&cache(&world, Clock::default()), &thing, &origin).await.0, Some(2));
    world.abandon();
}
