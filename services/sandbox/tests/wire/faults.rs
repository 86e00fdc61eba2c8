//! Every kind of fault, and whom it meets.

use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::help::{LIMIT, Sandbox, until};

const TAGS: &str = "/highlevel/locations/loc_demo/tags";

#[tokio::test]
async fn a_status_comes_in_the_vendor_s_shape_without_the_effect() {
    let sandbox = Sandbox::start().await;
    sandbox.rules(json!([{ "vendor": "highlevel", "operation": "contact.upsert", "status": 500 }])).await;
    let body = json!({ "locationId": "loc_new", "phone": "+14155550130" });
    let failed = sandbox.post("/highlevel/contacts/upsert", body).await;
    assert!(!failed.header("x-ratelimit-max").is_empty(), "the limits are told on every answer");
    let failed = failed.is(500);
    assert_eq!((&failed["statusCode"], &failed["error"]), (&json!(500), &json!("Internal Server Error")));
    assert_eq!(sandbox.get("/_sandbox/state").await.is(200)["highlevel"].get("loc_new"), None);
    sandbox.get(TAGS).await.is(200);
}

#[tokio::test]
async fn a_body_and_a_retry_after_are_sent_as_ordered() {
    let sandbox = Sandbox::start().await;
    let rule = json!({ "vendor": "zep", "status": 429, "retry_after_s": 7, "body": { "message": "slow down" } });
    sandbox.rules(json!([rule])).await;
    let refused = sandbox.get("/zep/api/v2/users/demo:+15005550006").await;
    assert_eq!(refused.header("retry-after"), "7");
    assert_eq!(refused.is(429), json!({ "message": "slow down" }));
}

#[tokio::test]
async fn a_rule_meets_one_account_and_so_many_requests() {
    let sandbox = Sandbox::start().await;
    sandbox.rules(json!([{ "vendor": "highlevel", "account": "loc_demo", "status": 503, "times": 2 }])).await;
    sandbox.get("/highlevel/locations/loc_other/tags").await.is(200);
    sandbox.get(TAGS).await.is(503);
    let jane = "/highlevel/contacts/search/duplicate?locationId=loc_demo&number=%2B15005550006";
    sandbox.get(jane).await.is(503);
    let jane = sandbox.get(jane).await.is(200)["contact"]["id"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.get("/_sandbox/faults").await.is(200)["rules"][0]["used"], 2);
    sandbox.rules(json!([{ "vendor": "highlevel", "account": "loc_demo", "status": 503 }])).await;
    sandbox.get(&format!("/highlevel/contacts/{jane}")).await.is(503);
    sandbox.get("/highlevel/calendars/cal_main").await.is(503);
    sandbox.get("/highlevel/calendars/cal_other").await.is(200);
}

#[tokio::test]
async fn the_first_rule_that_fits_and_is_not_spent_holds() {
    let sandbox = Sandbox::start().await;
    let rules = json!([{ "vendor": "mem0", "status": 500, "times": 1 }, { "vendor": "mem0", "status": 502 }]);
    sandbox.rules(rules).await;
    sandbox.get("/mem0/v1/ping/").await.is(500);
    sandbox.get("/mem0/v1/ping/").await.is(502);
    sandbox.rules(json!([])).await;
    sandbox.get("/mem0/v1/ping/").await.is(200);
}

#[tokio::test]
async fn after_the_effect_a_booking_stands_although_it_says_400() {
    let sandbox = Sandbox::start().await;
    let contact = sandbox.contact("+14155550131").await;
    let rule = json!({ "vendor": "highlevel", "operation": "appointment.create", "status": 400, "after_effect": true });
    sandbox.rules(json!([rule])).await;
    let booking = json!({
        "calendarId": "cal_main", "locationId": "loc_demo", "contactId": contact, "startTime": "2035-01-02T09:00:00-05:00"
    });
    sandbox.post("/highlevel/calendars/events/appointments", booking).await.is(400);
    let listed = sandbox.get(&format!("/highlevel/contacts/{contact}/appointments")).await.is(200);
    assert_eq!(listed["events"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_delay_is_waited_for() {
    let sandbox = Sandbox::start().await;
    sandbox.rules(json!([{ "vendor": "langfuse", "delay_ms": 60 }])).await;
    let began = Instant::now();
    sandbox.get("/langfuse/api/public/v2/prompts/receptionist-new").await.is(200);
    assert!(began.elapsed() >= Duration::from_millis(60));
    assert!(sandbox.journal("vendor=langfuse").await[0]["ms"].as_u64().unwrap() >= 60);
}

#[tokio::test]
async fn a_request_whose_caller_left_has_its_effect() {
    let sandbox = Sandbox::start().await;
    sandbox.rules(json!([{ "vendor": "highlevel", "operation": "contact.upsert", "delay_ms": 500 }])).await;
    let upsert = sandbox.request(Method::POST, "/highlevel/contacts/upsert");
    let body = json!({ "locationId": "loc_new", "phone": "+14155550132" });
    let left = tokio::spawn(upsert.json(&body).send());
    until("in flight", async || sandbox.count("highlevel", "contact.upsert", Value::Null).await == 1).await;
    left.abort();
    until("carried out", async || sandbox.count("highlevel", "contact.upsert", json!(200)).await == 1).await;
    let state = sandbox.get("/_sandbox/state").await.is(200);
    assert_eq!(state["highlevel"]["loc_new"]["contacts"][0]["phone"], "+14155550132");
}

#[tokio::test]
async fn what_hangs_is_in_flight_until_its_caller_leaves() {
    let sandbox = Sandbox::start().await;
    let hanging = hang(&sandbox).await;
    assert_eq!(sandbox.journal("operation=tag.list").await[0]["status"], Value::Null);
    sandbox.get("/highlevel/locations/loc_demo/customFields").await.is(200);
    hanging.abort();
    until("left", async || sandbox.count("highlevel", "tag.list", json!(499)).await == 1).await;
    assert_eq!(sandbox.count("highlevel", "tag.list", Value::Null).await, 0);
}

#[tokio::test]
async fn what_hangs_after_its_effect_has_it() {
    let sandbox = Sandbox::start().await;
    let rule = json!({ "vendor": "highlevel", "operation": "contact.upsert", "hang": true, "after_effect": true });
    sandbox.rules(json!([rule])).await;
    let body = json!({ "locationId": "loc_new", "phone": "+14155550133" });
    let hanging = tokio::spawn(sandbox.request(Method::POST, "/highlevel/contacts/upsert").json(&body).send());
    until("done", async || sandbox.get("/_sandbox/state").await.is(200)["highlevel"].get("loc_new").is_some()).await;
    hanging.abort();
}

#[tokio::test]
async fn the_end_and_a_reset_end_what_hangs() {
    let sandbox = Sandbox::start().await;
    let hanging = hang(&sandbox).await;
    sandbox.post("/_sandbox/reset", json!({})).await.is(204);
    assert_eq!(hanging.await.unwrap().unwrap().status(), 503);
    let hanging = hang(&sandbox).await;
    sandbox.runtime.shutdown.cancel();
    assert_eq!(hanging.await.unwrap().unwrap().status(), 503);
    let mut sandbox = sandbox;
    tokio::time::timeout(LIMIT, &mut sandbox.served).await.unwrap().unwrap().unwrap();
}

/// A request that hangs by now.
async fn hang(sandbox: &Sandbox) -> JoinHandle<reqwest::Result<Response>> {
    sandbox.rules(json!([{ "vendor": "highlevel", "operation": "tag.list", "hang": true }])).await;
    let hanging = tokio::spawn(sandbox.request(Method::GET, TAGS).send());
    until("in flight", async || sandbox.count("highlevel", "tag.list", Value::Null).await == 1).await;
    hanging
}
