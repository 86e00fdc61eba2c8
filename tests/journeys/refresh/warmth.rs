//! What a call will ask is ready: before it asks, once for all processes, and again after an invalidation.

use chrono::{TimeDelta, Utc};
use context::tags;
use serde_json::{Value, json};
use testkit::{Process, Question, World, until};

use super::stage::{JANE, MAIN, Stage};
use crate::tools::offhook;

/// Whom the CRM knows, and no memory vendor.
const ANA: &str = "+15005550010";
/// What org `demo` wants of a caller: contact, CRM contact, memory, appointments.
const OF_CALLER: i64 = 4;
/// What both orgs want whoever calls: two prompts and a calendar, and another calendar.
const ALWAYS: i64 = 4;

async fn answer(stage: &Stage) -> (Process, String) {
    let process = stage.world.process(&[answer::NAME], &[("OFFHOOK_CACHE_OPERATION_MS", "1000")]);
    process.ready().await;
    let url = process.url(answer::NAME).await;
    (process, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_will_ask_is_ready_and_its_reads_are_counted() {
    let stage = Stage::start().await;
    let worker = stage.worker(&[]);
    stage.rang("demo", "+15005550011", Utc::now() - TimeDelta::minutes(16)).await;
    stage.rings("demo", JANE).await;
    stage.rings("demo", JANE).await;
    stage.warm(ALWAYS + OF_CALLER).await;
    let (answer, url) = answer(&stage).await;
    let before = stage.vendors.asked().await;
    let told = Question::ring(JANE, MAIN).ask(&url).await;
    for part in ["contact", "crm", "memory", "slots", "appointments", "prompt"] {
        assert_eq!(told.from(part), Some("redis"), "{part}");
    }
    assert!(told.get("customer_facts").contains("chipped a tooth"), "{}", told.body);
    assert_eq!(stage.vendors.asked().await, before, "no vendor is asked while the caller waits");
    assert!(answer.metric("offhook_cache_warmed_reads_total{kind=\"memory\"}").await >= 1.0);
    assert!(answer.metric("offhook_cache_warmed_reads_total{kind=\"slots\"}").await >= 7.0);
    assert!(worker.metric("offhook_cache_warmed_total{kind=\"memory\",result=\"loaded\"}").await >= 1.0);
    stage.end([worker, answer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cal_com_keeps_is_ready_too() {
    let stage = Stage::with_calcom().await;
    let worker = stage.worker(&[]);
    stage.rings("demo", JANE).await;
    stage.warm(ALWAYS + OF_CALLER).await;
    let (answer, url) = answer(&stage).await;
    let before = stage.vendors.asked().await;
    let told = Question::ring(JANE, MAIN).ask(&url).await;
    assert_eq!([told.from("slots"), told.from("appointments")], [Some("redis"); 2]);
    assert_eq!(told.get("existing_appointments_count"), "1");
    assert_eq!(stage.vendors.asked().await, before, "no vendor is asked while the caller waits");
    assert!(before.contains(&"calcom booking.list".to_owned()) && before.contains(&"calcom slots.free".to_owned()));
    stage.end([worker, answer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_warm_each_thing_once() {
    let stage = Stage::start().await;
    let workers = [stage.worker(&[]), stage.worker(&[])];
    for worker in &workers {
        worker.ready().await;
    }
    let callers: Vec<String> = (10..20).map(|nth| format!("+150055500{nth}")).collect();
    for caller in callers.iter().cycle().take(50) {
        stage.rings("demo", caller).await;
    }
    stage.warm(ALWAYS + OF_CALLER * 10).await;
    for caller in &callers {
        let query = format!("vendor=zep&operation=memory.search&account=demo:%2B{}", &caller[1..]);
        assert_eq!(stage.vendors.journal(&query).await.len(), 1, "{caller}");
    }
    assert_eq!(stage.vendors.times("highlevel contact.lookup").await, 10);
    assert_eq!(stage.vendors.times("highlevel appointment.list").await, 10);
    assert_eq!(stage.vendors.times("langfuse prompt.get").await, 2);
    let mut days = 0.0;
    for worker in &workers {
        days += worker.metric("offhook_cache_warmed_total{kind=\"slots\",result=\"loaded\"}").await;
    }
    assert_eq!(days, 14.0, "each day of each calendar");
    stage.end(workers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_and_slots_are_ready_from_the_start_and_loaded_anew_before_they_pass() {
    let stage = Stage::start().await;
    let worker = stage.worker(&[("OFFHOOK_CACHE_LIVES", "prompt=2s/60s")]);
    stage.warm(ALWAYS).await;
    until("the prompts are loaded anew though nobody reads them", async || {
        (stage.vendors.times("langfuse prompt.get").await >= 6).then_some(())
    })
    .await;
    let (answer, url) = answer(&stage).await;
    let told = Question::ring("+15005550099", MAIN).ask(&url).await;
    assert_eq!((told.from("slots"), told.from("prompt")), (Some("redis"), Some("redis")));
    stage.end([worker, answer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_invalidation_what_is_wanted_is_loaded_anew_and_nothing_else() {
    let stage = Stage::start().await;
    let worker = stage.worker(&[]);
    stage.rings("demo", ANA).await;
    stage.warm(ALWAYS + OF_CALLER).await;
    let searches = stage.vendors.times("zep memory.search").await;
    stage.vendors.memory(&format!("demo:{ANA}"), "Ana Ruiz has a dog named Rex.").await;
    for phone in ["+15005550011", ANA] {
        let tag = tags::memory(&phone.parse().expect("a number"));
        stage.bump("demo", tag, &json!({ "tag": "memory", "parts": [phone] })).await;
    }
    until("it is loaded anew", async || (stage.vendors.times("zep memory.search").await > searches).then_some(()))
        .await;
    stage.world.settled(refresh_worker::NAME).await;
    stage.warm(ALWAYS + OF_CALLER).await;
    assert_eq!(stage.vendors.times("zep memory.search").await, searches + 1, "of somebody who did not ring, nothing");
    let (answer, url) = answer(&stage).await;
    let told = Question::ring(ANA, MAIN).ask(&url).await;
    assert_eq!(told.from("memory"), Some("redis"));
    assert!(told.get("customer_facts").contains("Rex"), "{}", told.body);
    stage.end([worker, answer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_is_silent_delays_no_other_org() {
    let stage = Stage::start().await;
    stage.vendors.faults(json!([{ "vendor": "highlevel", "account": "loc_demo", "hang": true }])).await;
    let worker = stage.worker(&[]);
    stage.rings("demo", JANE).await;
    stage.rings("other", JANE).await;
    until("the other org's things are warm", async || {
        let query = "SELECT count(*) FROM offhook.hot WHERE org = 'other' AND lease IS NULL AND attempts = 0 AND warm_at > now()";
        let warm: i64 = sqlx::query_scalar(query).fetch_one(&stage.world.pool).await.ok()?;
        (warm == OF_CALLER + 1).then_some(())
    })
    .await;
    let slots: Value = json!(stage.vendors.journal("vendor=highlevel&operation=slots.free&account=loc_demo").await);
    assert!(slots.as_array().is_some_and(|asked| asked.iter().all(|line| line["status"].is_null())), "{slots}");
    stage.vendors.faults(json!([])).await;
    stage.warm(ALWAYS + 2 * OF_CALLER).await;
    stage.end([worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_cache_off_nobody_is_asked_and_without_a_vendor_there_is_nobody() {
    let stage = Stage::start().await;
    let worker = stage.worker(&[("OFFHOOK_CACHE", "off")]);
    stage.rings("demo", JANE).await;
    stage.call("demo", "call_1", JANE, "User: I have a dog", Some("A dog.")).await;
    stage.warm(ALWAYS + OF_CALLER).await;
    stage.memory_is("call_1", "stored").await;
    assert_eq!(stage.vendors.times("zep memory.search").await, 0);
    assert_eq!(stage.vendors.times("highlevel contact.lookup").await, 0);
    stage.end([worker]).await;

    let stage = Stage::without_vendors().await;
    let worker = stage.worker(&[]);
    stage.rings("demo", JANE).await;
    stage.call("demo", "call_1", JANE, "User: I have a dog", Some("A dog.")).await;
    stage.warm(1).await;
    let row = stage.memory_is("call_1", "untold").await;
    assert_eq!(row["messages"], Value::Null);
    assert_eq!((stage.stored().await.len(), stage.vendors.asked().await.len()), (0, 0));
    stage.end([worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_is_warmed_from_the_command_line() {
    let stage = Stage::start().await;
    stage
        .world
        .sql(&format!("INSERT INTO offhook.contacts (org, phone, last_call_at) VALUES ('demo', '{JANE}', now()), ('demo', '{ANA}', NULL)"))
        .await;
    let environment = stage.world.environment();
    let warm = async |more: &[&str]| offhook(&[&["cache", "warm"], more].concat(), &environment).await;
    let (code, printed, why) = warm(&[]).await;
    let [told] = printed.as_slice() else { panic!("one object, not {printed:?}: {why}") };
    assert_eq!(code, 0, "{told} {why}");
    let of = |told: &Value, kind: &str| ["warmed", "already", "failed"].map(|name| told[kind][name].as_u64());
    for (kind, warmed) in [("slots", 2), ("prompt", 2), ("contact", 1), ("memory", 1)] {
        assert_eq!(of(told, kind), [Some(warmed), Some(0), Some(0)], "{kind} in {told}");
    }
    let (answer, url) = answer(&stage).await;
    let told = Question::ring(JANE, MAIN).ask(&url).await;
    for part in ["contact", "memory", "slots", "prompt"] {
        assert_eq!(told.from(part), Some("redis"), "{part}");
    }
    let (_, printed, _) = warm(&["--kind", "memory", "--org", "demo"]).await;
    assert_eq!(printed, [json!({ "memory": { "warmed": 0, "already": 1, "elsewhere": 0, "failed": 0 } })]);

    stage.world.redis_command(&["FLUSHALL"]).await;
    let no_budget =
        json!({ "vendor": "zep", "operation": "memory.search", "status": 429, "retry_after_s": 1, "times": 1 });
    stage.vendors.faults(json!([no_budget])).await;
    let (code, printed, _) = warm(&["--kind", "memory", "--org", "demo"]).await;
    assert_eq!(
        (code, of(&printed[0], "memory")),
        (0, [Some(1), Some(0), Some(0)]),
        "its turn is waited for: {printed:?}"
    );

    stage.vendors.faults(json!([{ "vendor": "highlevel", "operation": "slots.free", "status": 500 }])).await;
    stage.world.redis_command(&["FLUSHALL"]).await;
    let (code, printed, _) = warm(&["--kind", "slots", "--org", "other", "--days", "1"]).await;
    assert_eq!((code, of(&printed[0], "slots")), (1, [Some(0), Some(0), Some(1)]), "{printed:?}");
    let (code, _, why) = warm(&["--kind", "slot"]).await;
    assert!(code == 1 && why.contains("offhook cache kinds"), "{why}");
    stage.end([answer]).await;
}

impl Stage {
    /// The usual orgs of a world, which have none.
    async fn without_vendors() -> Self {
        let world = World::start().await;
        let vendors = world.vendors().await;
        Self { world, vendors }
    }
}
