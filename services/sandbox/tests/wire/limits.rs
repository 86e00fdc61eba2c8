//! HighLevel's burst limit and read lag, and the size of a body.

use serde_json::{Value, json};

use crate::help::{Sandbox, until};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[tokio::test]
async fn more_than_the_burst_limit_is_429_for_that_location_alone() {
    let sandbox = Sandbox::start().await;
    sandbox.settings(json!({ "highlevel_rate_per_10_s": 3 })).await;
    let path = |location: &str| format!("/highlevel/locations/{location}/tags");
    for left in ["2", "1", "0"] {
        let answer = sandbox.get(&path("loc_demo")).await;
        assert_eq!((answer.status, answer.header("x-ratelimit-remaining")), (200, left));
        assert_eq!(answer.header("x-ratelimit-max"), "3");
        assert_eq!(answer.header("x-ratelimit-interval-milliseconds"), "10000");
        assert_eq!(answer.header("x-ratelimit-limit-daily"), "200000");
    }
    let refused = sandbox.get(&path("loc_demo")).await;
    assert_eq!((refused.header("x-ratelimit-daily-remaining"), refused.header("retry-after")), ("199996", ""));
    assert_eq!(refused.is(429)["statusCode"], 429);
    sandbox.get(&path("loc_other")).await.is(200);
    let requests = sandbox.get("/_sandbox/requests").await.is(200);
    let account = |name: &str| {
        let mut accounts = requests["accounts"].as_array().unwrap().iter();
        accounts.find(|account| account["account"] == name).unwrap()["most_in_10_s"].clone()
    };
    assert_eq!((account("loc_demo"), account("loc_other")), (json!(4), json!(1)));
    sandbox.settings(json!({})).await;
    sandbox.get(&path("loc_demo")).await.is(200);
}

#[tokio::test]
async fn the_limit_is_a_hundred_unless_it_is_set() {
    let sandbox = Sandbox::start().await;
    for _ in 0..100 {
        sandbox.get("/highlevel/locations/loc_demo/customFields").await.is(200);
    }
    sandbox.get("/highlevel/locations/loc_demo/customFields").await.is(429);
}

#[tokio::test]
async fn lookups_lists_and_slots_lag_behind_writes_but_reads_by_id_and_upserts_do_not() {
    let sandbox = Sandbox::start().await;
    sandbox.settings(json!({ "highlevel_read_lag_ms": DAY_MS, "highlevel_rate_per_10_s": 100_000 })).await;
    let id = sandbox.contact("+14155550120").await;
    let lookup = async || {
        let path = "/highlevel/contacts/search/duplicate?locationId=loc_demo&number=%2B14155550120";
        sandbox.get(path).await.is(200)["contact"].clone()
    };
    assert_eq!(lookup().await, Value::Null);
    assert_eq!(sandbox.contact("+14155550120").await, id, "no second contact is made");
    sandbox.get(&format!("/highlevel/contacts/{id}")).await.is(200);
    let booking = json!({
        "calendarId": "cal_main", "locationId": "loc_demo", "contactId": id, "startTime": "2035-01-02T09:00:00-05:00"
    });
    sandbox.post("/highlevel/calendars/events/appointments", booking.clone()).await.is(200);
    let listed = sandbox.get(&format!("/highlevel/contacts/{id}/appointments")).await.is(200);
    assert_eq!(listed["events"], json!([]));
    let slots = "/highlevel/calendars/cal_main/free-slots?startDate=2051326800000&endDate=2051413200000";
    let shown = sandbox.get(slots).await.is(200);
    assert_eq!(shown["2035-01-02"]["slots"][0], "2035-01-02T09:00:00-05:00", "shown as free, and yet");
    sandbox.post("/highlevel/calendars/events/appointments", booking).await.is(400);
    sandbox.settings(json!({ "highlevel_read_lag_ms": 50, "highlevel_rate_per_10_s": 100_000 })).await;
    sandbox.put(&format!("/highlevel/contacts/{id}"), json!({ "companyName": "Acme" })).await.is(200);
    until("seen", async || lookup().await["companyName"] == "Acme").await;
}

#[tokio::test]
async fn a_body_has_a_limit_and_must_be_json() {
    let sandbox = Sandbox::start().await;
    let body = json!({ "locationId": "loc_demo", "phone": "+14155550121", "name": "x".repeat(1024 * 1024) });
    sandbox.post("/highlevel/contacts/upsert", body).await.is(413);
    let garbled = sandbox.request(reqwest::Method::POST, "/highlevel/contacts/upsert").body("{");
    crate::help::send(garbled).await.is(400);
    assert_eq!(sandbox.count("highlevel", "contact.upsert", json!(413)).await, 1);
}
