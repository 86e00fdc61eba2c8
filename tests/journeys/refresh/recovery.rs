//! Memory vendors that fail, refuse or are silent, and workers that die: what was said is told once all the same.

use rustix::process::Signal;
use serde_json::{Value, json};
use testkit::{Input, LIMIT, until};

use crate::with;

use super::stage::{JANE, LAG, Stage, transcript};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_after_zep_has_it_does_not_tell_it_twice() {
    let stage = Stage::start().await;
    // The second portion: taken, and never confirmed.
    let silent = json!({ "vendor": "zep", "operation": "memory.add", "hang": true, "after_effect": true });
    stage.vendors.faults(json!([silent])).await;
    let mut worker = stage.worker(&[]);
    stage.call("demo", "call_1", JANE, &transcript(70), Some("Long.")).await;
    until("Zep has it", async || (stage.thread(JANE, "call_1").await.len() == 30).then_some(())).await;
    assert_eq!(stage.memory("call_1").await.expect("a row")["state"], "adding");
    worker.signal(Signal::KILL);
    worker.ended(LIMIT).await;
    stage.vendors.faults(json!([])).await;
    stage.lease_is_over().await;
    let worker = stage.worker(&[]);
    stage.memory_is("call_1", "stored").await;
    let mut said = stage.thread(JANE, "call_1").await;
    assert_eq!(said.pop().as_deref(), Some("Summary of the call: Long."));
    assert_eq!(said, (0..70).map(|nth| format!("turn {nth} of it")).collect::<Vec<_>>());
    assert_eq!(stage.stored().await.len(), 1);
    stage.end([worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_after_mem0_has_it_does_not_tell_it_twice() {
    let stage = Stage::start().await;
    stage.vendors.with_memory_lag(LAG).await;
    let silent = json!({ "vendor": "mem0", "operation": "memory.add", "hang": true, "after_effect": true });
    stage.vendors.faults(json!([silent])).await;
    let mut worker = stage.worker(&[]);
    stage.call("other", "call_1", JANE, &transcript(4), Some("Short.")).await;
    until("mem0 has it", async || (stage.remembered("call_1").await.len() == 2).then_some(())).await;
    worker.signal(Signal::KILL);
    worker.ended(LIMIT).await;
    stage.vendors.faults(json!([])).await;
    stage.lease_is_over().await;
    let worker = stage.worker(&[]);
    stage.memory_is("call_1", "stored").await;
    assert_eq!(stage.remembered("call_1").await.len(), 2);
    assert_eq!(stage.vendors.times("mem0 memory.add").await, 1);
    stage.end([worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mem0_may_have_taken_is_told_again_only_once_it_must_have_shown_it() {
    let stage = Stage::start().await;
    stage.vendors.faults(json!([{ "vendor": "mem0", "operation": "memory.add", "status": 500, "times": 1 }])).await;
    let worker = stage.worker(&[]);
    stage.call("other", "call_1", JANE, &transcript(4), Some("Short.")).await;
    until("the fault is met", async || stage.memory("call_1").await.filter(|row| row["attempts"] == 1)).await;
    stage.lease_is_over().await;
    until("it is looked for", async || (stage.vendors.times("mem0 memory.list").await >= 1).then_some(())).await;
    stage.memory_is("call_1", "adding").await;
    assert_eq!(stage.vendors.times("mem0 memory.add").await, 1);
    stage.world.sql("UPDATE offhook.memories SET state_since = now() - interval '2 minutes'").await;
    stage.lease_is_over().await;
    stage.memory_is("call_1", "stored").await;
    assert_eq!((stage.remembered("call_1").await.len(), stage.vendors.times("mem0 memory.add").await), (2, 2));
    stage.end([worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fails_over_and_over_is_asked_less_and_less_and_then_no_more() {
    let stage = Stage::start().await;
    stage.vendors.faults(json!([{ "vendor": "zep", "operation": "memory.add", "status": 500 }])).await;
    let worker = stage.worker(&[]);
    stage.call("demo", "call_1", JANE, &transcript(4), Some("Short.")).await;
    for failures in 1..=5 {
        let row = until("it has failed again", async || {
            stage.memory("call_1").await.filter(|row| row["attempts"] == failures && row["lease"].is_null())
        })
        .await;
        assert!(row["last_error"].is_string(), "{row}");
        match failures {
            5 => assert!(row["due_in_s"].as_f64() > Some(15.0), "{row}"),
            _ => stage.lease_is_over().await,
        }
    }
    stage.world.sql("UPDATE offhook.memories SET attempts = 500, due_at = now()").await;
    stage.memory_is("call_1", "given_up").await;
    assert_eq!(stage.stored().await.len(), 0, "there is nothing new to be read");
    stage.end([worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_account_gives_no_call_up_however_long_it_lasts() {
    let stage = Stage::start().await;
    let worker = stage.worker(&[]);
    let statuses = ["302", "401", "402", "403", "404"];
    for status in statuses {
        let wrong: u16 = status.parse().expect("a status");
        stage.vendors.faults(json!([{ "vendor": "zep", "status": wrong }])).await;
        stage.call("demo", status, JANE, &transcript(3), Some("Three turns.")).await;
        until("it is met", async || stage.memory(status).await.filter(|row| row["attempts"] == 1)).await;
        stage
            .world
            .sql("UPDATE offhook.memories SET attempts = 1000, due_at = now(), last_error = NULL WHERE state = 'due'")
            .await;
        let row = until("it is met again", async || {
            stage.memory(status).await.filter(|row| row["last_error"].as_str().is_some_and(|why| why.contains(status)))
        })
        .await;
        assert_eq!((&row["state"], &row["attempts"]), (&json!("due"), &json!(1000)), "{row}");
    }
    stage.vendors.faults(json!([])).await;
    stage.lease_is_over().await;
    for status in statuses {
        stage.memory_is(status, "stored").await;
        assert_eq!(stage.thread(JANE, status).await.len(), 4, "{status}");
    }
    stage.end([worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_wrong_for_a_while_hides_nothing_of_what_has_arrived() {
    let stage = Stage::start().await;
    let silent = json!({ "vendor": "zep", "operation": "memory.add", "hang": true, "after_effect": true });
    stage.vendors.faults(json!([silent])).await;
    let mut worker = stage.worker(&[]);
    stage.call("demo", "call_1", JANE, &transcript(3), Some("Three turns.")).await;
    until("Zep has it", async || (stage.thread(JANE, "call_1").await.len() == 4).then_some(())).await;
    worker.signal(Signal::KILL);
    worker.ended(LIMIT).await;
    stage.vendors.faults(json!([{ "vendor": "zep", "status": 404 }])).await;
    stage.lease_is_over().await;
    let worker = stage.worker(&[]);
    let row = until("nobody is there", async || stage.memory("call_1").await.filter(|row| row["attempts"] == 1)).await;
    assert_eq!(row["state"], "adding", "{row}");
    stage.vendors.faults(json!([])).await;
    stage.lease_is_over().await;
    stage.memory_is("call_1", "stored").await;
    assert_eq!(stage.thread(JANE, "call_1").await.len(), 4);
    stage.end([worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_call_is_a_dead_letter_that_has_it_told_when_it_is_sent_again() {
    let stage = Stage::start().await;
    stage.vendors.faults(json!([{ "vendor": "zep", "operation": "memory.add", "status": 422, "times": 1 }])).await;
    let worker = stage.worker(&[]);
    stage.call("demo", "call_1", JANE, &transcript(3), Some("Three turns.")).await;
    stage.memory_is("call_1", "refused").await;
    let letter =
        stage.world.bus.latest_dead(refresh_worker::NAME).await.expect("the broker answers").expect("a letter");
    assert!(letter.reason.starts_with("call retell:call_1 at zep: the vendor refused: 422"), "{}", letter.reason);
    stage.world.publish(&Input { envelope: letter.envelope, body: letter.body }).await;
    stage.memory_is("call_1", "stored").await;
    assert_eq!(stage.thread(JANE, "call_1").await.len(), 4);
    stage.end_with_dead_letters(1, [worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_vendor_that_fails_is_told_once_it_is_well() {
    let add = |more: Value| with(json!({ "vendor": "zep", "operation": "memory.add" }), more);
    let faults = [
        ("429", add(json!({ "status": 429, "retry_after_s": 1, "times": 2 }))),
        ("500", add(json!({ "status": 500, "times": 3 }))),
        ("500-after", add(json!({ "status": 500, "times": 1, "after_effect": true }))),
        ("401", add(json!({ "status": 401, "times": 1 }))),
        ("hangs", add(json!({ "hang": true, "times": 1 }))),
        ("user", json!({ "vendor": "zep", "operation": "user.get", "status": 503, "times": 2 })),
    ];
    let stage = Stage::start().await;
    let worker = stage.worker(&[]);
    for (call_id, fault) in faults {
        stage.vendors.faults(json!([fault])).await;
        stage.call("demo", call_id, JANE, &transcript(3), Some("Three turns.")).await;
        until(&format!("{call_id}: the fault is met"), async || {
            stage.memory(call_id).await.filter(|row| row["attempts"] != 0 || row["state"] == "stored")
        })
        .await;
        stage.memory_is(call_id, "stored").await;
        assert_eq!(stage.thread(JANE, call_id).await.len(), 4, "{call_id}");
    }
    assert_eq!(stage.stored().await.len(), 6);
    stage.end([worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_a_vendor_refuses_and_an_org_whose_vendor_is_dead_hold_nobody_up() {
    let stage = Stage::start().await;
    let refused = json!({ "vendor": "zep", "operation": "memory.add", "status": 400, "times": 1 });
    stage.vendors.faults(json!([refused])).await;
    let worker = stage.worker(&[]);
    stage.call("demo", "call_1", JANE, &transcript(3), Some("Three turns.")).await;
    let row = stage.memory_is("call_1", "refused").await;
    assert!(row["last_error"].as_str().is_some_and(|why| why.contains("400")), "{row}");
    stage.vendors.faults(json!([{ "vendor": "zep", "hang": true }])).await;
    for nth in 2..12 {
        stage.call("demo", &format!("call_{nth}"), JANE, &transcript(3), Some("Three turns.")).await;
    }
    stage.call("other", "call_other", JANE, &transcript(3), Some("Three turns.")).await;
    stage.memory_is("call_other", "stored").await;
    assert_eq!(stage.stored().await, ["memory.stored:retell:call_other"]);
    stage.vendors.faults(json!([])).await;
    for nth in 2..12 {
        let call_id = format!("call_{nth}");
        stage.memory_is(&call_id, "stored").await;
        assert_eq!(stage.thread(JANE, &call_id).await.len(), 4);
    }
    stage.end_with_dead_letters(1, [worker]).await;
}
