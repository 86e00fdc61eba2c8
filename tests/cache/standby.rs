//! Postgres while Redis is away: shared, guarded by the same generations, short-lived, and emptied afterwards.

use std::time::Duration;

use cache::{Cache, Clock, Level, Parts, Settings};
use sqlx::PgPool;
use testkit::{World, until};

use crate::{
    origin::{Answer, Origin},
    things::{
        Thing, bump, caches, caches_without_redis, connected, disconnected, heard, parts, read, servers, settings,
        start, value,
    },
};

/// How many values lie there.
async fn values(world: &World) -> i64 {
    number(&world.pool, "SELECT count(*) FROM offhook.cache_entries WHERE cardinality(tags) > 0").await
}

async fn number(pool: &PgPool, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(pool).await.expect("a number")
}

async fn kept(world: &World, expected: i64) {
    until("the values lie in Postgres", async || (values(world).await == expected).then_some(())).await;
}

/// A cache without Redis whose statements are carried out one after the other.
async fn orderly(world: &World) -> (Cache, PgPool) {
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1);
    let pool = pool.connect(&world.database_url).await.expect("Postgres answers");
    let parts = Parts { standby: Some(pool.clone()), ..parts(world, Clock::default()) };
    (start(&Settings { redis_url: None, ..settings(world) }, parts), pool)
}

#[tokio::test]
async fn two_processes_share_through_postgres() {
    let world = servers().await;
    let [one, other] = caches_without_redis(&world, &Clock::default());
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    let (none, absent) = (Thing::new("none"), Origin::new(Answer::Absent));
    assert_eq!(read(&one, &thing, &origin).await, (Some(1), Level::Origin));
    assert_eq!(read(&one, &none, &absent).await, (None, Level::Origin));
    kept(&world, 2).await;
    assert_eq!(read(&other, &thing, &origin).await, (Some(1), Level::Postgres));
    assert_eq!(read(&other, &none, &absent).await, (None, Level::Postgres));
    assert_eq!((origin.asked(), absent.asked()), (1, 1));
    world.abandon();
}

#[tokio::test]
async fn an_invalidation_deletes_the_rows_and_ends_the_values() {
    let world = servers().await;
    let [one, other] = caches_without_redis(&world, &Clock::default());
    let (thing, untouched, origin) = (Thing::new("a"), Thing::new("b"), Origin::of(1));
    assert_eq!(value(&one, &thing, &origin).await, Some(1));
    assert_eq!(value(&one, &untouched, &origin).await, Some(1));
    kept(&world, 2).await;
    origin.change(Answer::Found(2));
    bump(&other, &[&one], &thing.tags()).await;
    assert_eq!(values(&world).await, 1);
    assert_eq!(value(&one, &thing, &origin).await, Some(2));
    assert_eq!(read(&other, &untouched, &origin).await, (Some(1), Level::Postgres));
    world.abandon();
}

#[tokio::test]
async fn a_load_that_an_invalidation_overtook_leaves_no_row() {
    let world = servers().await;
    let (one, pool) = orderly(&world).await;
    let [other] = caches_without_redis(&world, &Clock::default());
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
    // The fill was asked for first, on the only connection.
    assert_eq!(number(&pool, "SELECT count(*) FROM offhook.cache_entries WHERE cardinality(tags) > 0").await, 0);
    assert_eq!(value(&one, &thing, &origin).await, Some(2));
    kept(&world, 1).await;
    assert_eq!(read(&other, &thing, &origin).await, (Some(2), Level::Postgres));
    world.abandon();
}

#[tokio::test]
async fn a_value_lives_a_minute_there_at_most() {
    let (world, clock) = (servers().await, Clock::default());
    let [one, other] = caches_without_redis(&world, &clock);
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    // A kind that would live ten.
    assert_eq!(value(&one, &thing, &origin).await, Some(1));
    kept(&world, 1).await;
    let lives = "SELECT ceil(extract(epoch FROM fresh_until - now()))::bigint FROM offhook.cache_entries
                 WHERE cardinality(tags) > 0";
    assert!((1..=60).contains(&number(&world.pool, lives).await));
    origin.change(Answer::Found(2));
    clock.advance(Duration::from_secs(60));
    assert_eq!(read(&other, &thing, &origin).await, (Some(2), Level::Origin));
    world.abandon();
}

#[tokio::test]
async fn the_table_is_emptied_when_redis_is_back() {
    let mut world = servers().await;
    let [one, other] = caches(&world).await;
    world.redis.kill().await.expect("an end");
    disconnected(&one).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    assert_eq!(value(&one, &thing, &origin).await, Some(1));
    kept(&world, 1).await;
    world.redis.restart().await.expect("a start");
    connected(&one).await;
    connected(&other).await;
    let all = "SELECT count(*) FROM offhook.cache_entries";
    until("the table is empty", async || (number(&world.pool, all).await == 0).then_some(())).await;
    world.abandon();
}

#[tokio::test]
async fn rows_past_their_time_are_deleted_while_redis_is_away() {
    let world = servers().await;
    let [one] = caches_without_redis(&world, &Clock::default());
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    assert_eq!(value(&one, &thing, &origin).await, Some(1));
    kept(&world, 1).await;
    let outdate = "UPDATE offhook.cache_entries SET fresh_until = now() - interval '1 s' WHERE cardinality(tags) > 0";
    sqlx::query(outdate).execute(&world.pool).await.expect("an update");
    kept(&world, 0).await;
    let rest = "SELECT count(*) FROM offhook.cache_entries";
    assert_eq!(number(&world.pool, rest).await, 1, "the generation lives on");
    world.abandon();
}

#[tokio::test]
async fn an_invalidation_that_redis_could_not_confirm_still_ends_the_rows() {
    let mut world = servers().await;
    let [one, other] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    world.redis.kill().await.expect("an end");
    disconnected(&one).await;
    assert_eq!(value(&one, &thing, &origin).await, Some(1));
    kept(&world, 1).await;
    origin.change(Answer::Found(2));
    one.bump(thing.tags()).await.expect_err("Redis could not confirm it");
    heard(&[&other], &thing.tags());
    for cache in [&one, &other] {
        assert_eq!(value(cache, &thing, &origin).await, Some(2));
    }
    world.abandon();
}
