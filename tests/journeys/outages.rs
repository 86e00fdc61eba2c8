//! Somebody is away: ingress keeps acknowledging as long as the broker can, and says so when it can't.

use serde_json::json;
use testkit::{Delivery, World, WorldOptions, until};

use crate::{call, counted};

const CALLS: &str = "SELECT count(*) FROM offhook.calls";

#[tokio::test(flavor = "multi_thread")]
async fn with_the_worker_stopped_ingress_acknowledges_and_the_worker_catches_up() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    for nth in 0..20 {
        Delivery::event("call_started", &call(&format!("call_{nth}"))).acknowledged(&url).await;
    }
    let worker = world.log_worker();
    counted(&world.pool, CALLS, 20).await;
    worker.stop().await;
    for nth in 20..40 {
        Delivery::event("call_started", &call(&format!("call_{nth}"))).acknowledged(&url).await;
    }
    let worker = world.log_worker();
    counted(&world.pool, CALLS, 40).await;
    ingress.stop().await;
    world.settled(log_worker::NAME).await;
    worker.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_postgres_stopped_ingress_acknowledges_and_the_worker_stops_pulling() {
    let mut world = World::with(WorldOptions { own_postgres: true, ..WorldOptions::default() }).await;
    let (ingress, url) = world.ingress().await;
    let worker = world.log_worker();
    Delivery::event("call_started", &call("call_before")).acknowledged(&url).await;
    counted(&world.pool, CALLS, 1).await;

    world.postgres.as_mut().expect("its own").stop().await.expect("PostgreSQL stops");
    for nth in 0..150 {
        Delivery::event("call_started", &call(&format!("call_{nth}"))).acknowledged(&url).await;
    }
    until("the worker says why it waits", async || {
        worker.objections().iter().any(|why| why.contains("store is down")).then_some(())
    })
    .await;
    assert!(ingress.objections().is_empty(), "ingress does not mind: {:?}", ingress.objections());

    world.postgres.as_mut().expect("its own").restart().await.expect("PostgreSQL starts");
    counted(&world.pool, CALLS, 151).await;
    until("the worker is ready again", async || worker.objections().is_empty().then_some(())).await;
    world.settled(log_worker::NAME).await;
    ingress.stop().await;
    worker.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_broker_stopped_ingress_refuses_says_why_and_recovers_by_itself() {
    let mut world = World::start().await;
    let ingress = world.process(&["ingress"], &[]);
    ingress.ready().await;
    let url = ingress.url("ingress").await;
    let ready = format!("{}/readyz", ingress.url("admin").await);
    world.nats.stop().await.expect("nats-server stops");
    Delivery::event("call_started", &call("call_refused")).refused(&url, 503, "broker_unavailable").await;
    let report = until("/readyz says no", async || {
        let response = reqwest::get(&ready).await.ok()?;
        (response.status() == 503).then_some(response.json::<serde_json::Value>().await.ok()?)
    })
    .await;
    assert_eq!(report["ready"], json!(false));
    assert!(report["checks"]["ingress.broker"].as_str().is_some_and(|why| why != "ok"), "{report}");
    assert_eq!(report["checks"]["ingress.orgs"], "ok", "what is known of the orgs stays known");

    world.nats.restart().await.expect("nats-server starts");
    ingress.ready().await;
    Delivery::event("call_started", &call("call_taken")).acknowledged(&url).await;
    assert!(ingress.terminate().await.success());
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_would_lose_events_is_not_used() {
    let world = World::with(WorldOptions { bare: true, ..WorldOptions::default() }).await;
    let (ingress, url) = world.ingress_unready().await;
    until("ingress names the cure", async || {
        ingress.objections().iter().any(|why| why.contains("offhook streams apply")).then_some(())
    })
    .await;
    Delivery::event("call_started", &call("call_early")).refused(&url, 503, "broker_unavailable").await;
    ingress.stop().await;
    world.abandon();
}
