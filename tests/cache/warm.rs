//! Loading ahead of the readers: once for all processes, under the same promise, found and counted by who reads.

use std::time::Duration;

use cache::{Cache, Clock, Level, LoadError, Loaded, Mode, Settings, Warmed, Warmth};
use testkit::until;

use crate::{
    counters::Counters,
    origin::{Answer, Origin},
    things::{Thing, bump, caches, caches_by, caches_without_redis, parts, read, servers, settings, start, value},
};

const AHEAD: Duration = Duration::from_secs(10);
/// How long a thing is fresh.
const FRESH: Duration = Duration::from_secs(60);

async fn warm(cache: &Cache, thing: &Thing, origin: &Origin<usize>) -> Result<Warmed, LoadError> {
    cache.warm(thing, AHEAD, || origin.load()).await
}

async fn warmth(cache: &Cache, thing: &Thing, origin: &Origin<usize>) -> Warmth {
    warm(cache, thing, origin).await.expect("it can be loaded").warmth
}

#[tokio::test]
async fn what_was_warmed_is_found_by_others_and_counted_at_their_reads() {
    let (world, counters) = (servers().await, Counters::start());
    let [one, two] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(7));
    let warmed = warm(&one, &thing, &origin).await.expect("it can be loaded");
    assert_eq!(warmed.warmth, Warmth::Loaded);
    assert!(warmed.fresh_for > AHEAD && warmed.fresh_for <= FRESH, "{warmed:?}");
    assert!(counters.results("offhook_cache_reads_total").is_empty(), "a warming is no read");
    assert_eq!(read(&two, &thing, &origin).await, (Some(7), Level::Redis));
    assert_eq!(read(&two, &thing, &origin).await, (Some(7), Level::Process));
    assert_eq!(counters.sum("offhook_cache_warmed_reads_total"), 2.0);
    assert_eq!(warmth(&two, &thing, &origin).await, Warmth::Already);

    let other = Thing::new("b");
    value(&two, &other, &origin).await;
    assert_eq!(warmth(&one, &other, &origin).await, Warmth::Already);
    value(&one, &other, &origin).await;
    assert_eq!(counters.sum("offhook_cache_warmed_reads_total"), 2.0, "a reader has loaded the other one");
    let results = [("already".to_owned(), 2), ("loaded".to_owned(), 1)].into();
    assert_eq!((origin.asked(), counters.results("offhook_cache_warmed_total")), (2, results));
    world.abandon();
}

#[tokio::test]
async fn what_is_about_to_pass_is_loaded_anew_and_stays_if_it_can_t_be() {
    let (world, clock) = (servers().await, Clock::default());
    let [one, two] = caches_by(&world, &clock).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    warmth(&one, &thing, &origin).await;
    clock.advance(FRESH - 2 * AHEAD);
    assert_eq!(warmth(&one, &thing, &origin).await, Warmth::Already);
    clock.advance(AHEAD + AHEAD / 2);
    origin.change(Answer::Fails);
    assert!(matches!(warm(&one, &thing, &origin).await, Err(LoadError::Failed(_))));
    assert_eq!(value(&two, &thing, &origin).await, Some(1), "it is fresh for some seconds yet");
    origin.change(Answer::Found(2));
    assert_eq!(warmth(&one, &thing, &origin).await, Warmth::Loaded);
    clock.advance(Duration::from_secs(2));
    assert_eq!(read(&two, &thing, &origin).await, (Some(2), Level::Redis));
    assert_eq!(origin.asked(), 3);
    world.abandon();
}

#[tokio::test]
async fn two_processes_that_warm_cause_one_load_and_a_reader_joins_it() {
    let world = servers().await;
    let [one, two] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(7).closed());
    let spawn_warm = |cache: &Cache| {
        let (cache, thing, origin) = (cache.clone(), thing.clone(), origin.clone());
        tokio::spawn(async move { warmth(&cache, &thing, &origin).await })
    };
    let first = spawn_warm(&one);
    until("the origin is asked", async || (origin.asked() == 1).then_some(())).await;
    assert_eq!(warmth(&two, &thing, &origin).await, Warmth::Elsewhere, "nobody waits for it");
    let readers = [&one, &two].map(|cache| {
        let (cache, thing, origin) = (cache.clone(), thing.clone(), origin.clone());
        tokio::spawn(async move { value(&cache, &thing, &origin).await })
    });
    tokio::task::yield_now().await;
    origin.open();
    assert_eq!(first.await.expect("no panic"), Warmth::Loaded);
    for reader in readers {
        assert_eq!(reader.await.expect("no panic"), Some(7));
    }
    assert_eq!(origin.asked(), 1);
    world.abandon();
}

#[tokio::test]
async fn a_warming_that_an_invalidation_has_overtaken_fills_nothing() {
    let world = servers().await;
    let [one, two] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1).closed());
    let warming = tokio::spawn({
        let (cache, thing, origin) = (one.clone(), thing.clone(), origin.clone());
        async move { warmth(&cache, &thing, &origin).await }
    });
    until("the origin is asked", async || (origin.asked() == 1).then_some(())).await;
    bump(&two, &[&one], &thing.tags()).await;
    origin.change(Answer::Found(2));
    origin.open();
    warming.await.expect("no panic");
    for cache in [&one, &two] {
        assert_eq!(value(cache, &thing, &origin).await, Some(2));
    }
    world.abandon();
}

#[tokio::test]
async fn without_redis_what_stands_in_is_warmed_and_with_the_cache_off_nothing_is() {
    let world = servers().await;
    let [one, two] = caches_without_redis(&world, &Clock::default());
    let (thing, origin) = (Thing::new("a"), Origin::of(7));
    assert_eq!(warmth(&one, &thing, &origin).await, Warmth::Loaded);
    until("Postgres has it", async || (read(&two, &thing, &origin).await.1 == Level::Postgres).then_some(())).await;
    let off = start(&Settings { mode: Mode::Off, ..settings(&world) }, parts(&world, Clock::default()));
    let warmed = off.warm(&thing, AHEAD, || async { Loaded::Failed("it was asked".into()) }).await;
    assert_eq!(warmed.expect("nobody is asked").warmth, Warmth::Off);
    world.abandon();
}
