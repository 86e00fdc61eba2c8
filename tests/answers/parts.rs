//! The parts: who knows what, who is asked for it, and when again.

use chrono::{NaiveDate, TimeDelta, Utc};
use context::tags;
use orgs::Calendar;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Delivery, Question, until};

use crate::stage::{JANE, MAIN, STRANGER, Stage, phone};

const LOOKUP: &str = "highlevel contact.lookup";
const SLOTS: &str = "highlevel slots.free";

#[tokio::test(flavor = "multi_thread")]
async fn our_own_tables_say_who_calls_and_the_crm_where_they_know_no_name() {
    let stage = Stage::start().await;
    stage.contact(JANE, None, 3).await;
    stage.contact(STRANGER, Some("Ada Own"), 7).await;
    let by_crm = stage.ring(JANE).await;
    assert_eq!((by_crm.get("customer_name"), by_crm.get("total_calls")), ("Jane Doe", "3"));
    assert!(by_crm.from("crm").is_some_and(|from| from != "missing"), "{:?}", by_crm.parts);
    let own = stage.ring(STRANGER).await;
    assert_eq!((own.get("customer_name"), own.get("total_calls")), ("Ada Own", "7"));
    assert_eq!((own.from("contact"), own.from("crm")), (Some("origin"), None), "the CRM has nothing to add");
    assert_eq!((own.get("customer_known"), own.degraded()), ("yes", Vec::new()));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_calls_summary_is_told_from_our_own_tables() {
    let stage = Stage::start().await;
    let (ingress, url) = stage.world.ingress().await;
    let worker = stage.world.log_worker();
    let call = |id: &str, start: i64, summary: Value| {
        json!({ "call_id": id, "call_type": "phone_call", "call_status": "ended", "direction": "inbound", "from_number": JANE,
            "to_number": MAIN, "start_timestamp": start, "end_timestamp": start + 60_000, "call_analysis": { "call_summary": summary } })
    };
    let (summer, winter) = (1_783_000_000_000, 1_795_000_000_000);
    for (id, start, summary) in [
        ("call_1", summer, json!("A filling.")),
        ("call_2", summer + 1, json!("A crown.")),
        ("call_3", winter, json!(null)),
    ] {
        for event in ["call_started", "call_ended", "call_analyzed"] {
            Delivery::event(event, &call(id, start, summary.clone())).acknowledged(&url).await;
        }
    }
    stage.world.settled(log_worker::NAME).await;
    let answer = stage.ring(JANE).await;
    assert_eq!((answer.get("customer_summary"), answer.get("total_calls")), ("A crown.", "3"));
    assert_eq!(answer.get("last_call_at"), "2026-11-18T06:06:40-05:00", "on the branch's clock");
    let known_there = "INSERT INTO offhook.contacts (org, phone, total_calls) VALUES ('other', '+15005550006', 1)";
    stage.world.sql(known_there).await;
    assert_eq!(stage.ring_other(JANE).await.get("customer_summary"), "", "it is no business of the other org");
    ingress.stop().await;
    worker.stop().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_that_failed_is_named_and_asked_again() {
    let stage = Stage::start().await;
    stage.ring(STRANGER).await;
    stage.vendors.faults(json!([{ "vendor": "highlevel", "operation": "contact.lookup", "status": 500 }])).await;
    let failed = stage.ring(JANE).await;
    assert_eq!((failed.degraded(), failed.get("customer_name")), (vec!["appointments", "crm"], ""));
    stage.vendors.faults(json!([])).await;
    let next = stage.ring(JANE).await;
    assert_eq!((next.degraded(), next.get("customer_name")), (Vec::new(), "Jane Doe"), "an error is never kept");
    assert_eq!(next.get("existing_appointments_count"), "1");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_whom_nobody_knows_is_not_looked_up_again_and_again() {
    let stage = Stage::start().await;
    let first = stage.ring(STRANGER).await;
    let asked = stage.vendors.asked().await;
    assert_eq!(asked.iter().filter(|operation| *operation == LOOKUP).count(), 1, "{asked:?}");
    for _ in 0..3 {
        let next = stage.ring(STRANGER).await;
        assert!(["contact", "crm"].iter().all(|part| next.from(part) != Some("origin")), "{:?}", next.parts);
        assert_eq!((next.get("customer_known"), next.degraded()), ("no", Vec::new()));
        assert_eq!(next.get("system_prompt"), first.get("system_prompt"));
    }
    assert_eq!(stage.vendors.asked().await, asked);
    // Until somebody has heard of them.
    stage.contact(STRANGER, Some("Ada New"), 1).await;
    stage.bump([tags::contact(&phone(STRANGER))]).await;
    until("the new name is told", async || {
        (stage.ring(STRANGER).await.get("customer_name") == "Ada New").then_some(())
    })
    .await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_of_slots_is_one_request_and_so_is_one_day_of_it() {
    let stage = Stage::start().await;
    let cold = stage.ring(STRANGER).await;
    assert_eq!(stage.vendors.times(SLOTS).await, 1, "seven cold days");
    let first = cold.get("first_available_slot").to_owned();
    let count: usize = cold.get("available_slots_count").parse().expect("a number");
    assert!((4 * 16..=6 * 16).contains(&count), "five weekdays of sixteen slots, less what is past or taken: {count}");
    assert_eq!(cold.get("available_slots").split("; ").count(), 12);

    // Somebody books it, and whoever hears of that invalidates that day.
    book(&stage, STRANGER, &first).await;
    assert_eq!(stage.ring(STRANGER).await.get("first_available_slot"), first, "nobody has heard of it");
    let calendar = Calendar { vendor: "highlevel".to_owned(), id: "cal_main".to_owned() };
    let day = first[..10].parse().expect("a date");
    stage.bump([tags::slots(&calendar, day)]).await;
    until("another slot is the first", async || {
        (stage.ring(STRANGER).await.get("first_available_slot") != first).then_some(())
    })
    .await;
    assert_eq!(stage.vendors.times(SLOTS).await, 2, "one day more");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn appointments_are_those_that_stand_in_order() {
    let stage = Stage::start().await;
    let jane =
        stage.vendors.highlevel(Method::POST, "/contacts/upsert", json!({ "locationId": "loc_demo", "phone": JANE }));
    let jane = jane.await["contact"]["id"].clone();
    let book = async |days: i64, title: &str, status: &str| {
        let start = Utc::now() + TimeDelta::days(days);
        stage
            .vendors
            .highlevel(
                Method::POST,
                "/calendars/events/appointments",
                json!({ "calendarId": "cal_main", "locationId": "loc_demo", "contactId": jane, "startTime": start.to_rfc3339(), "title": title,
                    "appointmentStatus": status, "ignoreFreeSlotValidation": true, "ignoreDateRange": true }),
            )
            .await
    };
    book(20, "Cleaning", "confirmed").await;
    let gone = book(21, "Whitening", "confirmed").await;
    let path = format!("/calendars/events/appointments/{}", gone["id"].as_str().expect("an id"));
    stage.vendors.highlevel(Method::PUT, &path, json!({ "appointmentStatus": "cancelled" })).await;
    let answer = stage.ring(JANE).await;
    assert_eq!((answer.get("existing_appointments_count"), answer.get("has_existing_appointments")), ("2", "yes"));
    let told: Vec<_> = answer.get("existing_appointments").split("; ").collect();
    assert!(told[0].starts_with("Check-up on ") && told[0].ends_with(" at 10:00 AM"), "{told:?}");
    assert!(told[1].starts_with("Cleaning on "), "{told:?}");
    assert_eq!(stage.ring(STRANGER).await.get("has_existing_appointments"), "no");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_differ_for_those_we_know_and_have_their_blanks_filled() {
    let stage = Stage::start().await;
    let known = stage.ring(JANE).await;
    let facts = known.get("customer_facts");
    assert!(facts.contains("chipped a tooth") && facts.contains("in the morning"), "{facts}");
    let expected = format!("You are the receptionist of Demo Dental. Jane Doe is calling; what we know: {facts}.");
    assert_eq!(known.get("system_prompt"), expected);
    let unknown = stage.ring(STRANGER).await;
    assert!(unknown.get("system_prompt").starts_with("You are the receptionist of Demo Dental. You do not know"));
    let other = stage.ring_other(JANE).await;
    assert!(other.get("system_prompt").starts_with("You are the receptionist of Other Optics. Jane Doe"));
    assert_eq!(other.get("customer_facts_count"), "2", "from its own memory vendor");
    assert!(stage.vendors.asked().await.contains(&"mem0 memory.search".to_owned()));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_never_filled_with_what_was_asked_before_its_invalidation() {
    let stage = Stage::start().await;
    let [(second, second_url), (third, third_url)] = [stage.world.answer().await, stage.world.answer().await];
    let calendar = Calendar { vendor: "highlevel".to_owned(), id: "cal_main".to_owned() };
    let bump = async |day: NaiveDate| stage.bump([tags::slots(&calendar, day)]).await;
    let free = stage.ring("anonymous").await.get("first_available_slot").to_owned();
    let day: NaiveDate = free[..10].parse().expect("a date");

    // The first process asks for the day, and the vendor takes its time.
    let slow = json!({ "vendor": "highlevel", "operation": "slots.free", "delay_ms": 1_500, "times": 1 });
    stage.vendors.faults(json!([slow])).await;
    bump(day).await;
    let url = stage.url.clone();
    let first_asks = tokio::spawn(async move {
        // Its own copy has to die first.
        while Question::ring("anonymous", MAIN).ask(&url).await.from("slots") != Some("origin") {}
    });
    until("the first asks", async || (stage.vendors.times(SLOTS).await == 2).then_some(())).await;
    // The second asks for the next day at once, and waits for the first's answer about that day.
    bump(day.succ_opt().expect("a date")).await;
    let second_asks = tokio::spawn(async move { Question::ring("anonymous", MAIN).ask(&second_url).await });
    until("the second has its answer", async || {
        let asked = stage.vendors.journal("vendor=highlevel&operation=slots.free").await;
        (asked.len() == 3 && asked[2]["status"] == 200).then_some(())
    })
    .await;
    book(&stage, STRANGER, &free).await;
    bump(day).await;
    first_asks.await.expect("an answer");
    second_asks.await.expect("an answer");
    let told = Question::ring("anonymous", MAIN).ask(&third_url).await;
    assert_ne!(told.get("first_available_slot"), free, "it was taken before its day was invalidated");
    second.stop().await;
    third.stop().await;
    stage.end().await;
}

/// Somebody takes a slot at the vendor.
async fn book(stage: &Stage, caller: &str, slot: &str) {
    let contact = json!({ "locationId": "loc_demo", "phone": caller });
    let contact = stage.vendors.highlevel(Method::POST, "/contacts/upsert", contact).await;
    let booking = json!({ "calendarId": "cal_main", "locationId": "loc_demo", "contactId": contact["contact"]["id"], "startTime": slot });
    stage.vendors.highlevel(Method::POST, "/calendars/events/appointments", booking).await;
}
