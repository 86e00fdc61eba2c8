//! What a call said is told to the memory vendor, and everybody hears of it once it can be read back.

use chrono::Utc;
use reqwest::Client;
use serde_json::{Value, json};
use sources::elevenlabs;
use testkit::{Delivery, KEY, Question, until};

use super::stage::{JANE, LAG, MAIN, STORED, Stage, transcript};
use crate::{call, sources::conversation, with};

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_rings_again_and_what_was_said_is_known() {
    let stage = Stage::start().await;
    stage.vendors.with_memory_lag(LAG).await;
    let workers = [stage.worker(&[])];
    let (ingress, events_url) = stage.world.ingress().await;
    let (log_worker, invalidate_worker) = (stage.world.log_worker(), stage.world.invalidate_worker());
    let (answer, url) = stage.world.answer().await;
    let told = Question::ring(JANE, MAIN).ask(&url).await;
    assert!(!told.get("customer_facts").contains("Rex"), "{}", told.body);
    let ended = json!({ "call_status": "ended", "end_timestamp": 1_795_000_061_200_i64,
        "transcript": "Agent: Hello\nUser: My dog is named Rex\n" });
    let ended = with(call("call_1"), ended);
    let analyzed = with(ended.clone(), json!({ "call_analysis": { "call_summary": "She has a dog." } }));
    // The analysis first: whatever comes when, the call is told once, and whole.
    Delivery::event("call_analyzed", &analyzed).acknowledged(&events_url).await;
    Delivery::event("call_ended", &ended).acknowledged(&events_url).await;
    let stored = until("the vendor tells it", async || {
        let stored = stage.world.stored(STORED, 0).await;
        stored.into_iter().next().map(|(_, input)| input)
    })
    .await;
    assert_eq!(stored.envelope.subject.as_deref(), Some(JANE));
    let body: Value = serde_json::from_slice(&stored.body).expect("JSON");
    assert_eq!(body, json!({ "source": "retell", "call_id": "call_1", "contact_phone": JANE }));
    // Whoever invalidates now finds the new fact: not before it can be read.
    until("the caller is told what they said", async || {
        Question::ring(JANE, MAIN).ask(&url).await.get("customer_facts").contains("Rex").then_some(())
    })
    .await;
    stage.memory_is("call_1", "stored").await;
    assert_eq!(
        stage.thread(JANE, "call_1").await,
        ["Hello", "My dog is named Rex", "Summary of the call: She has a dog."]
    );
    assert_eq!(workers[0].metric("offhook_refresh_memories_total{vendor=\"zep\",outcome=\"stored\"}").await, 1.0);
    for service in [answer, invalidate_worker, log_worker, ingress] {
        service.stop().await;
    }
    stage.end(workers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_tells_no_end_of_a_call_is_remembered_too() {
    let stage = Stage::start().await;
    let worker = stage.worker(&[]);
    let (ingress, url) = stage.world.ingress().await;
    let log_worker = stage.world.log_worker();
    let told = conversation("conv_1").replace("+15005550021", MAIN);
    let unsummed = conversation("conv_2").replace("+15005550021", MAIN).replace("transcript_summary", "none");
    for body in [&told, &unsummed] {
        let signature = elevenlabs::sign(KEY, body.as_bytes(), Utc::now());
        let request = Client::new().post(format!("{url}/v1/demo/elevenlabs/events")).body(body.clone());
        let request =
            request.header("content-type", "application/json").header(elevenlabs::SIGNATURE_HEADER, signature);
        assert_eq!(request.send().await.expect("ingress answers").status(), 200);
    }
    stage.memory_is("conv_1", "stored").await;
    // Its end is known by its start and its length, and is long past: nobody waits for a summary.
    stage.memory_is("conv_2", "stored").await;
    let mut stored = stage.stored().await;
    stored.sort();
    assert_eq!(stored, ["memory.stored:elevenlabs:conv_1", "memory.stored:elevenlabs:conv_2"]);
    for service in [log_worker, ingress] {
        service.stop().await;
    }
    stage.end([worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_any_time_waits_for_its_summary_from_now_on_and_an_active_or_an_old_one_is_not_told() {
    let stage = Stage::start().await;
    let worker = stage.worker(&[]);
    let query = "INSERT INTO offhook.calls (org, source, call_id, contact_phone, status, transcript, summary, first_received_at)
         VALUES ('demo', 'retell', 'no_time', '+15005550006', 'ended', 'User: one', NULL, now()),
            ('demo', 'retell', 'active', '+15005550006', 'active', 'User: two', 'So far.', now()),
            ('demo', 'retell', 'old', '+15005550006', 'ended', 'User: three', 'Old.', now() - interval '31 days')";
    stage.world.sql(query).await;
    for call_id in ["no_time", "active", "old"] {
        stage.recorded("demo", call_id, "again").await;
    }
    stage.world.settled(refresh_worker::NAME).await;
    let row = stage.memory_is("no_time", "due").await;
    assert!(row["due_in_s"].as_f64().is_some_and(|due| (500.0..=600.0).contains(&due)), "{row}");
    for call_id in ["active", "old"] {
        assert_eq!(stage.memory(call_id).await, None, "{call_id}");
    }
    stage.end([worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mem0_is_told_too_and_a_call_that_changes_later_is_not_told_again() {
    let stage = Stage::start().await;
    stage.vendors.with_memory_lag(LAG).await;
    let worker = stage.worker(&[]);
    stage.call("other", "call_1", JANE, "Agent: Hello\nUser: My dog is named Rex", Some("A dog.")).await;
    stage.memory_is("call_1", "stored").await;
    assert_eq!(stage.remembered("call_1").await, ["My dog is named Rex"]);
    stage.call("other", "call_1", JANE, "Agent: Hello\nUser: My dog is named Max", Some("Another dog.")).await;
    stage.world.settled(refresh_worker::NAME).await;
    stage.call("other", "call_2", JANE, "User: I prefer mornings", Some("Mornings.")).await;
    stage.memory_is("call_2", "stored").await;
    assert_eq!(stage.remembered("call_1").await, ["My dog is named Rex"]);
    assert_eq!(stage.stored().await, ["memory.stored:retell:call_1", "memory.stored:retell:call_2"]);
    stage.end([worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_for_its_summary_but_not_for_ever() {
    let stage = Stage::start().await;
    let worker = stage.worker(&[]);
    stage.call("demo", "call_1", JANE, &transcript(4), None).await;
    let row = stage.memory_is("call_1", "due").await;
    assert!(row["due_in_s"].as_f64().is_some_and(|due| (500.0..=600.0).contains(&due)), "{row}");
    stage.call("demo", "call_1", JANE, &transcript(4), Some("Four turns.")).await;
    stage.memory_is("call_1", "stored").await;
    assert_eq!(stage.thread(JANE, "call_1").await.len(), 5, "the summary is told too");
    stage.call("demo", "call_2", JANE, &transcript(4), None).await;
    stage.memory_is("call_2", "due").await;
    stage.lease_is_over().await;
    stage.memory_is("call_2", "stored").await;
    assert_eq!(stage.thread(JANE, "call_2").await.len(), 4);
    stage.end([worker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_never_tells_it_is_given_up_and_everybody_hears_of_it_all_the_same() {
    let stage = Stage::start().await;
    stage.vendors.with_memory_lag(LAG * 10_000).await;
    let worker = stage.worker(&[]);
    stage.call("demo", "call_1", JANE, &transcript(2), Some("Two turns.")).await;
    stage.memory_is("call_1", "added").await;
    until("it is asked for again", async || (stage.vendors.times("zep message.list").await >= 3).then_some(())).await;
    assert_eq!(stage.stored().await.len(), 0);
    stage.world.sql("UPDATE offhook.memories SET state_since = now() - interval '6 minutes'").await;
    stage.memory_is("call_1", "given_up").await;
    assert_eq!(stage.stored().await, ["memory.stored:retell:call_1"]);
    stage.end([worker]).await;
}
