//! The whole story of a caller who rings, talks, hangs up and rings again: with everything, with the cache off, and with nobody to
//! ask but ourselves.

use std::{collections::BTreeSet, time::Instant};

use serde_json::json;
use testkit::{Answer, Delivery, KEY, Process, Question, Sandbox, World, until};

use crate::{call, count, counted, with};

const JANE: &str = "+15005550006";
const OURS: &str = "+15005550001";
const SUMMARY: &str = "Jane Doe asked for a crown and wants to be called on Fridays.";
const TRANSCRIPT: &str = "Agent: Demo Dental, hello.\nUser: I need a crown, and please call me on Fridays only.\n";
const SERVICES: [&str; 7] = [
    ingress::NAME,
    answer::NAME,
    log_worker::NAME,
    metrics_worker::NAME,
    invalidate_worker::NAME,
    crm_worker::NAME,
    refresh_worker::NAME,
];

/// The demo org, as `make run` serves it.
const WITH_VENDORS: &str = include_str!("../../orgs.demo.toml");

/// Everything in one process, and an answer service in another.
struct Stage {
    world: World,
    vendors: Option<Sandbox>,
    all: Process,
    other: Process,
}

impl Stage {
    async fn start(cache: &str, vendors: bool) -> Self {
        let world = World::start().await;
        let vendors = if vendors { Some(world.vendors().await) } else { None };
        let url = vendors.as_ref().map_or_else(String::new, |vendors| vendors.url.clone());
        if let Some(vendors) = &vendors {
            vendors.without_delays().await;
            world.apply_orgs(&WITH_VENDORS.replace("deadline_ms = 300", "deadline_ms = 5000")).await;
        }
        let secrets = ["DEMO_RETELL_API_KEY", "DEMO_API_KEY", "DEMO_VENDOR_TOKEN"].map(|name| (name, KEY));
        let more =
            [("OFFHOOK_SANDBOX_URL", url.as_str()), ("OFFHOOK_CACHE", cache), ("OFFHOOK_CACHE_OPERATION_MS", "1000")];
        let environment = [secrets.as_slice(), &more].concat();
        let all = world.process(&SERVICES, &environment);
        let other = world.process(&[answer::NAME], &environment);
        all.ready().await;
        other.ready().await;
        Self { world, vendors, all, other }
    }

    /// The line rings, at one of the two processes.
    async fn rings(&self, process: &Process) -> Answer {
        Question::ring(JANE, OURS).ask(&process.url(answer::NAME).await).await
    }

    /// A call from ringing to its analysis, so many minutes after the first.
    async fn talks(&self, id: &str, minute: i64) {
        let url = self.all.url(ingress::NAME).await;
        let call = |id| with(call(id), json!({ "start_timestamp": 1_795_000_001_200_i64 + minute * 60_000 }));
        let ended = with(
            call(id),
            json!({ "transcript": TRANSCRIPT, "end_timestamp": 1_795_000_061_200_i64, "call_status": "ended" }),
        );
        let analysis = json!({ "call_analysis": { "call_summary": SUMMARY, "call_successful": true } });
        Delivery::event("call_started", &call(id)).acknowledged(&url).await;
        Delivery::event("call_ended", &ended).acknowledged(&url).await;
        Delivery::event("call_analyzed", &with(ended, analysis)).acknowledged(&url).await;
    }

    async fn tell(self) {
        let first = self.rings(&self.all).await;
        self.talks("call_story", 0).await;
        let again = until("another process tells what the call was about", async || {
            Some(self.rings(&self.other).await).filter(|answer| answer.get("customer_summary") == SUMMARY)
        })
        .await;
        assert_eq!((again.get("customer_known"), again.get("total_calls")), ("yes", "1"));
        let names = |answer: &Answer| answer.variables.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(names(&first), names(&again), "the same variables, whatever is known");
        let days = "SELECT coalesce(sum(successful), 0)::bigint FROM offhook.daily_metrics WHERE org = 'demo'";
        until("the day is counted", async || (count(&self.world.pool, days).await == 1).then_some(())).await;
        assert_eq!(count(&self.world.pool, "SELECT count(*) FROM offhook.calls").await, 1);
        if let Some(vendors) = &self.vendors {
            self.reaches(vendors).await;
        }
        for process in [self.all, self.other] {
            assert!(process.terminate().await.success());
        }
        self.world.end_with_dead_letters(0).await;
    }

    /// What the call said is at the CRM and in the memory, and the memory is told.
    async fn reaches(&self, vendors: &Sandbox) {
        until("the CRM has its note", async || (vendors.times("highlevel note.create").await == 1).then_some(())).await;
        until("another process tells what was said", async || {
            self.rings(&self.other).await.get("customer_facts").contains("Fridays").then_some(())
        })
        .await;
        let pushed = "SELECT count(*) FROM offhook.crm_contacts WHERE version > 0 AND pushed_version = version";
        until("nothing is left to push", async || (count(&self.world.pool, pushed).await == 1).then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_everything() {
    Stage::start("on", true).await.tell().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_cache_off() {
    Stage::start("off", true).await.tell().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_vendor() {
    Stage::start("on", false).await.tell().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_neither() {
    Stage::start("off", false).await.tell().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_calls_by_one_caller_each_is_counted_whatever_the_cache_knew() {
    const CALLS: i64 = 100;
    let stage = Stage::start("on", true).await;
    let mut from_caches = 0;
    for _ in 0..CALLS {
        let answer = stage.rings(&stage.all).await;
        from_caches += i64::from(answer.parts.values().all(|from| from == "process" || from == "redis"));
    }
    assert_eq!(from_caches, CALLS - 1, "all but the first");
    let begun = Instant::now();
    for nth in 0..CALLS {
        stage.talks(&format!("call_{nth}"), nth).await;
    }
    let pool = &stage.world.pool;
    counted(pool, "SELECT count(*) FROM offhook.calls WHERE summary IS NOT NULL", CALLS).await;
    counted(pool, "SELECT total_calls FROM offhook.contacts WHERE phone = '+15005550006'", CALLS).await;
    counted(pool, "SELECT coalesce(sum(calls), 0)::bigint FROM offhook.daily_metrics", CALLS).await;
    let inbound = stage.world.stored("events.demo.call.inbound.answer", 0).await.len();
    assert_eq!(inbound, 100, "a hit tells the same as a miss");
    let pushed = "SELECT count(*) FROM offhook.crm_contacts
        WHERE pushed_version = version AND desired->'last_call'->>'call_id' = 'call_99'";
    counted(pool, pushed, 1).await;
    let vendors = stage.vendors.as_ref().expect("it has vendors");
    until("each call has its note", async || (vendors.times("highlevel note.create").await == 100).then_some(())).await;
    let (tags, contacts) =
        (vendors.times("highlevel contact.tags.add").await, vendors.times("highlevel contact.upsert").await);
    eprintln!("{CALLS} calls: {contacts} pushes of the contact, {tags} of its tags");
    // What changes within a second is pushed together, however long the calls take here.
    let pauses = begun.elapsed().as_secs() + 2;
    assert!(contacts as u64 <= pauses, "{contacts} pushes of the contact in {pauses} s, {tags} of its tags");
    for process in [stage.all, stage.other] {
        assert!(process.terminate().await.success());
    }
    stage.world.end_with_dead_letters(0).await;
}
