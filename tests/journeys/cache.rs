//! The cache as people reach it: its kinds, what lies under a key, and an invalidation that every process hears of.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cache::{Cache, Clock, Kind as _, Level, Mode, Parts, Settings};
use context::{Announcer, Contact, KINDS};
use serde_json::json;
use testkit::{World, until};
use tokio_util::sync::CancellationToken;

use crate::tools::offhook;

const PHONE: &str = "+15005550006";

fn contact() -> Contact {
    Contact { org: "demo".parse().expect("an org id"), phone: PHONE.parse().expect("a number") }
}

/// The cache of a service in this world, connected, and hearing until `stop`.
async fn service(world: &World, stop: &CancellationToken) -> Cache {
    let settings = Settings {
        redis_url: Some(world.redis.url()),
        mode: Mode::On,
        memory_mib: 8,
        operation_ms: 5_000,
        lives: Vec::new(),
    };
    let announce = Some(Arc::new(Announcer(world.bus.clone())) as _);
    let standby = Some(world.pool.clone());
    let parts = Parts { kinds: KINDS.to_vec(), standby, announce, clock: Clock::default() };
    let cache = Cache::start(&settings, parts).expect("an address of Redis");
    until("the cache is connected", async || cache.is_connected().then_some(())).await;
    let (bus, heard, stop) = (world.bus.clone(), cache.clone(), stop.clone());
    tokio::spawn(async move { context::hear(&bus, &heard, &stop).await.expect("the broker takes a subscription") });
    cache
}

async fn add_contact(world: &World, name: &str) {
    let query = sqlx::query(
        "INSERT INTO offhook.contacts (org, phone, name, total_calls) VALUES ('demo', $1, $2, 3)
         ON CONFLICT (org, phone) DO UPDATE SET name = excluded.name",
    );
    query.bind(PHONE).bind(name).execute(&world.pool).await.expect("the contact can be written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_looked_at_and_invalidated_from_the_command_line() {
    let world = World::start().await;
    let stop = CancellationToken::new();
    let cache = service(&world, &stop).await;
    let environment = world.environment();
    let get = ["cache", "get", "contact", "--org", "demo", "+1 (500) 555-0006"];
    let (code, printed, _) = offhook(&get, &environment).await;
    assert_eq!((code, printed), (1, vec![json!(null)]), "nobody has asked for it yet");

    add_contact(&world, "Jane").await;
    let read = cache.get(&contact(), || contact().load(world.pool.clone())).await.expect("it can be loaded");
    assert_eq!(read.value.expect("a contact").name.as_deref(), Some("Jane"));
    let (code, printed, why) = offhook(&get, &environment).await;
    let [peek] = printed.as_slice() else { panic!("one object, not {printed:?}: {why}") };
    assert_eq!((code, &peek["state"], &peek["level"]), (0, &json!("fresh"), &json!("redis")));
    assert_eq!((&peek["value"]["name"], &peek["value"]["total_calls"]), (&json!("Jane"), &json!(3)));

    // The copy in the process dies too, by hearsay: until then it would be told for a second at most.
    add_contact(&world, "Joan").await;
    let (code, printed, why) = offhook(&["cache", "bump", "contact", "--org", "demo", PHONE], &environment).await;
    assert_eq!((code, printed.len()), (0, 1), "{why}");
    let (_, printed, _) = offhook(&get, &environment).await;
    assert_eq!(printed[0]["state"], "invalidated");
    until("the new name is told", async || {
        let read = cache.get(&contact(), || contact().load(world.pool.clone())).await.expect("it can be loaded");
        (read.value.expect("a contact").name.as_deref() == Some("Joan")).then_some(())
    })
    .await;
    stop.cancel();
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalidation_is_heard_by_every_process_at_once() {
    let world = World::start().await;
    let stop = CancellationToken::new();
    let (one, other) = (service(&world, &stop).await, service(&world, &stop).await);
    let read = async || other.get(&contact(), || contact().load(world.pool.clone())).await.expect("it can be loaded");
    until("a copy dies before its second is over", async || {
        let begun = Instant::now();
        read().await;
        one.bump(contact().key().tags()).await.expect("Redis and Postgres confirm it");
        while read().await.from == Level::Process {
            tokio::task::yield_now().await;
        }
        // Unheard of, the copy would have been told for a second from its making.
        (begun.elapsed() < Duration::from_secs(1)).then_some(())
    })
    .await;
    stop.cancel();
    world.end_with_dead_letters(0).await;
}

#[tokio::test]
async fn wrong_words_are_answered_with_the_right_ones() {
    let environment = [("REDIS_URL", "redis://127.0.0.1:1".to_owned())];
    let said = async |arguments: &[&str]| {
        let (code, printed, why) = offhook(arguments, &environment).await;
        assert_eq!((code, printed), (1, Vec::new()), "{arguments:?}");
        why
    };
    assert!(said(&["cache", "get", "contcat", "--org", "demo"]).await.contains("offhook cache kinds"));
    assert!(said(&["cache", "get", "contact", "--org", "demo"]).await.contains("contact(phone)"));
    assert!(said(&["cache", "bump", "contcat", "--org", "demo"]).await.contains("there are: contact"));
    assert!(said(&["cache", "bump", "contact", "--org", "demo", "+1 nobody"]).await.contains("phone number"));
    assert!(said(&["cache", "kinds", "--cache-lives", "contcat=1s/2s"]).await.contains("no kind"));
    assert!(said(&["cache", "bump", "contact", "--org", "demo", PHONE]).await.contains("no answer from Redis"));
}

#[tokio::test]
async fn the_kinds_are_shown_as_the_settings_have_them() {
    let lives = [("OFFHOOK_CACHE_LIVES", "contact=10s/90s".to_owned())];
    let (code, printed, why) = offhook(&["cache", "kinds"], &lives).await;
    let kind = &printed.first().unwrap_or_else(|| panic!("{why}"))[0];
    assert_eq!((code, &kind["kind"], &kind["parts"]), (0, &json!("contact"), &json!(["phone"])));
    assert_eq!((&kind["fresh_s"], &kind["stale_s"]), (&json!(10.0), &json!(90.0)));
    assert!(kind["in_process_s"].as_f64().expect("seconds") <= Duration::from_secs(1).as_secs_f64());
}
