//! Many readers of one thing at once, in several processes: one load, and nobody left behind.

use std::time::Instant;

use cache::{Cache, Clock, Level, LoadError};
use testkit::until;
use tokio::{runtime, task::JoinHandle};

use crate::{
    counters::Counters,
    origin::{Answer, Origin},
    things::{Thing, cache, caches, connected, lone_cache, read, refused, servers, value},
};

/// Leases that Redis holds.
const LEASES: &str = "return #redis.call('KEYS', '*:l:*')";
/// Takes all leases away.
const LOSE_LEASES: &str = "return redis.call('DEL', unpack(redis.call('KEYS', '*:l:*')))";

/// So many readers at once, in turn through each of the caches.
fn crowd(size: usize, caches: &[&Cache], thing: &Thing, origin: &Origin<usize>) -> Vec<JoinHandle<Option<usize>>> {
    let reader = |cache: &Cache| {
        let (cache, thing, origin) = (cache.clone(), thing.clone(), origin.clone());
        tokio::spawn(async move { value(&cache, &thing, &origin).await })
    };
    caches.iter().cycle().take(size).map(|cache| reader(cache)).collect()
}

async fn all_told(crowd: Vec<JoinHandle<Option<usize>>>, expected: usize) {
    for reader in crowd {
        assert_eq!(reader.await.expect("an answered reader"), Some(expected));
    }
}

async fn asked(origin: &Origin<usize>, times: usize) {
    until("the origin is asked", async || (origin.asked() >= times).then_some(())).await;
}

#[tokio::test]
async fn fifty_readers_in_three_processes_cause_one_load() {
    let world = servers().await;
    let [one, two, three] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(7).closed());
    let readers = crowd(50, &[&one, &two, &three], &thing, &origin);
    asked(&origin, 1).await;
    origin.open();
    all_told(readers, 7).await;
    assert_eq!(origin.asked(), 1);
    world.abandon();
}

#[tokio::test]
async fn fifty_readers_in_a_process_that_has_nothing_cause_one_load() {
    let (cache, thing, origin) = (lone_cache(), Thing::new("a"), Origin::of(7).closed());
    let readers = crowd(50, &[&cache], &thing, &origin);
    asked(&origin, 1).await;
    origin.open();
    all_told(readers, 7).await;
    assert_eq!(origin.asked(), 1);
}

#[tokio::test]
async fn a_process_that_dies_while_it_loads_costs_one_more_load() {
    let world = servers().await;
    let [two, three] = caches(&world).await;
    let (thing, lost, origin) = (Thing::new("a"), Origin::of(1).closed(), Origin::of(2));
    let process = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let one = {
        let _inside = process.enter();
        cache(&world, Clock::default())
    };
    connected(&one).await;
    process.spawn({
        let (thing, lost) = (thing.clone(), lost.clone());
        async move { one.get(&thing, || lost.load()).await.map(drop) }
    });
    asked(&lost, 1).await;
    let readers = crowd(50, &[&two, &three], &thing, &origin);
    let died = Instant::now();
    process.shutdown_background();
    all_told(readers, 2).await;
    eprintln!("all readers were answered {:?} after the loading process had died", died.elapsed());
    assert_eq!((lost.asked(), origin.asked()), (1, 1));
    world.abandon();
}

#[tokio::test]
async fn who_has_waited_long_enough_for_another_process_loads_for_itself() {
    let world = servers().await;
    let [one, two, three] = caches(&world).await;
    let (thing, slow, origin) = (Thing::new("a"), Origin::of(1).closed(), Origin::of(2));
    let reader = crowd(1, &[&one], &thing, &slow);
    asked(&slow, 1).await;
    assert_eq!(read(&two, &thing, &origin).await, (Some(2), Level::Origin));
    // The lease was left to its holder, whose value is the one for all.
    assert_eq!(world.redis_number(LEASES).await, 1);
    slow.open();
    all_told(reader, 1).await;
    assert_eq!(read(&three, &thing, &origin).await, (Some(1), Level::Redis));
    world.abandon();
}

#[tokio::test]
async fn who_has_lost_a_lease_neither_fills_nor_frees_the_next_holders() {
    let (world, counters) = (servers().await, Counters::start());
    let [one, two, three] = caches(&world).await;
    let (thing, slow, origin) = (Thing::new("a"), Origin::of(1).closed(), Origin::of(2).closed());
    let first = crowd(1, &[&one], &thing, &slow);
    asked(&slow, 1).await;
    assert_eq!(world.redis_number(LOSE_LEASES).await, 1);
    let second = crowd(1, &[&two], &thing, &origin);
    asked(&origin, 1).await;
    slow.open();
    all_told(first, 1).await;
    assert_eq!(counters.results("offhook_cache_fills_total"), [("lease_lost".to_owned(), 1)].into());
    assert_eq!(world.redis_number(LEASES).await, 1, "the second holder's");
    origin.open();
    all_told(second, 2).await;
    assert_eq!(read(&three, &thing, &origin).await, (Some(2), Level::Redis));
    world.abandon();
}

#[tokio::test]
async fn who_fails_after_a_lost_lease_leaves_the_next_holder_its_own() {
    let world = servers().await;
    let [one, two, three] = caches(&world).await;
    let (thing, slow, origin) = (Thing::new("a"), Origin::new(Answer::Fails).closed(), Origin::of(2).closed());
    let first = tokio::spawn({
        let (thing, slow) = (thing.clone(), slow.clone());
        async move { refused(&one, &thing, &slow).await }
    });
    asked(&slow, 1).await;
    assert_eq!(world.redis_number(LOSE_LEASES).await, 1);
    let second = crowd(1, &[&two], &thing, &origin);
    asked(&origin, 1).await;
    slow.open();
    assert!(matches!(first.await, Ok(LoadError::Failed(_))));
    assert_eq!(world.redis_number(LEASES).await, 1, "the second holder's");
    origin.open();
    all_told(second, 2).await;
    assert_eq!(read(&three, &thing, &origin).await, (Some(2), Level::Redis));
    world.abandon();
}

#[tokio::test]
async fn a_reader_that_leaves_does_not_take_the_load_along() {
    let world = servers().await;
    let [one, two] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(7).closed());
    let leaver = crowd(1, &[&one], &thing, &origin).remove(0);
    asked(&origin, 1).await;
    leaver.abort();
    assert!(leaver.await.is_err_and(|error| error.is_cancelled()));
    let readers = crowd(10, &[&one, &two], &thing, &origin);
    // So that they are on their way before the load ends.
    tokio::task::yield_now().await;
    origin.open();
    all_told(readers, 7).await;
    assert_eq!(origin.asked(), 1);
    world.abandon();
}
