//! The broker: the server, its clock, its streams, and whether every worker pulls.

use std::{collections::BTreeMap, time::Duration};

use bus::{Bus, Checkup, ConsumerCheckup, StreamCheckup};
use chrono::Utc;
use contract::Timestamp;
use tokio::time::{Instant, sleep};

use super::{Finding, LOOK_PAUSE, database::clock, until};

const TOPIC: &str = "NATS";
/// What is used of a stream, in percent: from here on somebody should look, from there on events are refused.
const FULLNESS_PERCENT: (u64, u64) = (80, 95);
/// An event that waits longer than so many seconds waits too long.
const BEHIND_S: i64 = 60;

/// What was found, and what that means for others.
pub(super) struct Broker {
    pub(super) findings: Vec<Finding>,
    /// Whether what is sent now will be archived, or why not.
    pub(super) archiving: Result<(), String>,
    /// Copies of the event stream; 0 if it is missing.
    pub(super) copies: usize,
    /// Whether the orgs can be read.
    pub(super) has_orgs: bool,
}

/// Looks over the broker and all that has to be in it.
pub(super) async fn examine(bus: Option<&Bus>, limit: Duration) -> Broker {
    let away = |findings| Broker { findings, archiving: Err("NATS is away".to_owned()), copies: 0, has_orgs: false };
    let Some(bus) = bus else { return away(Vec::new()) };
    let checkup = match until(limit, async || bus.checkup().await).await {
        Ok(checkup) => checkup,
        Err(error) => {
            let why =
                error.map_or_else(|| format!("no answer within {} s", limit.as_secs()), |error| error.to_string());
            let cure = "start it with JetStream; compare NATS_URL with where it listens";
            return away(vec![Finding::red(TOPIC, "server", why, cure)]);
        }
    };
    let (checkup, attended) = attendance(bus, checkup, limit).await;
    let mut findings = server(&checkup);
    findings.extend(checkup.streams.iter().map(stream));
    let copies = |name| checkup.streams.iter().find(|stream| stream.name == name).map_or(0, |stream| stream.copies);
    if copies(bus::EVENTS) > 0 {
        findings.extend(checkup.consumers.iter().map(|consumer| worker(consumer, attended[&consumer.name])));
    } else {
        findings.push(Finding::amber(TOPIC, "workers", "not looked at: their stream is missing", "mend that first"));
    }
    if copies("DEAD") > 0 {
        findings.push(dead_letters(bus).await);
    }
    let (copies, has_orgs) = (copies(bus::EVENTS), copies("KV_orgs") > 0);
    Broker { archiving: archiving(&checkup, &attended), findings, copies, has_orgs }
}

/// Looks again until every consumer was seen to be pulled, or the time is up; which were, and the last look.
async fn attendance(bus: &Bus, mut checkup: Checkup, limit: Duration) -> (Checkup, BTreeMap<String, bool>) {
    let deadline = Instant::now() + limit;
    let first: BTreeMap<_, _> = checkup.consumers.iter().map(|one| (one.name.clone(), one.active_at)).collect();
    let mut attended: BTreeMap<String, bool> = first.keys().map(|name| (name.clone(), false)).collect();
    loop {
        for ConsumerCheckup { name, is_awaited, active_at, .. } in &checkup.consumers {
            // A worker with its hands full does not wait, and leaves its traces.
            let is_busy = first.get(name).is_some_and(|before| before != active_at);
            attended.entry(name.clone()).and_modify(|seen| *seen |= *is_awaited || is_busy);
        }
        let missing = checkup.consumers.iter().any(|one| one.exists && !one.paused && !attended[&one.name]);
        if !missing || Instant::now() >= deadline {
            return (checkup, attended);
        }
        sleep(LOOK_PAUSE).await;
        if let Ok(next) = bus.checkup().await {
            checkup = next;
        }
    }
}

fn server(checkup: &Checkup) -> Vec<Finding> {
    let Checkup { version, payload_bytes_max: payload, payload_bytes_needed: needed, .. } = checkup;
    let (reserved, room) = (checkup.storage_bytes_reserved, checkup.storage_bytes_max);
    let size = |bytes: u64| indicatif::BinaryBytes(bytes).to_string();
    let found =
        format!("nats-server {version}, messages up to {}, streams up to {}", size(*payload as u64), size(reserved));
    let server = if checkup.is_too_old {
        Finding::red(TOPIC, "server", format!("nats-server {version} is too old"), "install 2.14 or newer")
    } else if payload < needed {
        let cure = format!("set max_payload to {needed}, see nats/server.conf");
        Finding::red(TOPIC, "server", format!("max_payload is {payload} bytes"), cure)
    } else if room.is_some_and(|room| reserved > room) {
        let cure = "give the account more room, or lower max_bytes of the streams";
        Finding::amber(TOPIC, "server", format!("{found}, more than the account's {}", size(room.unwrap_or(0))), cure)
    } else {
        Finding::green(TOPIC, "server", found)
    };
    [Some(server), checkup.clock_ahead_ms.map(|ahead| clock(TOPIC, ahead))].into_iter().flatten().collect()
}

fn stream(stream: &StreamCheckup) -> Finding {
    let StreamCheckup { name, fault, copies, copies_behind, bytes, bytes_max } = stream;
    let what = format!("stream {name}");
    if let Some(fault) = fault {
        return Finding::fault(TOPIC, &what, fault, "run `offhook streams apply`");
    }
    let percent = bytes_max.map_or(0, |max| bytes * 100 / max);
    let room = bytes_max.map_or_else(|| "without a limit".to_owned(), |max| indicatif::BinaryBytes(max).to_string());
    let found = format!("{copies} cop{}, {percent} % of {room}", if *copies == 1 { "y" } else { "ies" });
    if !copies_behind.is_empty() {
        let cure = "look after these servers; a copy that is behind protects nothing";
        return Finding::amber(TOPIC, &what, format!("{found}; behind: {}", copies_behind.join(", ")), cure);
    }
    let cure = "find the worker that lags below, or raise max_bytes";
    match percent {
        percent if percent >= FULLNESS_PERCENT.1 => Finding::red(TOPIC, &what, format!("{found}: it is full"), cure),
        percent if percent >= FULLNESS_PERCENT.0 => Finding::amber(TOPIC, &what, format!("{found}: it fills up"), cure),
        _ => Finding::green(TOPIC, &what, found),
    }
}

fn worker(consumer: &ConsumerCheckup, is_attended: bool) -> Finding {
    let ConsumerCheckup { name, fault, lag, oldest, paused, .. } = consumer;
    let what = format!("worker {name}");
    if let Some(fault) = fault {
        return Finding::fault(TOPIC, &what, fault, "run `offhook streams apply`");
    }
    let age_s = behind_s(*oldest);
    let found = match lag.pending + lag.unacked {
        0 => "nothing left to do".to_owned(),
        events => format!("{events} events to do, the oldest {age_s} s old"),
    };
    if *paused {
        let cure = format!("let it go on: nats consumer resume {} {name}", bus::EVENTS);
        return Finding::amber(TOPIC, &what, format!("held back at the broker; {found}"), cure);
    }
    if !is_attended {
        let cure = format!("start it: `offhook run {name}`; if it runs, its /readyz says what it waits for");
        return Finding::red(TOPIC, &what, format!("nobody pulls its events; {found}"), cure);
    }
    if age_s > BEHIND_S {
        return Finding::amber(TOPIC, &what, format!("behind: {found}"), "run more of it, or look at its log");
    }
    Finding::green(TOPIC, &what, format!("at work; {found}"))
}

async fn dead_letters(bus: &Bus) -> Finding {
    match bus.dead_letters().await {
        Ok(0) => Finding::green(TOPIC, "dead letters", "none"),
        Ok(letters) => Finding::amber(TOPIC, "dead letters", letters.to_string(), "read why: `offhook dead list`"),
        Err(error) => Finding::amber(TOPIC, "dead letters", format!("not counted: {error}"), "see the stream DEAD"),
    }
}

/// Whether log-worker will have archived within seconds what is sent now.
fn archiving(checkup: &Checkup, attended: &BTreeMap<String, bool>) -> Result<(), String> {
    let log_worker = checkup.consumers.iter().find(|consumer| consumer.name == log_worker::NAME);
    match log_worker {
        Some(consumer) if !attended[&consumer.name] => Err("log-worker does not pull".to_owned()),
        Some(consumer) if behind_s(consumer.oldest) > BEHIND_S => Err("log-worker is behind".to_owned()),
        Some(_) => Ok(()),
        None => Err("log-worker has no consumer".to_owned()),
    }
}

fn behind_s(oldest: Option<Timestamp>) -> i64 {
    oldest.map_or(0, |oldest| (Utc::now() - oldest).num_seconds().max(0))
}
