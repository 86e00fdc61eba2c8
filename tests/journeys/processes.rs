//! Services as processes: two of each share the work, and a signal drains each.

use rustix::process::Signal;
use testkit::{Delivery, LIMIT, Process, World, until};

use crate::{call, counted};

const CALLS: &str = "SELECT count(*) FROM offhook.calls";

#[tokio::test(flavor = "multi_thread")]
async fn two_of_each_share_the_work_and_drain_on_a_signal() {
    let world = World::start().await;
    let ingresses = [world.process(&["ingress"], &[]), world.process(&["ingress"], &[])];
    let workers = [world.process(&["log-worker"], &[]), world.process(&["log-worker"], &[])];
    for process in ingresses.iter().chain(&workers) {
        process.ready().await;
    }
    let urls = [ingresses[0].url("ingress").await, ingresses[1].url("ingress").await];
    let done = async |worker: &Process| {
        worker.metric("offhook_worker_events_total{worker=\"log-worker\",outcome=\"done\"}").await
    };
    let mut sent = 0;
    until("both workers have done something", async || {
        let deliveries = (0..40).map(|nth| Delivery::event("call_started", &call(&format!("call_{}", sent + nth))));
        let tasks: Vec<_> = deliveries
            .enumerate()
            .map(|(nth, delivery)| {
                let url = urls[nth % 2].clone();
                tokio::spawn(async move { delivery.acknowledged(&url).await })
            })
            .collect();
        for task in tasks {
            task.await.expect("acknowledged");
        }
        sent += 40;
        world.settled(log_worker::NAME).await;
        (done(&workers[0]).await > 0.0 && done(&workers[1]).await > 0.0).then_some(())
    })
    .await;
    counted(&world.pool, CALLS, sent).await;
    for process in ingresses.into_iter().chain(workers) {
        let status = process.terminate().await;
        assert_eq!(status.code(), Some(0));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_over_and_over_loses_and_doubles_nothing() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let sender = tokio::spawn(async move {
        for nth in 0..300 {
            Delivery::event("call_started", &call(&format!("call_{nth}"))).acknowledged(&url).await;
        }
    });
    for _ in 0..3 {
        let mut worker = world.process(&["log-worker"], &[]);
        until("the worker has done something", async || {
            let rows: i64 = sqlx::query_scalar(CALLS).fetch_one(&world.pool).await.ok()?;
            let done = worker.log().iter().any(|line| line.contains("listening"));
            (rows > 0 && done).then_some(())
        })
        .await;
        worker.signal(Signal::KILL);
        worker.ended(LIMIT).await;
    }
    sender.await.expect("all acknowledged");
    let worker = world.process(&["log-worker"], &[]);
    counted(&world.pool, CALLS, 300).await;
    world.settled(log_worker::NAME).await;
    counted(&world.pool, "SELECT total_calls FROM offhook.contacts", 300).await;
    counted(&world.pool, "SELECT count(*) FROM offhook.events", 300).await;
    assert!(worker.terminate().await.success());
    ingress.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_is_answered_before_ingress_ends() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let world = World::start().await;
    let mut ingress = world.process(&["ingress"], &[]);
    ingress.ready().await;
    let url = ingress.url("ingress").await;
    let body = serde_json::json!({ "event": "call_started", "call": call("call_late") }).to_string();
    let signature = sources::retell::sign(testkit::KEY, body.as_bytes(), chrono::Utc::now());
    let mut stream = tokio::net::TcpStream::connect(url.trim_start_matches("http://")).await.expect("ingress listens");
    let head = format!(
        "POST /v1/demo/retell/events HTTP/1.1\r\nhost: x\r\nx-retell-signature: {signature}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("ingress reads");
    let (first, rest) = body.as_bytes().split_at(10);
    stream.write_all(first).await.expect("ingress reads");
    // The request is in flight once a second connection, made after it, is served.
    Delivery::event("call_started", &call("call_early")).acknowledged(&url).await;
    ingress.signal(Signal::TERM);
    until("ingress takes no new connections", async || {
        Delivery::event("call_started", &call("call_too_late")).try_send(&url).await.is_err().then_some(())
    })
    .await;
    stream.write_all(rest).await.expect("ingress still reads");
    let mut answer = vec![0; 1024];
    let bytes = stream.read(&mut answer).await.expect("an answer");
    assert!(
        String::from_utf8_lossy(&answer[..bytes]).starts_with("HTTP/1.1 204"),
        "{}",
        String::from_utf8_lossy(&answer[..bytes])
    );
    assert_eq!(ingress.ended(LIMIT).await.code(), Some(0));
    world.end_with_dead_letters(0).await;
}
