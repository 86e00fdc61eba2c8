//! The whole table of refusals, and that each is counted.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::json;
use testkit::{Delivery, KEY, OTHER_KEY, World, WorldOptions, until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::call;

/// The first line and the body of whatever a raw request gets.
async fn raw(url: &str, request: &[u8]) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.expect("ingress listens");
    // What is refused early may be closed before all of it is sent.
    stream.write_all(request).await.ok();
    (stream, vec![0; 2048])
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_status_and_code_and_is_counted() {
    let world = World::start().await;
    let ingress = world.process(&["ingress"], &[]);
    ingress.ready().await;
    let url = ingress.url("ingress").await;
    let good = || Delivery::event("call_started", &call("call_refused"));
    let header = good().header().expect("a header");
    let reserialised = json!({ "call": call("call_refused"), "event": "call_started" }).to_string();
    let spaced = "{ \"event\": \"call_started\" }";

    good().to("nobody").refused(&url, 404, "unknown_org").await;
    good().to("NOT-AN-ID").refused(&url, 404, "unknown_org").await;
    let bad_signatures = [
        good().signature(None),
        good().signature(Some(String::new())),
        good().signature(Some(header[..header.len() - 1].to_owned())),
        good().signature(Some(format!("{header}0"))),
        good().signed_by("key_of_nobody"),
        good().signed_by(OTHER_KEY),
        good().to("other"),
        good().but_body(&reserialised.as_bytes()[..reserialised.len() - 1]),
        Delivery::new(spaced).but_body(json!({ "event": "call_started" }).to_string()),
        // Stale and wrong is wrong first: nobody learns the window by guessing.
        good().signed_by("key_of_nobody").signed_at(Utc::now() - TimeDelta::hours(1)),
    ];
    let bad = bad_signatures.len();
    for delivery in bad_signatures {
        delivery.refused(&url, 401, "bad_signature").await;
    }
    for minutes in [-6, 6] {
        good().signed_at(Utc::now() + TimeDelta::minutes(minutes)).refused(&url, 401, "stale_signature").await;
    }
    let large = vec![b' '; ingress::BODY_BYTES_MAX + 1];
    Delivery::new(large).refused(&url, 413, "body_too_large").await;
    assert_eq!(reqwest::get(format!("{url}/v1/demo/retell/elsewhere")).await.unwrap().status(), 404);
    assert_eq!(reqwest::get(format!("{url}/v1/demo/retell/events")).await.unwrap().status(), 405);

    let counted = async |code: &str| {
        ingress.metric(&format!("offhook_ingress_refused_total{{source=\"retell\",code=\"{code}\"}}")).await
    };
    assert_eq!(counted("unknown_org").await, 2.0);
    assert_eq!(counted("bad_signature").await, bad as f64);
    assert_eq!(counted("stale_signature").await, 2.0);
    assert_eq!(counted("body_too_large").await, 1.0);
    assert_eq!(ingress.metric("offhook_ingress_acknowledged_total").await, 0.0);
    good().acknowledged(&url).await;
    assert_eq!(
        ingress.metric("offhook_ingress_acknowledged_total{source=\"retell\",type=\"call.started\"}").await,
        1.0
    );
    assert!(ingress.terminate().await.success());
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_listens_only_after_it_has_sent_all_sees_why_it_is_refused() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let body = vec![b' '; ingress::BODY_BYTES_MAX + 1];
    let request = |path: &str, length: String, begin: &str, end: &str| {
        let head = format!("POST /v1/{path} HTTP/1.1\r\nhost: x\r\n{length}\r\n\r\n{begin}");
        [head.into_bytes(), body.clone(), end.as_bytes().to_vec()].concat()
    };
    let announced = || format!("content-length: {}", body.len());
    let chunk = format!("{:x}\r\n", body.len());
    let requests = [
        (413, request("demo/retell/events", announced(), "", "")),
        (413, request("demo/retell/events", "transfer-encoding: chunked".to_owned(), &chunk, "\r\n0\r\n\r\n")),
        (404, request("nobody/retell/events", announced(), "", "")),
        (404, request("NOT-AN-ID/retell/events", announced(), "", "")),
    ];
    for (status, request) in requests {
        let mut sender = TcpStream::connect(url.trim_start_matches("http://")).await.expect("ingress listens");
        sender.write_all(&request).await.expect("all of it is taken");
        let mut answer = vec![0; 2048];
        let bytes = sender.read(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..bytes]);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    // Who asks first is not told to go on.
    let asking = request("demo/retell/events", format!("{}\r\nexpect: 100-continue", announced()), "", "");
    let (mut asking, mut answer) = raw(&url, &asking[..asking.len() - body.len()]).await;
    let bytes = asking.read(&mut answer).await.expect("an answer");
    assert!(answer[..bytes].starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer[..bytes]));
    ingress.stop().await;
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_length_is_cut_at_its_limit_and_a_slow_one_at_its_deadline() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let head = "POST /v1/demo/retell/events HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let (mut endless, mut answer) = raw(&url, head.as_bytes()).await;
    let chunk = [format!("{:x}\r\n", 1024 * 1024).into_bytes(), vec![b' '; 1024 * 1024], b"\r\n".to_vec()].concat();
    for _ in 0..9 {
        // Ingress may answer and close while we still send.
        endless.write_all(&chunk).await.ok();
    }
    let bytes = endless.read(&mut answer).await.expect("an answer");
    assert!(
        String::from_utf8_lossy(&answer[..bytes]).starts_with("HTTP/1.1 413"),
        "{}",
        String::from_utf8_lossy(&answer[..bytes])
    );

    let (mut slow, mut answer) =
        raw(&url, b"POST /v1/demo/retell/events HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{").await;
    let bytes = tokio::time::timeout(Duration::from_secs(30), slow.read(&mut answer))
        .await
        .expect("a deadline")
        .expect("an answer");
    assert!(String::from_utf8_lossy(&answer[..bytes]).starts_with("HTTP/1.1 408"));
    ingress.stop().await;
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_bodies_fill_the_room_the_next_one_is_told_to_come_back() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let head = b"POST /v1/demo/retell/events HTTP/1.1\r\nhost: x\r\ncontent-length: 8388608\r\n\r\n".to_vec();
    let unfinished = [head, vec![b' '; ingress::BODY_BYTES_MAX - 1]].concat();
    let mut holders = Vec::new();
    until("the room is full", async || {
        holders.push(raw(&url, &unfinished).await.0);
        let response = Delivery::event("call_started", &call("call_next")).send(&url).await;
        let overloaded = response.status() == 503;
        if overloaded {
            assert_eq!(response.headers()["retry-after"], "1");
            assert_eq!(response.json::<serde_json::Value>().await.expect("JSON")["error"]["code"], "overloaded");
        }
        overloaded.then_some(())
    })
    .await;
    assert!(holders.len() >= 32, "32 large bodies fit, {} were held", holders.len());
    drop(holders);
    until("the room is free again", async || {
        let response = Delivery::event("call_started", &call("call_next")).send(&url).await;
        (response.status() == 204).then_some(())
    })
    .await;
    ingress.stop().await;
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_orgs_or_without_a_readable_secret_the_sender_is_told_to_try_again() {
    let world = World::with(WorldOptions { bare: true, ..WorldOptions::default() }).await;
    let (ingress, url) = world.ingress_unready().await;
    let good = || Delivery::event("call_started", &call("call_early"));
    good().refused(&url, 503, "broker_unavailable").await;
    assert!(ingress.objections().iter().any(|why| why.contains("no orgs loaded yet")), "{:?}", ingress.objections());
    until("the streams are applied", async || world.bus.apply(1).await.ok()).await;
    world.apply_orgs(&world.orgs_file()).await;
    until("the org is known, its secret not readable", async || {
        let response = good().send(&url).await;
        let body: serde_json::Value = response.json().await.ok()?;
        (body["error"]["code"] == "secret_unavailable").then_some(())
    })
    .await;
    world.write_key("demo", KEY);
    until("the secret is read", async || (good().send(&url).await.status() == 204).then_some(())).await;
    ingress.stop().await;
    world.end_with_dead_letters(0).await;
}
