//! A branch whose calendar is at Cal.com: its slots and its callers' appointments, beside another whose is at HighLevel.

use context::tags;
use orgs::Calendar;
use serde_json::json;
use testkit::{Answer, until};

use crate::stage::{JANE, STRANGER, Stage};

/// Where answers may take as long as they need.
const NUMBER: &str = "+15005550061";
/// Where they may take 100 ms.
const HURRIED: &str = "+15005550062";
const SLOTS: &str = "calcom slots.free";
const BOOKINGS: &str = "calcom booking.list";
const BRANCH: &str = r#"
[[org.branch]]
id = "annex"
time_zone = "America/New_York"
calendar = "calcom:1001"
[[org.channel]]
kind = "phone"
address = "+15005550061"
branch = "annex"
deadline_ms = 5000
[[org.channel]]
kind = "phone"
address = "+15005550062"
branch = "annex"
deadline_ms = 100
"#;

async fn told(stage: &Stage, from: &str) -> Answer {
    stage.ring_at(from, NUMBER).await
}

#[tokio::test(flavor = "multi_thread")]
async fn its_slots_are_told_and_asked_for_once() {
    let stage = Stage::with(BRANCH).await;
    let cold = told(&stage, STRANGER).await;
    assert_eq!(cold.degraded(), [""; 0]);
    let first = cold.get("first_available_slot").to_owned();
    let count: usize = cold.get("available_slots_count").parse().expect("a number");
    assert!((4 * 16..=6 * 16).contains(&count), "five weekdays of sixteen slots, less what is past or taken: {count}");
    told(&stage, STRANGER).await;
    assert_eq!(stage.vendors.times(SLOTS).await, 1);
    assert_eq!(stage.vendors.times("highlevel slots.free").await, 0, "that is another branch's calendar");

    // Somebody books it, and whoever hears of that invalidates that day.
    stage.vendors.book_at_calcom(&first, json!({ "name": "Ana", "email": "ana@example.com" })).await;
    assert_eq!(told(&stage, STRANGER).await.get("first_available_slot"), first, "nobody has heard of it");
    let calendar = Calendar { vendor: "calcom".to_owned(), id: "1001".to_owned() };
    stage.bump([tags::slots(&calendar, first[..10].parse().expect("a date"))]).await;
    until("another slot is the first", async || {
        (told(&stage, STRANGER).await.get("first_available_slot") != first).then_some(())
    })
    .await;
    assert_eq!(stage.vendors.times(SLOTS).await, 2, "one day more");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_calendar_is_named_and_is_no_matter_to_another_branch() {
    let stage = Stage::with(BRANCH).await;
    // Its slots alone: both parts have one account, and five calls of which most fail would open its breaker.
    stage.vendors.faults(json!([{ "vendor": "calcom", "operation": "slots.free", "status": 500 }])).await;
    let broken = told(&stage, JANE).await;
    assert_eq!(broken.degraded(), ["slots"]);
    assert_eq!((broken.get("available_slots_count"), broken.get("existing_appointments_count")), ("0", "1"));
    assert_eq!(stage.ring(JANE).await.degraded(), [""; 0], "its calendar is at HighLevel");
    stage.vendors.faults(json!([])).await;
    let next = told(&stage, JANE).await;
    assert_eq!(next.degraded(), [""; 0], "an error is never kept");
    assert_ne!(next.get("available_slots_count"), "0");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_calendar_is_named_and_fills_the_cache_for_the_next_call() {
    let stage = Stage::with(BRANCH).await;
    stage.vendors.faults(json!([{ "vendor": "calcom", "delay_ms": 1_000 }])).await;
    let hurried = stage.ring_at(STRANGER, HURRIED).await;
    assert!(["slots", "appointments"].iter().all(|part| hurried.degraded().contains(part)), "{:?}", hurried.degraded());
    stage.vendors.idle().await;
    until("what came too late is there", async || {
        stage.ring_at(STRANGER, HURRIED).await.degraded().is_empty().then_some(())
    })
    .await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn appointments_are_those_that_were_booked_with_the_callers_number() {
    let stage = Stage::with(BRANCH).await;
    let seeded = told(&stage, JANE).await;
    assert_eq!((seeded.get("existing_appointments_count"), seeded.degraded()), ("1", Vec::new()));
    let text = seeded.get("existing_appointments");
    assert!(
        text.starts_with("Check-up between Demo Dental and Jane Doe on ") && text.ends_with(" at 10:00 AM"),
        "{text}"
    );
    assert_eq!(stage.vendors.times("highlevel appointment.list").await, 0, "that is where another branch's are");

    // Our tables know an address, perhaps only from hearsay.
    stage.contact(STRANGER, Some("Ada Own"), 1).await;
    stage.world.sql("UPDATE offhook.contacts SET email = 'ada@example.com' WHERE phone = '+15005550099'").await;
    let slots = ["2035-01-02T09:00:00-05:00", "2035-01-02T10:00:00-05:00", "2035-01-02T11:00:00-05:00"];
    let numbers = [STRANGER, JANE, STRANGER];
    let mut uids = Vec::new();
    for (slot, number) in slots.into_iter().zip(numbers) {
        let attendee = json!({ "name": "Ada", "email": "ada@example.com", "phoneNumber": number });
        let booking = stage.vendors.book_at_calcom(slot, attendee).await;
        uids.push(booking["uid"].as_str().expect("a uid").to_owned());
    }
    let attendee = json!({ "name": "Ada", "email": "ada@example.com" });
    stage.vendors.book_at_calcom("2035-01-02T12:00:00-05:00", attendee).await;
    stage.vendors.cancel_at_calcom(&uids[2]).await;
    let answer = told(&stage, STRANGER).await;
    assert_eq!((answer.get("existing_appointments_count"), answer.degraded()), ("1", Vec::new()));
    let text = answer.get("existing_appointments");
    assert!(
        text.contains("at 9:00 AM"),
        "neither another's, nor one with an address alone, nor what was cancelled: {text}"
    );
    assert_eq!(stage.vendors.times(BOOKINGS).await, 3, "by number, and by address where there is one");
    stage.end().await;
}
