//! What an invalidation ends and what it leaves: other orgs, other parts, other kinds, and loads that began before it.

use std::time::Duration;

use cache::{Clock, Key, Kind as _, Level, OrgTag};
use testkit::until;

use crate::{
    counters::Counters,
    kinds::List,
    origin::{Answer, Origin},
    things::{
        Thing, bump, cache, caches, caches_by, caches_without_redis, connected, heard, lone_cache, read, servers, value,
    },
};

const VALUES: &str = "return #redis.call('KEYS', '*:v:*')";
const LOSE_GENERATIONS: &str = "return redis.call('DEL', unpack(redis.call('KEYS', '*:g:*')))";

#[tokio::test]
async fn orgs_with_equal_things_share_nothing_at_any_level() {
    let (world, clock) = (servers().await, Clock::default());
    let [one, other] = caches(&world).await;
    let [away, away_too] = caches_without_redis(&world, &clock);
    let things = [Thing::of("demo", "a"), Thing::of("other", "a")];
    for (first, second, level) in [(&one, &other, Level::Redis), (&away, &away_too, Level::Postgres)] {
        let origins = [Origin::of(1), Origin::of(2)];
        for (thing, (origin, number)) in things.iter().zip(origins.iter().zip([1, 2])) {
            assert_eq!(read(first, thing, origin).await, (Some(number), Level::Origin));
            assert_eq!(read(first, thing, origin).await, (Some(number), Level::Process));
        }
        for (thing, (origin, number)) in things.iter().zip(origins.iter().zip([1, 2])) {
            until("the value has arrived", async || {
                let (told, from) = read(second, thing, origin).await;
                assert_eq!(told, Some(number));
                (from == level).then_some(())
            })
            .await;
        }
    }
    world.abandon();
}

#[tokio::test]
async fn an_invalidation_in_one_org_leaves_the_other() {
    let world = servers().await;
    let [one, other] = caches(&world).await;
    let (ours, theirs) = (Thing::of("demo", "a"), Thing::of("other", "a"));
    let (origin, their_origin) = (Origin::of(1), Origin::of(1));
    value(&one, &ours, &origin).await;
    value(&one, &theirs, &their_origin).await;
    bump(&one, &[&other], &ours.tags()).await;
    value(&other, &ours, &origin).await;
    assert_eq!(read(&one, &theirs, &their_origin).await.1, Level::Process);
    assert_eq!(read(&other, &theirs, &their_origin).await.1, Level::Redis);
    assert_eq!((origin.asked(), their_origin.asked()), (2, 1));
    world.abandon();
}

#[tokio::test]
async fn what_tells_readers_apart_makes_other_entries_which_die_together() {
    let world = servers().await;
    let [one, other] = caches(&world).await;
    let list = |limit| List { thing: Thing::new("a"), limit };
    let (short, long) = (Origin::of(5), Origin::of(20));
    for cache in [&one, &other] {
        assert_eq!(value(cache, &list(5), &short).await, Some(5));
        assert_eq!(value(cache, &list(20), &long).await, Some(20));
    }
    assert_eq!((short.asked(), long.asked()), (1, 1));
    bump(&one, &[&other], &Thing::new("a").tags()).await;
    value(&other, &list(5), &short).await;
    value(&other, &list(20), &long).await;
    assert_eq!((short.asked(), long.asked()), (2, 2));
    world.abandon();
}

#[tokio::test]
async fn parts_that_read_alike_when_put_together_are_not_alike() {
    let world = servers().await;
    let [one] = caches(&world).await;
    let list = |name: &str, limit| List { thing: Thing::new(name), limit };
    assert_eq!(value(&one, &list("a1", 1), &Origin::of(1)).await, Some(1));
    assert_eq!(value(&one, &list("a", 11), &Origin::of(2)).await, Some(2));
    world.abandon();
}

#[tokio::test]
async fn every_kind_under_a_tag_dies_by_one_invalidation_of_a_process_that_never_read_any() {
    let world = servers().await;
    let [one, other, ignorant] = caches(&world).await;
    let thing = Thing::new("a");
    let list = List { thing: thing.clone(), limit: 5 };
    let (origin, list_origin) = (Origin::of(1), Origin::of(10));
    for cache in [&one, &other] {
        assert_eq!(value(cache, &thing, &origin).await, Some(1));
        assert_eq!(value(cache, &list, &list_origin).await, Some(10));
    }
    origin.change(Answer::Found(2));
    list_origin.change(Answer::Found(20));
    bump(&ignorant, &[&one, &other], &thing.tags()).await;
    for cache in [&one, &other, &ignorant] {
        assert_eq!(value(cache, &thing, &origin).await, Some(2));
        assert_eq!(value(cache, &list, &list_origin).await, Some(20));
    }
    assert_eq!((origin.asked(), list_origin.asked()), (2, 2));
    world.abandon();
}

#[tokio::test]
async fn an_invalidation_that_nobody_announced_holds_after_a_second() {
    let (world, clock) = (servers().await, Clock::default());
    let [one, other] = caches_by(&world, &clock).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    for cache in [&one, &other] {
        assert_eq!(value(cache, &thing, &origin).await, Some(1));
    }
    origin.change(Answer::Found(2));
    one.bump(thing.tags()).await.unwrap();
    assert_eq!(value(&one, &thing, &origin).await, Some(2), "the process's own");
    clock.advance(Duration::from_secs(1));
    assert_eq!(value(&other, &thing, &origin).await, Some(2));
    world.abandon();
}

#[tokio::test]
async fn a_thousand_tags_are_invalidated_at_once() {
    let world = servers().await;
    let [one, other] = caches(&world).await;
    let things: Vec<_> = (0..1_200).map(|nth| Thing::new(&nth.to_string())).collect();
    let (some, origin) = ([&things[0], &things[600], &things[1_199]], Origin::of(1));
    for thing in some {
        assert_eq!(value(&one, thing, &origin).await, Some(1));
    }
    origin.change(Answer::Found(2));
    bump(&one, &[&other], &things.iter().flat_map(Thing::tags).collect::<Vec<_>>()).await;
    for thing in some {
        assert_eq!(value(&one, thing, &origin).await, Some(2));
        assert_eq!(value(&other, thing, &origin).await, Some(2));
    }
    world.abandon();
}

#[tokio::test]
async fn a_generation_that_is_lost_ends_its_values_for_good() {
    let world = servers().await;
    let [one, other] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    assert_eq!(value(&one, &thing, &origin).await, Some(1));
    assert_eq!(world.redis_number(LOSE_GENERATIONS).await, 1);
    origin.change(Answer::Fails);
    for _ in 0..2 {
        other.get(&thing, || origin.load()).await.expect_err("the old value");
    }
    origin.change(Answer::Found(2));
    assert_eq!(value(&other, &thing, &origin).await, Some(2));
    world.abandon();
}

#[tokio::test]
async fn a_slow_load_brings_nothing_old_back_after_an_invalidation() {
    let (world, counters) = (servers().await, Counters::start());
    let [one, other] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1).closed());
    let reader = tokio::spawn({
        let (one, thing, origin) = (one.clone(), thing.clone(), origin.clone());
        async move { value(&one, &thing, &origin).await }
    });
    until("the load has begun", async || (origin.asked() == 1).then_some(())).await;
    origin.change(Answer::Found(2));
    bump(&other, &[&one], &thing.tags()).await;
    origin.open();
    assert_eq!(reader.await.unwrap(), Some(1), "it began before");
    assert_eq!(counters.results("offhook_cache_fills_total"), [("moved".to_owned(), 1)].into());
    assert_eq!(world.redis_number(VALUES).await, 0);
    assert_eq!(read(&one, &thing, &origin).await, (Some(2), Level::Origin));
    assert_eq!(read(&other, &thing, &origin).await, (Some(2), Level::Redis));
    world.abandon();
}

#[tokio::test]
async fn a_refresh_that_an_invalidation_overtook_brings_nothing_old_back() {
    let (world, clock) = (servers().await, Clock::default());
    let [one, other] = caches_by(&world, &clock).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    assert_eq!(value(&one, &thing, &origin).await, Some(1));
    clock.advance(Duration::from_secs(60));
    origin.close();
    assert_eq!(value(&one, &thing, &origin).await, Some(1), "stale");
    until("the refresh has begun", async || (origin.asked() == 2).then_some(())).await;
    origin.change(Answer::Found(2));
    bump(&other, &[&one], &thing.tags()).await;
    let reader = tokio::spawn({
        let (one, thing, origin) = (one.clone(), thing.clone(), origin.clone());
        async move { value(&one, &thing, &origin).await }
    });
    tokio::task::yield_now().await;
    origin.open();
    assert_eq!(reader.await.unwrap(), Some(2));
    assert_eq!(value(&other, &thing, &origin).await, Some(2));
    world.abandon();
}

#[tokio::test]
async fn who_joins_a_load_that_began_before_an_invalidation_is_not_told_its_value() {
    // With nothing outside, a reader is in the flight when it has first been let run.
    let (one, thing, origin) = (lone_cache(), Thing::new("a"), Origin::of(1).closed());
    let reader = || {
        let (one, thing, origin) = (one.clone(), thing.clone(), origin.clone());
        tokio::spawn(async move { value(&one, &thing, &origin).await })
    };
    let early = reader();
    until("the load has begun", async || (origin.asked() == 1).then_some(())).await;
    origin.change(Answer::Found(2));
    one.bump(thing.tags()).await.unwrap();
    let late = reader();
    tokio::task::yield_now().await;
    assert_eq!(origin.asked(), 1);
    origin.open();
    assert_eq!((early.await.unwrap(), late.await.unwrap()), (Some(1), Some(2)));
    assert_eq!(value(&one, &thing, &origin).await, Some(2));
}

#[tokio::test]
async fn who_joins_such_a_load_in_redis_is_not_told_its_value_either() {
    let world = servers().await;
    let [one, other] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1).closed());
    let reader = |cache: &cache::Cache| {
        let (cache, thing, origin) = (cache.clone(), thing.clone(), origin.clone());
        tokio::spawn(async move { value(&cache, &thing, &origin).await })
    };
    let early = reader(&one);
    until("the load has begun", async || (origin.asked() == 1).then_some(())).await;
    origin.change(Answer::Found(2));
    // Not announced: the generations alone must do.
    other.bump(thing.tags()).await.unwrap();
    let late = [reader(&one), reader(&other)];
    let asked_redis = "return tonumber(redis.call('INFO', 'commandstats'):match('cmdstat_mget:calls=(%d+)'))";
    until("all have looked into Redis", async || (world.redis_number(asked_redis).await == 3).then_some(())).await;
    origin.open();
    assert_eq!(early.await.unwrap(), Some(1));
    for late in late {
        assert_eq!(late.await.unwrap(), Some(2));
    }
    world.abandon();
}

#[tokio::test]
async fn a_cache_that_came_later_hears_of_tags_by_their_names() {
    let world = servers().await;
    let [one] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    assert_eq!(value(&one, &thing, &origin).await, Some(1));
    origin.change(Answer::Found(2));
    // As another process writes and reads it.
    let sent: Vec<String> = thing.tags().into_iter().map(String::from).collect();
    let later = cache(&world, Clock::default());
    connected(&later).await;
    let tags: Vec<OrgTag> = sent.into_iter().map(OrgTag::from).collect();
    later.bump(tags.clone()).await.unwrap();
    heard(&[&one], &tags);
    assert_eq!(value(&one, &thing, &origin).await, Some(2));
    world.abandon();
}

#[test]
fn a_key_written_by_hand_has_the_tags_of_the_kinds_own() {
    let thing = Thing::new("a");
    let list = List { thing: thing.clone(), limit: 5 };
    let written = |parts: &[&str]| {
        let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        Key::written(&<List as cache::Kind>::SPEC, list.key().org(), &parts)
    };
    let key = written(&["a", "5"]).expect("two parts");
    assert_eq!(key.tags().collect::<Vec<_>>(), thing.tags());
    assert!(written(&["a"]).is_none() && written(&["a", "5", "6"]).is_none());
}
