//! Cal.com: its versions, free slots, bookings, its minute.

use reqwest::Method;
use serde_json::{Value, json};

use crate::help::{Sandbox, send, until};

const BOOK: &str = "/_sandbox/calcom/bookings";
/// New York's Tuesday, 2 January 2035.
const DAY: &str = "eventTypeId=1001&start=2035-01-02T05:00:00Z&end=2035-01-03T05:00:00Z&timeZone=America/New_York";
const NINE: &str = "2035-01-02T09:00:00-05:00";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

async fn slots(sandbox: &Sandbox, query: &str) -> Value {
    let mut answer = sandbox.get(&format!("/calcom/v2/slots?{query}")).await.is(200);
    assert_eq!(answer["status"], "success");
    answer["data"].take()
}

async fn first_slot(sandbox: &Sandbox) -> Value {
    slots(sandbox, DAY).await["2035-01-02"][0]["start"].clone()
}

async fn listed(sandbox: &Sandbox, query: &str) -> Vec<String> {
    let answer = sandbox.get(&format!("/calcom/v2/bookings?{query}")).await.is(200);
    let uids = answer["data"].as_array().unwrap().iter().map(|booking| booking["uid"].as_str().unwrap().to_owned());
    uids.collect()
}

async fn book(sandbox: &Sandbox, start: &str, email: &str) -> Value {
    let attendee = json!({ "name": "Ana", "email": email, "timeZone": "America/New_York" });
    let booking = json!({ "eventTypeId": 1001, "start": start, "attendee": attendee });
    sandbox.post(BOOK, booking).await.is(201)
}

#[tokio::test]
async fn free_slots_are_objects_by_the_days_of_the_wanted_zone() {
    let sandbox = Sandbox::start().await;
    let day = slots(&sandbox, DAY).await;
    let begins = day["2035-01-02"].as_array().unwrap();
    assert_eq!((begins.len(), day.as_object().unwrap().len()), (16, 1));
    assert_eq!(begins[0], json!({ "start": "2035-01-02T09:00:00.000-05:00" }));
    let week = slots(&sandbox, "eventTypeId=1001&start=2035-01-02&end=2035-01-08&format=range").await;
    let days: Vec<&String> = week.as_object().unwrap().keys().collect();
    assert_eq!(days, ["2035-01-02", "2035-01-03", "2035-01-04", "2035-01-05", "2035-01-08"], "the last day whole");
    assert_eq!(
        week["2035-01-02"][0],
        json!({ "start": "2035-01-02T14:00:00.000Z", "end": "2035-01-02T14:30:00.000Z" })
    );
    let tokyo = slots(&sandbox, &DAY.replace("America/New_York", "Asia/Tokyo")).await;
    assert_eq!(tokyo["2035-01-03"].as_array().unwrap().len(), 14, "the host works on, and there it is tomorrow");
    assert_eq!(slots(&sandbox, "eventTypeId=1001&start=2035-01-06&end=2035-01-07").await, json!({}));
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_in_its_words() {
    let sandbox = Sandbox::start().await;
    for (query, status) in [
        ("start=2035-01-02&end=2035-01-03", 400),
        ("eventTypeId=1001&end=2035-01-03", 400),
        ("eventTypeId=1001&start=2035-01-03&end=2035-01-02", 400),
        ("eventTypeId=1001&start=2035-01-02&end=2035-01-03&timeZone=Mars", 400),
        ("eventTypeId=7&start=2035-01-02&end=2035-01-03", 404),
    ] {
        let refused = sandbox.get(&format!("/calcom/v2/slots?{query}")).await.is(status);
        assert_eq!((&refused["status"], refused["error"]["message"].is_string()), (&json!("error"), true), "{query}");
    }
    let path = format!("/calcom/v2/slots?{DAY}");
    let bare = |version: &str| sandbox.bare(Method::GET, &path).header("cal-api-version", version);
    send(bare("2024-08-13").bearer_auth("cal_test")).await.is(404);
    send(sandbox.bare(Method::GET, &path).bearer_auth("cal_test")).await.is(404);
    send(bare("2024-09-04")).await.is(401);
    for query in ["status=mine", "take=0", "take=251", "afterStart=soon"] {
        sandbox.get(&format!("/calcom/v2/bookings?{query}")).await.is(400);
    }
    let missing = sandbox.get("/calcom/v2/bookings/bkg_none").await.is(404);
    assert_eq!(missing["error"]["code"], "NotFoundException");
}

#[tokio::test]
async fn who_books_elsewhere_takes_a_slot_and_gives_it_back() {
    let sandbox = Sandbox::start().await;
    let booked = book(&sandbox, NINE, "ana+1@example.com").await;
    assert_eq!(
        (&booked["start"], &booked["end"]),
        (&json!("2035-01-02T14:00:00.000Z"), &json!("2035-01-02T14:30:00.000Z"))
    );
    assert_eq!(first_slot(&sandbox).await, "2035-01-02T09:30:00.000-05:00");
    let uid = booked["uid"].as_str().unwrap();
    assert_eq!(sandbox.get(&format!("/calcom/v2/bookings/{uid}")).await.is(200)["data"], booked);
    assert_eq!(listed(&sandbox, "attendeeEmail=ana%2B1@example.com").await, [uid]);
    assert!(listed(&sandbox, "attendeeEmail=ANA%2B1@example.com").await.is_empty(), "it compares exactly");
    for (wrong, start) in
        [(1001, NINE), (1001, "2035-01-06T09:00:00-05:00"), (1001, "nine"), (7, "2035-01-02T10:00:00-05:00")]
    {
        let attendee = json!({ "name": "Ben", "phoneNumber": "+14155550101" });
        sandbox.post(BOOK, json!({ "eventTypeId": wrong, "start": start, "attendee": attendee })).await.is(400);
    }
    let cancelled = sandbox.delete(&format!("{BOOK}/{uid}"), Value::Null).await.is(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(first_slot(&sandbox).await, "2035-01-02T09:00:00.000-05:00");
    assert!(listed(&sandbox, "attendeeEmail=ana%2B1@example.com").await.is_empty(), "those to come");
    assert_eq!(listed(&sandbox, "status=upcoming,cancelled&attendeeEmail=ana%2B1@example.com").await, [uid]);
    sandbox.delete(&format!("{BOOK}/bkg_none"), Value::Null).await.is(404);
    assert!(
        sandbox.journal("vendor=calcom").await.iter().all(|line| line["operation"] != "unknown"),
        "no request of ours"
    );
}

#[tokio::test]
async fn the_known_caller_has_booked_with_a_number_alone() {
    let sandbox = Sandbox::start().await;
    let answer = sandbox.get("/calcom/v2/bookings?attendeeEmail=15005550006@sms.cal.com").await.is(200);
    let attendee = &answer["data"][0]["attendees"][0];
    assert_eq!((&attendee["name"], &attendee["phoneNumber"]), (&json!("Jane Doe"), &json!("+15005550006")));
    assert_eq!(answer["pagination"]["totalItems"], 1);
}

#[tokio::test]
async fn lists_come_by_pages_in_order() {
    let sandbox = Sandbox::start().await;
    let mut uids = Vec::new();
    for hour in ["11", "10", "12"] {
        let booked = book(&sandbox, &format!("2035-01-02T{hour}:00:00-05:00"), "ana@example.com").await;
        uids.push(booked["uid"].as_str().unwrap().to_owned());
    }
    let ana = "attendeeEmail=ana@example.com";
    assert_eq!(listed(&sandbox, ana).await, [&*uids[1], &*uids[0], &*uids[2]]);
    assert_eq!(listed(&sandbox, &format!("{ana}&sortStart=desc&take=1")).await, [&*uids[2]]);
    assert_eq!(listed(&sandbox, &format!("{ana}&take=2&skip=2&eventTypeId=1001")).await, [&*uids[2]]);
    let after = "afterStart=2035-01-02T15:30:00Z&beforeEnd=2035-01-02T17:00:00Z";
    assert_eq!(listed(&sandbox, &format!("{ana}&{after}")).await, [&*uids[0]]);
    assert!(listed(&sandbox, &format!("{ana}&eventTypeId=7")).await.is_empty());
}

#[tokio::test]
async fn lists_and_slots_lag_behind_bookings_but_a_read_by_uid_does_not() {
    let sandbox = Sandbox::start().await;
    sandbox.settings(json!({ "calcom_read_lag_ms": DAY_MS, "calcom_rate_per_60_s": 100_000 })).await;
    let booked = book(&sandbox, NINE, "ana@example.com").await;
    assert_eq!(first_slot(&sandbox).await, "2035-01-02T09:00:00.000-05:00", "shown as free, and yet");
    let attendee = json!({ "name": "Ben", "phoneNumber": "+14155550101" });
    sandbox.post(BOOK, json!({ "eventTypeId": 1001, "start": NINE, "attendee": attendee })).await.is(400);
    assert!(listed(&sandbox, "attendeeEmail=ana@example.com").await.is_empty());
    let uid = booked["uid"].as_str().unwrap();
    sandbox.get(&format!("/calcom/v2/bookings/{uid}")).await.is(200);
    sandbox.settings(json!({ "calcom_read_lag_ms": 50, "calcom_rate_per_60_s": 100_000 })).await;
    book(&sandbox, "2035-01-02T12:00:00-05:00", "ben@example.com").await;
    until("seen", async || listed(&sandbox, "attendeeEmail=ben@example.com").await.len() == 1).await;
}

#[tokio::test]
async fn more_than_a_minute_allows_is_429_and_says_when_it_ends() {
    let sandbox = Sandbox::start().await;
    let path = format!("/calcom/v2/slots?{DAY}");
    let first = sandbox.get(&path).await;
    assert_eq!(
        (first.header("x-ratelimit-limit-default"), first.header("x-ratelimit-remaining-default")),
        ("120", "119")
    );
    sandbox.settings(json!({ "calcom_rate_per_60_s": 1 })).await;
    let refused = sandbox.get(&path).await;
    let reset: u64 = refused.header("x-ratelimit-reset-default").parse().unwrap();
    assert!((1..=60).contains(&reset) && refused.header("retry-after").is_empty());
    assert_eq!(refused.is(429)["error"]["code"], "ThrottlerException");
}

#[tokio::test]
async fn its_faults_are_in_its_own_shape() {
    let sandbox = Sandbox::start().await;
    sandbox.rules(json!([{ "vendor": "calcom", "operation": "slots.free", "status": 500, "times": 1 }])).await;
    let broken = sandbox.get(&format!("/calcom/v2/slots?{DAY}")).await.is(500);
    assert_eq!(broken["error"]["code"], "InternalServerErrorException");
    sandbox.get(&format!("/calcom/v2/slots?{DAY}")).await.is(200);
    assert_eq!(sandbox.journal("vendor=calcom&account=cal_demo").await.len(), 2);
}
