//! A warmed caller's answer: how fast at a steady rate, and how many a second at most, beside what people build by hand.
//!
//! The vendors take a second each: whatever waits for one of them shows.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use chrono::Utc;
use serde_json::json;
use sources::retell::{SIGNATURE_HEADER, sign};
use testkit::{KEY, Process, World, until};

use crate::{
    bare::Bare,
    figures::{say, title},
    http::{Connection, post},
    loops::{Requests, Run, closed_loop, open_loop},
    peer::Peer,
};

/// The org with every vendor, as `make run` serves it.
const ORGS: &str = include_str!("../../orgs.demo.toml");
/// Questions a second of the open loop.
const RATE: u32 = 200;
/// How long each is kept busy, in all and at most.
const SATURATION: Duration = Duration::from_secs(10);
/// Ours and the peer take turns so often while saturated.
const ROUNDS: u32 = 4;
/// Where the peer's answer lies in Redis.
const PEER_KEY: &str = "bench:peer";

/// Runs the open loop for so long, then saturates.
pub(crate) async fn run(lasting: Duration) {
    let world = World::start().await;
    let (sandbox, sandbox_url) = world.sandbox().await;
    delay_vendors(&sandbox_url).await;
    world.apply_orgs(ORGS).await;
    let secrets = ["DEMO_RETELL_API_KEY", "DEMO_API_KEY", "DEMO_VENDOR_TOKEN"].map(|name| (name, KEY));
    let environment = [secrets.as_slice(), &[("OFFHOOK_SANDBOX_URL", sandbox_url.as_str())]].concat();
    let ours = world.process(&[answer::NAME], &environment);
    ours.ready().await;
    let address = address(&ours.url(answer::NAME).await);
    let told = warm(address).await;
    world.redis_command(&["SET", PEER_KEY, &told]).await;
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let peer = Peer::start(&world.redis.url(), PEER_KEY, cores).await;
    steady(&ours, address, peer.as_ref(), lasting).await;
    let bare = Bare::start(&told).await;
    saturated(&ours, address, &bare, peer.as_ref(), lasting.min(SATURATION)).await;
    bare.stop().await;
    if let Some(peer) = peer {
        peer.stop().await;
    }
    ours.terminate().await;
    sandbox.stop().await;
    world.abandon();
}

/// The same rate for both, one after the other.
async fn steady(ours: &Process, address: SocketAddr, peer: Option<&Peer>, lasting: Duration) {
    let (rate, s) = (RATE, lasting.as_secs_f64());
    title(&format!("Answers at {rate}/s for {s} s, from the moment each was due; x = the peer"));
    let requests = requests(RATE as usize * lasting.as_secs() as usize);
    let own = open_loop("offhook", address, &requests, RATE, lasting).await;
    let other = match peer {
        Some(peer) => Some(open_loop("FastAPI, one Redis read", peer.address, &requests, RATE, lasting).await),
        None => None,
    };
    let baseline = &other.as_ref().unwrap_or(&own).figures;
    for run in std::iter::once(&own).chain(&other) {
        run.figures.print(baseline);
    }
    for run in std::iter::once(&own).chain(&other) {
        say_counts(run);
    }
    say_metrics(ours).await;
}

/// Each in turn, as fast as it can.
async fn saturated(ours: &Process, address: SocketAddr, bare: &Bare, peer: Option<&Peer>, lasting: Duration) {
    title(&format!("Saturated over 64 connections, {} s each in {ROUNDS} rounds; x = the peer", lasting.as_secs_f64()));
    let requests = requests(4_000);
    let (mut own, mut other) = (Run::new("offhook"), Run::new("FastAPI, one Redis read, a worker per core"));
    let mut ceiling = Run::new("axum that does nothing");
    let mut cpu = Duration::ZERO;
    for _ in 0..ROUNDS {
        let before = processor_time(ours.pid());
        own.and_then(&closed_loop("", address, &requests, lasting / ROUNDS).await);
        cpu += processor_time(ours.pid()).saturating_sub(before);
        ceiling.and_then(&closed_loop("", bare.address, &requests, lasting / ROUNDS).await);
        if let Some(peer) = peer {
            other.and_then(&closed_loop("", peer.address, &requests, lasting / ROUNDS).await);
        }
    }
    let baseline = if peer.is_some() { &other } else { &own };
    for run in [&own, &ceiling] {
        run.figures.print(&baseline.figures);
        say_counts(run);
    }
    if peer.is_some() {
        other.figures.print(&other.figures);
        say_counts(&other);
        let times = |run: &Run| run.per_second() / other.per_second();
        say(format_args!(
            "throughput beside the peer's: {:.2} times; that of nothing: {:.2}",
            times(&own),
            times(&ceiling)
        ));
    }
    // What a noisy machine changes least.
    say(format_args!("offhook: {:.1} µs of processor time an answer", cpu.as_secs_f64() * 1e6 / own.answered as f64));
    say_metrics(ours).await;
}

/// What a process has used of the processors, in all its threads.
fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, which may hold anything, is in brackets; user and system time are the 12th and 13th field after it.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn say_counts(run: &Run) {
    let Run { answered, errors, figures, .. } = run;
    say(format_args!("{}: {answered} answered, {errors} errors, {:.0}/s", figures.name(), run.per_second()));
}

/// What the service itself counted so far.
async fn say_metrics(ours: &Process) {
    let outcome =
        |outcome: &str| format!("offhook_answer_seconds_count{{kind=\"retell_inbound\",outcome=\"{outcome}\"}}");
    let (whole, degraded) = (ours.metric(&outcome("whole")).await, ours.metric(&outcome("degraded")).await);
    let waiting = ours.metric("offhook_answer_events_lost_total{why=\"too_many_waiting\"}").await;
    let broker = ours.metric("offhook_answer_events_lost_total{why=\"broker\"}").await;
    say(format_args!(
        "so far: {whole} whole, {degraded} degraded; events lost: {waiting} as too many waited, {broker} at the broker"
    ));
}

/// Questions about one caller, each of its own moment, signed now: good for five minutes.
fn requests(count: usize) -> Requests {
    let now = Utc::now();
    let request = |nth: usize| {
        let body = json!({
            "event": "call_inbound",
            "event_timestamp": now.timestamp_millis() + nth as i64,
            "call_inbound": { "agent_id": "agent_demo", "from_number": "+15005550006", "to_number": "+15005550001" },
        });
        let body = body.to_string();
        let signature = sign(KEY, body.as_bytes(), now);
        post("/v1/demo/retell/inbound", &[(SIGNATURE_HEADER, &signature)], body.as_bytes())
    };
    Arc::new((0..count.max(1)).map(request).collect())
}

/// Asks until nothing is missing; that answer.
async fn warm(address: SocketAddr) -> String {
    let request = requests(1);
    until("the answer is whole", async || {
        let mut connection = Connection::open(address).await.ok()?;
        let answer = connection.ask(&request[0]).await.ok()?;
        let body = std::str::from_utf8(answer.body).ok()?;
        (answer.status == 200 && body.contains("\"degraded\":\"\"")).then(|| body.to_owned())
    })
    .await
}

async fn delay_vendors(sandbox_url: &str) {
    let names = ["highlevel_contacts", "highlevel_calendars", "hubspot", "calcom", "zep", "mem0", "langfuse"];
    let delays: serde_json::Map<_, _> = names.map(|name| (name.to_owned(), json!(1_000))).into_iter().collect();
    let faults = reqwest::Client::new().put(format!("{sandbox_url}/_sandbox/faults"));
    let set = faults.json(&json!({ "settings": { "delays_ms": delays } })).send().await;
    assert!(set.expect("the sandbox answers").status().is_success(), "the sandbox takes delays");
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().expect("an address")
}
