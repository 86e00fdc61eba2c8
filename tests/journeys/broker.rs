//! What a broker does to its consumers: killed, frozen, consumer deleted or paused. The worker goes on by itself.

use std::time::Duration;

use serde_json::json;
use testkit::{Delivery, World, until};

use crate::{call, counted, with};

const CALLS: &str = "SELECT count(*) FROM offhook.calls";

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_loses_nothing_that_was_acknowledged() {
    let mut world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let worker = world.log_worker();
    for round in 0..3 {
        for nth in 0..20 {
            Delivery::event("call_started", &call(&format!("call_{round}_{nth}"))).acknowledged(&url).await;
        }
        world.nats.kill().await.expect("nats-server can be killed");
        world.nats.restart().await.expect("nats-server starts");
        until("ingress is back", async || ingress.objections().is_empty().then_some(())).await;
    }
    counted(&world.pool, CALLS, 60).await;
    ingress.stop().await;
    world.settled(log_worker::NAME).await;
    worker.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_broker_makes_ingress_refuse_and_the_worker_wait_and_both_go_on() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let worker = world.log_worker();
    Delivery::event("call_started", &call("call_before")).acknowledged(&url).await;
    counted(&world.pool, CALLS, 1).await;
    world.nats.freeze().expect("nats-server can be frozen");
    let thaw_at = tokio::time::Instant::now() + Duration::from_secs(20);
    Delivery::event("call_started", &call("call_during")).refused(&url, 503, "broker_unavailable").await;
    until("ingress says why", async || (!ingress.objections().is_empty()).then_some(())).await;
    until("the worker says why", async || (!worker.objections().is_empty()).then_some(())).await;
    tokio::time::timeout_at(thaw_at, std::future::pending::<()>()).await.ok();
    world.nats.thaw().expect("nats-server can be thawed");
    until("both are ready", async || (ingress.objections().is_empty() && worker.objections().is_empty()).then_some(()))
        .await;
    // The sender tries again, as it was told; that the first try may have been stored makes no second call.
    Delivery::event("call_started", &call("call_during")).acknowledged(&url).await;
    Delivery::event("call_started", &call("call_after")).acknowledged(&url).await;
    counted(&world.pool, CALLS, 3).await;
    ingress.stop().await;
    world.settled(log_worker::NAME).await;
    worker.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_consumer_is_made_again_where_the_worker_was() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let worker = world.log_worker();
    for nth in 0..10 {
        Delivery::event("call_started", &call(&format!("call_{nth}"))).acknowledged(&url).await;
    }
    counted(&world.pool, CALLS, 10).await;
    counted(&world.pool, "SELECT count(*) FROM offhook.positions WHERE worker = 'log-worker'", 1).await;
    for nth in 10..20 {
        world.delete_consumer(log_worker::NAME).await;
        Delivery::event("call_started", &call(&format!("call_{nth}"))).acknowledged(&url).await;
        until("the consumer is back", async || world.bus.lag(log_worker::NAME).await.ok().flatten()).await;
    }
    counted(&world.pool, CALLS, 20).await;
    ingress.stop().await;
    world.settled(log_worker::NAME).await;
    worker.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_consumer_goes_on_when_its_pause_ends() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let worker = world.log_worker();
    Delivery::event("call_started", &call("call_before")).acknowledged(&url).await;
    counted(&world.pool, CALLS, 1).await;
    world.pause_consumer(log_worker::NAME, Duration::from_secs(4)).await;
    Delivery::event("call_started", &call("call_during")).acknowledged(&url).await;
    counted(&world.pool, CALLS, 2).await;
    ingress.stop().await;
    world.settled(log_worker::NAME).await;
    worker.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_stream_makes_ingress_refuse_and_is_worked_off() {
    let world = World::start().await;
    world.resize_events(8 * 1024 * 1024).await;
    let (ingress, url) = world.ingress().await;
    let event = |nth: i64| {
        Delivery::event(
            "call_started",
            &with(call(&format!("call_{nth}")), json!({ "transcript": "x".repeat(200_000) })),
        )
    };
    let mut taken = 0;
    until("the stream is full", async || {
        let response = event(taken).send(&url).await;
        taken += i64::from(response.status() == 204);
        (response.status() == 503).then_some(())
    })
    .await;
    assert!(ingress.objections().iter().any(|why| why.contains("holds")), "{:?}", ingress.objections());
    // The stream keeps what any worker has still to do.
    let workers = world.workers();
    counted(&world.pool, CALLS, taken).await;
    until("ingress takes events again", async || (event(taken).send(&url).await.status() == 204).then_some(())).await;
    counted(&world.pool, CALLS, taken + 1).await;
    ingress.stop().await;
    world.settled(log_worker::NAME).await;
    for worker in workers {
        worker.stop().await;
    }
    world.end().await;
}
