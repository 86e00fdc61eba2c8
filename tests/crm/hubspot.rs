//! The same at HubSpot: with a property that no two contacts share, and without one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{JANE, STRANGER, Stage, call};

const ORGS: &str = r#"
[[org]]
id = "demo"
name = "Demo Dental"
[[org.branch]]
id = "main"
time_zone = "America/New_York"
[org.source.retell]
secrets = ["file:DIR/demo.key"]
[org.vendor.hubspot]
base_url = "SANDBOX/hubspot"
token = "file:DIR/demo.key"
last_call_at_property = "last_call_at"
# MORE
"#;
const UNIQUE: &str = r#"
phone_property = "voice_phone_e164"
tags_property = "voice_tags"
tags = "english"
"#;

/// The contacts that have this number in any property.
async fn contacts(stage: &Stage, phone: &str) -> Vec<Value> {
    let state = stage.vendors.state().await;
    let contacts = state["hubspot"]["contacts"].as_array().expect("a list").clone();
    let names = ["phone", "mobilephone", "voice_phone_e164"];
    contacts.into_iter().filter(|contact| names.iter().any(|name| contact[name] == phone)).collect()
}

/// How many notes say this.
async fn noted(stage: &Stage, summary: &str) -> usize {
    stage.vendors.state().await["hubspot"]["notes"].to_string().matches(summary).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_completed_or_made_and_noted_once() {
    let stage = Stage::with(&ORGS.replace("# MORE", UNIQUE)).await;
    let crm = stage.world.crm_worker();
    let [before] = contacts(&stage, JANE).await.try_into().expect("one Jane");
    stage.tell("call_started", &call(JANE, 1, None)).await;
    stage.pushed().await;
    stage.world.sql("UPDATE offhook.contacts SET name = 'Chain Dough', email = 'chain@example.com'").await;
    stage.tell("call_analyzed", &call(JANE, 1, Some("Chipped a tooth."))).await;
    stage.tell("call_analyzed", &call(STRANGER, 2, Some("Asked for the price."))).await;
    stage.pushed().await;
    stage.world.sql(&format!("UPDATE offhook.contacts SET name = 'Sam Stranger' WHERE phone = '{STRANGER}'")).await;
    stage.tell("call_ended", &call(STRANGER, 3, None)).await;
    stage.pushed().await;
    let [jane] = contacts(&stage, JANE).await.try_into().expect("one Jane");
    for name in ["firstname", "lastname", "email", "phone"] {
        assert_eq!(jane[name], before[name], "what was typed stays");
    }
    assert_eq!((&jane["voice_phone_e164"], &jane["voice_tags"]), (&json!(JANE), &json!("voice-ai;english")));
    assert_eq!(jane["last_call_at"], "2026-11-18T11:07:40Z");
    let [stranger] = contacts(&stage, STRANGER).await.try_into().expect("one stranger");
    assert_eq!((&stranger["firstname"], &stranger["lastname"]), (&json!("Sam"), &json!("Stranger")));
    assert_eq!((noted(&stage, "Chipped a tooth.").await, noted(&stage, "Asked for the price.").await), (1, 1));
    crm.stop().await;
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_was_made_is_known_whatever_fails_behind_it() {
    let stage = Stage::with(ORGS).await;
    let crm = stage.world.crm_worker();
    stage.vendors.faults(json!([{ "vendor": "hubspot", "operation": "note.create", "status": 401, "times": 1 }])).await;
    stage.tell("call_analyzed", &call(STRANGER, 1, Some("At the second try."))).await;
    stage.pushed().await;
    let asked = stage.vendors.asked().await;
    let count = |operation: &str| asked.iter().filter(|asked| *asked == operation).count();
    assert_eq!((count("hubspot contact.create"), count("hubspot contact.update")), (1, 1), "{asked:?}");
    assert_eq!((contacts(&stage, STRANGER).await.len(), noted(&stage, "At the second try.").await), (1, 1));
    crm.stop().await;
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_was_made_is_known_even_if_its_name_can_not_be_filled_in_yet() {
    let stage = Stage::with(ORGS).await;
    stage.tell("call_ended", &call(STRANGER, 1, None)).await;
    stage.recorded().await;
    stage.world.sql(&format!("UPDATE offhook.contacts SET name = 'Sam Stranger' WHERE phone = '{STRANGER}'")).await;
    let busy =
        json!([{ "vendor": "hubspot", "operation": "contact.update", "status": 429, "retry_after_s": 1, "times": 1 }]);
    stage.vendors.faults(busy).await;
    // Longer than the second try waits: who searches finds nobody.
    stage.vendors.with_search_lag(Duration::from_secs(20)).await;
    let crm = stage.world.crm_worker();
    stage.pushed().await;
    assert_eq!(stage.vendors.times("hubspot contact.create").await, 1);
    assert_eq!(contacts(&stage, STRANGER).await.len(), 1);
    crm.stop().await;
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_was_made_and_a_note_that_was_taken_in_silence_are_not_made_again() {
    let stage = Stage::with(ORGS).await;
    let crm = stage.world.crm_worker();
    let silent = |operation: &str| json!({ "vendor": "hubspot", "operation": operation, "status": 500, "after_effect": true, "times": 1 });
    stage.vendors.faults(json!([silent("contact.create"), silent("note.create")])).await;
    stage.tell("call_analyzed", &call(STRANGER, 1, Some("Heard in silence."))).await;
    stage.pushed().await;
    assert_eq!((contacts(&stage, STRANGER).await.len(), noted(&stage, "Heard in silence.").await), (1, 1));
    // The id is known from now on, so no search that lags is needed.
    let searched = stage.vendors.times("hubspot contact.search").await;
    stage.tell("call_analyzed", &call(STRANGER, 2, Some("Once more."))).await;
    stage.pushed().await;
    assert_eq!(stage.vendors.times("hubspot contact.search").await, searched);
    assert_eq!((contacts(&stage, STRANGER).await.len(), noted(&stage, "Once more.").await), (1, 1));
    crm.stop().await;
    stage.end(0).await;
}
