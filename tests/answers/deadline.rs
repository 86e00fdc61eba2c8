//! The deadline: what is there in time is told, what is not is named, and is there the next time.

use serde_json::{Value, json};
use testkit::{Question, until};

use crate::stage::{HURRIED, JANE, MAIN, STRANGER, Stage, USUAL};

/// What the first call of somebody whom our own tables don't know asks for.
const ALL: [&str; 6] = [
    "highlevel appointment.list",
    "highlevel contact.lookup",
    "highlevel slots.free",
    "langfuse prompt.get",
    "langfuse prompt.get",
    "zep memory.search",
];

/// Vendors that take so long.
fn slow(delay_ms: u64) -> Value {
    json!(["highlevel", "zep", "langfuse"].map(|vendor| json!({ "vendor": vendor, "delay_ms": delay_ms })))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_vendors_usual_delays_a_cold_answer_is_whole_and_asks_each_once() {
    let stage = Stage::start().await;
    stage.vendors.with_usual_delays().await;
    let cold = stage.ring_at(JANE, USUAL).await;
    assert_eq!(cold.degraded(), [""; 0], "{}", cold.body);
    assert_eq!(stage.vendors.asked().await, ALL);
    for (name, value) in [("customer_name", "Jane Doe"), ("customer_facts_count", "2"), ("has_availability", "yes")] {
        assert_eq!(cold.get(name), value);
    }
    assert_eq!((cold.get("has_existing_appointments"), cold.get("customer_known")), ("yes", "yes"));
    let warm = stage.ring_at(JANE, USUAL).await;
    assert_eq!(warm.variables.get("system_prompt"), cold.variables.get("system_prompt"));
    assert_eq!(stage.vendors.asked().await, ALL, "a warm answer asks nobody");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_too_late_is_named_and_there_the_next_time() {
    let stage = Stage::start().await;
    stage.vendors.faults(slow(400)).await;
    let hurried = stage.ring_at(JANE, HURRIED).await;
    let missing = hurried.degraded();
    for part in ["appointments", "crm", "memory", "prompt", "slots"] {
        assert!(missing.contains(&part), "{part} is not in {missing:?}");
        assert_eq!(hurried.from(part), Some("missing"));
    }
    let defaults = [("customer_known", "no"), ("available_slots_count", "0"), ("customer_name", "")];
    for (name, default) in defaults {
        assert_eq!(hurried.get(name), default, "{name}");
    }
    assert_eq!((hurried.get("business_name"), hurried.get("customer_phone")), ("Demo Dental", JANE));
    assert!(!hurried.get("current_time").is_empty() && !hurried.get("greeting").is_empty());

    until("the last of the loads has begun", async || {
        (stage.vendors.times("highlevel appointment.list").await == 1).then_some(())
    })
    .await;
    stage.vendors.idle().await;
    let next = stage.ring(JANE).await;
    assert_eq!((next.degraded(), next.get("customer_name")), (Vec::new(), "Jane Doe"), "{}", next.body);
    assert_eq!(stage.vendors.asked().await, ALL, "what came too late is not asked again");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ring_at_once_are_one_question_to_each_vendor() {
    let stage = Stage::start().await;
    stage.vendors.faults(slow(300)).await;
    let rings = (0..16).map(|_| {
        let url = stage.url.clone();
        tokio::spawn(async move { Question::ring(JANE, MAIN).ask(&url).await })
    });
    for ring in rings.collect::<Vec<_>>() {
        let answer = ring.await.expect("an answer");
        assert_eq!((answer.degraded(), answer.get("customer_name")), (Vec::new(), "Jane Doe"));
    }
    // Each day of the week is a question of its own, so days may fall to different callers. Never more than days.
    let mut asked = stage.vendors.asked().await;
    let weeks = asked.iter().filter(|operation| *operation == "highlevel slots.free").count();
    assert!(u64::try_from(weeks).expect("few") <= context::DAYS, "{asked:?}");
    asked.dedup_by(|one, next| one == next && one.ends_with("slots.free"));
    assert_eq!(asked, ALL);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_is_named_and_the_rest_is_told() {
    let stage = Stage::start().await;
    let warm = stage.ring_at(STRANGER, MAIN).await;
    assert_eq!(warm.degraded(), [""; 0]);
    stage.vendors.faults(json!([{ "vendor": "zep", "hang": true }])).await;
    let answer = stage.ring_at(JANE, USUAL).await;
    assert_eq!(answer.degraded(), ["memory"]);
    assert_eq!((answer.get("customer_name"), answer.get("customer_facts_count")), ("Jane Doe", "0"));
    stage.end().await;
}
