//! Pushers that die, stall or are told to end in the middle of a push.

use rustix::process::Signal;
use serde_json::json;
use testkit::{LIMIT, until};

use crate::stage::{DEMO, JANE, STRANGER, Stage, call};

#[tokio::test(flavor = "multi_thread")]
async fn a_pusher_that_is_killed_between_the_vendor_s_success_and_its_commit_doubles_nothing() {
    let stage = Stage::start().await;
    let before = stage.notes(DEMO).await.len();
    let slow = |operation: &str| json!([{ "vendor": "highlevel", "operation": operation, "delay_ms": 9_000, "after_effect": true, "times": 1 }]);
    for (nth, operation) in [(1, "contact.upsert"), (2, "note.create")] {
        stage.vendors.faults(slow(operation)).await;
        stage.tell("call_analyzed", &call(STRANGER, nth, Some("Killed for."))).await;
        let mut pusher = stage.process().await;
        stage.under_way(operation).await;
        pusher.signal(Signal::KILL);
        pusher.ended(LIMIT).await;
        stage.end_claims().await;
        let crm = stage.world.crm_worker();
        stage.pushed().await;
        crm.stop().await;
        assert_eq!(stage.field(DEMO, STRANGER, "cf_call").await, format!("call_{nth}"));
        assert_eq!(stage.notes(DEMO).await.len(), before + nth);
        stage.vendors.idle().await;
    }
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_push_that_lands_last_is_overtaken_by_the_newest_state() {
    let stage = Stage::start().await;
    let stalled = stage.process().await;
    // Carried out only after a while, when a newer one has long been.
    let rules = json!([{ "vendor": "highlevel", "operation": "contact.upsert", "delay_ms": 9_000, "times": 1 }]);
    stage.vendors.faults(rules).await;
    stage.tell("call_ended", &call(JANE, 1, None)).await;
    stage.under_way("contact.upsert").await;
    stage.tell("call_ended", &call(JANE, 2, None)).await;
    stage.desired().await;
    stalled.signal(Signal::STOP);
    stage.end_claims().await;
    let crm = stage.world.crm_worker();
    until("the newest is pushed", async || (stage.field(DEMO, JANE, "cf_call").await == "call_2").then_some(())).await;
    until("the old one has landed on it", async || {
        (stage.field(DEMO, JANE, "cf_call").await == "call_1").then_some(())
    })
    .await;
    stalled.signal(Signal::CONT);
    until("the newest is pushed again", async || (stage.field(DEMO, JANE, "cf_call").await == "call_2").then_some(()))
        .await;
    stage.pushed().await;
    assert!(stalled.terminate().await.success());
    crm.stop().await;
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pusher_that_is_told_to_end_finishes_its_push_and_leaves_no_claim() {
    let stage = Stage::start().await;
    let mut pusher = stage.process().await;
    let rules = json!([{ "vendor": "highlevel", "operation": "contact.upsert", "delay_ms": 2_000, "times": 1 }]);
    stage.vendors.faults(rules).await;
    stage.tell("call_analyzed", &call(STRANGER, 1, Some("To be told later."))).await;
    stage.under_way("contact.upsert").await;
    pusher.signal(Signal::TERM);
    assert_eq!(pusher.ended(LIMIT).await.code(), Some(0));
    let claims = "SELECT to_jsonb(count(*)) FROM offhook.crm_contacts WHERE claim IS NOT NULL";
    assert_eq!(stage.world.rows(claims).await, [json!(0)]);
    let crm = stage.world.crm_worker();
    stage.pushed().await;
    assert_eq!(stage.notes(DEMO).await.iter().filter(|note| note.starts_with("To be told later.")).count(), 1);
    crm.stop().await;
    stage.end(0).await;
}
