//! Rate budgets: one account, many processes, one budget.

use std::time::Duration;

use cache::{Account, Cache, Priority, Rate};
use testkit::{World, until};

use crate::things::{cache, caches};

const RATE: Rate = Rate { burst: 20, every: Duration::from_secs(3600), reserve: 5, share: 25 };

fn account(name: &str) -> Account {
    Account { org: "demo".parse().expect("an org id"), name: name.to_owned() }
}

/// Calls that are granted in a row.
async fn granted(cache: &Cache, account: &Account, priority: Priority) -> usize {
    let mut granted = 0;
    while cache.take(account, &RATE, priority).await.is_ok() {
        granted += 1;
    }
    granted
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_together_keep_to_one_budget_and_live_calls_find_some_of_it() {
    let world = World::start().await;
    let caches: [Cache; 3] = caches(&world).await;
    let crm = account("crm");
    let background = caches.each_ref().map(|cache| granted(cache, &crm, Priority::Background));
    let [a, b, c] = background;
    let (a, b, c) = tokio::join!(a, b, c);
    assert_eq!(a + b + c, 15, "what is not kept for live calls");
    assert_eq!(granted(&caches[0], &crm, Priority::Live).await, 5);
    let wait = caches[1].take(&crm, &RATE, Priority::Live).await.expect_err("nothing is left");
    assert!(wait <= RATE.every && wait > RATE.every / 2, "{wait:?}");
    assert_eq!(granted(&caches[2], &account("calendar"), Priority::Live).await, 20, "another account has its own");
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_each_process_keeps_to_its_share() {
    let mut world = World::start().await;
    let [one] = caches(&world).await;
    world.redis.kill().await.expect("Redis can be killed");
    until("the cache knows", async || (!one.is_connected()).then_some(())).await;
    assert_eq!(granted(&one, &account("crm"), Priority::Live).await, 5, "a quarter of 20");
    assert_eq!(granted(&cache(&world, cache::Clock::default()), &account("crm"), Priority::Background).await, 4);
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_a_vendor_asks_for_is_kept_by_all_processes() {
    let mut world = World::start().await;
    let [one, other] = caches(&world).await;
    let crm = account("crm");
    one.pause(&crm, Duration::from_secs(300)).await;
    for cache in [&one, &other] {
        let wait = cache.take(&crm, &RATE, Priority::Live).await.expect_err("it is paused");
        assert!(wait > Duration::from_secs(200), "{wait:?}");
    }
    // Who heard the vendor say so remembers it without Redis too.
    world.redis.kill().await.expect("Redis can be killed");
    until("the cache knows", async || (!one.is_connected()).then_some(())).await;
    assert!(one.take(&crm, &RATE, Priority::Live).await.is_err());
    world.end_with_dead_letters(0).await;
}

/// Ends Redis and starts it again, empty; waits until the cache has noticed both.
async fn restarted(world: &mut World, cache: &Cache) {
    world.redis.kill().await.expect("Redis can be killed");
    until("the cache knows", async || (!cache.is_connected()).then_some(())).await;
    world.redis.restart().await.expect("Redis starts");
    until("the cache is connected", async || cache.is_connected().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_empty_gives_nobody_a_full_budget() {
    let mut world = World::start().await;
    let [one] = caches(&world).await;
    let crm = account("crm");
    assert_eq!(granted(&one, &crm, Priority::Live).await, 20);
    restarted(&mut world, &one).await;
    assert!(granted(&one, &crm, Priority::Live).await <= 1);
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_was_heard_without_redis_is_kept_when_it_is_back() {
    let mut world = World::start().await;
    let [one] = caches(&world).await;
    let crm = account("crm");
    world.redis.kill().await.expect("Redis can be killed");
    until("the cache knows", async || (!one.is_connected()).then_some(())).await;
    one.pause(&crm, Duration::from_secs(300)).await;
    // A later and shorter one does not end it.
    one.pause(&crm, Duration::from_secs(1)).await;
    world.redis.restart().await.expect("Redis starts");
    until("the cache is connected", async || one.is_connected().then_some(())).await;
    let wait = one.take(&crm, &RATE, Priority::Live).await.expect_err("it is paused");
    assert!(wait > Duration::from_secs(200), "{wait:?}");
    world.end_with_dead_letters(0).await;
}
