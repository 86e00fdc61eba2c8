//! Many events of one contact, and several pushers at once: few pushes, the right state, within the budget.

use std::time::Instant;

use serde_json::json;

use crate::stage::{DEMO, STRANGER, Stage, call};

/// What a location may be asked in ten seconds.
const BUDGET: u64 = 100;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_interleaved_events_over_two_pods_leave_the_right_state_and_no_note_twice() {
    let stage = Stage::start().await;
    stage.vendors.with_usual_delays().await;
    let pods = [stage.process().await, stage.process().await];
    // 25 calls in two events each, the later half first.
    let order: Vec<usize> = (0..25).map(|nth| (nth * 7) % 25).collect();
    for nth in &order {
        stage.tell("call_ended", &call(STRANGER, *nth, None)).await;
        let early = (nth + 12) % 25;
        stage.tell("call_analyzed", &call(STRANGER, early, Some(&format!("No. {early}.")))).await;
    }
    stage.pushed().await;
    assert_eq!(stage.field(DEMO, STRANGER, "cf_call").await, "call_24");
    let mut notes = stage.notes(DEMO).await;
    notes.retain(|note| note.starts_with("No. "));
    let mut marks: Vec<_> = notes.iter().filter_map(|note| note.rsplit("\n\n").next()).collect();
    marks.sort_unstable();
    marks.dedup();
    assert_eq!((notes.len(), marks.len()), (25, 25), "{notes:?}");
    let (requests, most) = stage.vendors.busiest(DEMO).await;
    eprintln!(
        "50 events: {} pushes, {requests} requests, at most {most} in ten seconds",
        stage.times("contact.upsert").await
    );
    assert!(most <= BUDGET, "{most} requests in ten seconds");
    for pod in pods {
        assert!(pod.terminate().await.success());
    }
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pods_with_more_to_push_than_the_vendor_takes_keep_to_its_budget() {
    let stage = Stage::start().await;
    for nth in 0..50 {
        let phone = format!("+150055502{nth:02}");
        stage.tell("call_analyzed", &call(&phone, nth, Some("One of many."))).await;
    }
    // Both find it all at once.
    let pods = [stage.process().await, stage.process().await];
    stage.pushed().await;
    assert_eq!(stage.notes(DEMO).await.iter().filter(|note| note.starts_with("One of many.")).count(), 50);
    let (requests, most) = stage.vendors.busiest(DEMO).await;
    eprintln!("50 contacts: {requests} requests, at most {most} in ten seconds");
    assert!(requests >= 150 && most <= BUDGET, "{requests} requests, {most} in ten seconds");
    let refused = stage.vendors.journal("vendor=highlevel").await.iter().filter(|line| line["status"] == 429).count();
    assert_eq!(refused, 0, "nobody had to be told");
    for pod in pods {
        assert!(pod.terminate().await.success());
    }
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calls_by_one_caller_are_a_hundred_rows_and_a_few_pushes() {
    let stage = Stage::start().await;
    stage.vendors.with_usual_delays().await;
    let crm = stage.world.crm_worker();
    let begun = Instant::now();
    for nth in 0..100 {
        stage.tell("call_ended", &call(STRANGER, nth, nth.is_multiple_of(10).then_some("One of ten."))).await;
    }
    stage.pushed().await;
    let counted = "SELECT jsonb_build_array((SELECT count(*) FROM offhook.calls), total_calls) FROM offhook.contacts";
    assert_eq!(stage.world.rows(counted).await, [json!([100, 100])]);
    assert_eq!(stage.field(DEMO, STRANGER, "cf_call").await, "call_99");
    assert_eq!(stage.notes(DEMO).await.iter().filter(|note| note.starts_with("One of ten.")).count(), 10);
    let pushes = stage.times("contact.upsert").await;
    let (requests, most) = stage.vendors.busiest(DEMO).await;
    eprintln!("100 calls: {pushes} pushes, {requests} requests, at most {most} in ten seconds");
    // What changes within a second is pushed together, however long the calls take here.
    let pauses = begun.elapsed().as_secs() + 2;
    assert!(pushes as u64 <= pauses, "{pushes} pushes in {pauses} s");
    assert!(most <= BUDGET, "{most} requests in ten seconds");
    crm.stop().await;
    stage.end(0).await;
}
