//! The way to steer: input that is refused, what the journal shows, reset, state.

use serde_json::{Value, json};

use crate::help::Sandbox;

const PROMPT: &str = "/langfuse/api/public/v2/prompts/receptionist-new";

#[tokio::test]
async fn bad_faults_are_all_named_and_change_nothing() {
    let sandbox = Sandbox::start().await;
    let good = json!([{ "vendor": "mem0", "status": 500 }]);
    sandbox.rules(good).await;
    let bad = json!({ "rules": [{ "vendor": "acme", "status": 500 }, { "vendor": "zep", "status": 7 }], "x": 1 });
    let refused = sandbox.put("/_sandbox/faults", bad).await.is(400);
    assert_eq!(
        (&refused["error"]["code"], refused["error"]["faults"].as_array().unwrap().len()),
        (&json!("bad_faults"), 3)
    );
    assert_eq!(sandbox.get("/_sandbox/faults").await.is(200)["rules"][0]["vendor"], "mem0");
    sandbox.put("/_sandbox/faults", json!([])).await.is(400);
}

#[tokio::test]
async fn faults_are_shown_with_the_trade_s_defaults() {
    let sandbox = Sandbox::start().await;
    let shown = sandbox.get("/_sandbox/faults").await.is(200);
    assert_eq!((&shown["rules"], &shown["settings"]["delays_ms"]["zep"]), (&json!([]), &json!(0)));
    let delays = json!({ "highlevel_contacts": 200, "highlevel_calendars": 140, "hubspot": 200, "calcom": 140, "zep": 150, "mem0": 150, "langfuse": 80 });
    let defaults = json!({
        "delays_ms": delays, "memory_lag_ms": 1000, "highlevel_rate_per_10_s": 100, "highlevel_read_lag_ms": 0,
        "hubspot_rate_per_10_s": 100, "hubspot_searches_per_s": 4, "hubspot_read_lag_ms": 0,
        "calcom_rate_per_60_s": 120, "calcom_read_lag_ms": 0
    });
    assert_eq!(shown["defaults"], defaults);
    assert_eq!(
        shown["operations"]["langfuse"],
        json!(["prompt.get", "prompt.list", "prompt.create", "health", "unknown"])
    );
    sandbox.post("/_sandbox/reset", Value::Null).await.is(204);
    assert_eq!(sandbox.get("/_sandbox/faults").await.is(200)["settings"], defaults);
}

#[tokio::test]
async fn the_journal_is_filtered_and_counts_everything() {
    let sandbox = Sandbox::start().await;
    sandbox.get(PROMPT).await.is(200);
    let id = sandbox.contact("+14155550140").await;
    let note = json!({ "body": "x".repeat(5000) });
    sandbox.post(&format!("/highlevel/contacts/{id}/notes"), note).await.is(201);
    sandbox.get("/highlevel/no/such/path").await.is(404);
    let of_location = sandbox.journal("vendor=highlevel&account=loc_demo").await;
    assert_eq!(of_location.len(), 2);
    let note = &of_location[1];
    assert_eq!(
        (&note["operation"], &note["method"], &note["status"]),
        (&json!("note.create"), &json!("POST"), &json!(201))
    );
    assert_eq!(note["path"], format!("/highlevel/contacts/{id}/notes"));
    assert_eq!(note["body"].as_str().unwrap().len(), 2048);
    assert!(note["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(sandbox.journal("operation=prompt.get").await.len(), 1);
    assert_eq!(sandbox.journal(&format!("since={}", note["seq"])).await[0]["operation"], "unknown");
    let counts = sandbox.get("/_sandbox/requests?vendor=none").await.is(200);
    assert_eq!((&counts["requests"], counts["counts"].as_array().unwrap().len()), (&json!([]), 4));
    sandbox.get("/_sandbox/requests?since=yesterday").await.is(400);
    sandbox.get("/_sandbox/requests?location=loc_demo").await.is(400);
}

#[tokio::test]
async fn the_journal_forgets_the_oldest_but_counts_them() {
    let sandbox = Sandbox::start().await;
    for _ in 0..10_005 {
        sandbox.get("/langfuse/api/public/health").await.is(200);
    }
    let kept = sandbox.journal("vendor=langfuse").await;
    assert_eq!((kept.len(), &kept[0]["seq"]), (10_000, &json!(6)));
    assert_eq!(sandbox.count("langfuse", "health", json!(200)).await, 10_005);
}

#[tokio::test]
async fn a_reset_brings_the_seed_back_and_empties_the_journal() {
    let sandbox = Sandbox::start().await;
    let seed = sandbox.get("/_sandbox/state").await.is(200);
    let contacts = |state: &Value| state["highlevel"]["loc_demo"]["contacts"].as_array().unwrap().len();
    assert_eq!(contacts(&seed), 11);
    assert_eq!(seed["highlevel"]["loc_demo"]["appointments"][0]["id"], "apt_demo_jane");
    assert_eq!(seed["zep"]["users"]["demo:+15005550006"]["facts"].as_array().unwrap().len(), 2);
    sandbox.contact("+14155550141").await;
    sandbox.rules(json!([{ "vendor": "zep", "status": 500 }])).await;
    assert_eq!(contacts(&sandbox.get("/_sandbox/state").await.is(200)), 12);
    let seq = sandbox.journal("").await[0]["seq"].as_u64().unwrap();
    sandbox.post("/_sandbox/reset", Value::Null).await.is(204);
    assert_eq!(contacts(&sandbox.get("/_sandbox/state").await.is(200)), 11);
    let requests = sandbox.get("/_sandbox/requests").await.is(200);
    assert_eq!(requests, json!({ "requests": [], "counts": [], "accounts": [] }));
    assert_eq!(sandbox.get("/_sandbox/faults").await.is(200)["rules"], json!([]));
    sandbox.get(PROMPT).await.is(200);
    assert!(sandbox.journal("").await[0]["seq"].as_u64().unwrap() > seq, "its numbers go on");
}

#[tokio::test]
async fn what_is_no_vendor_s_is_not_found() {
    let sandbox = Sandbox::start().await;
    assert_eq!(sandbox.get("/nobody/x").await.is(404)["error"]["code"], "not_found");
    assert_eq!(sandbox.journal("").await, Vec::<Value>::new());
}
