//! What a push brings to the CRM, and what it leaves alone.

use contract::{Envelope, EventType, Source};
use serde_json::json;
use testkit::Input;

use crate::stage::{DEMO, JANE, OTHER, STRANGER, Stage, call, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_makes_or_completes_its_contact_and_is_noted_once_however_often_it_is_told() {
    let stage = Stage::start().await;
    let crm = stage.world.crm_worker();
    let (before, notes) = (stage.contact(DEMO, JANE).await.expect("Jane"), stage.notes(DEMO).await);
    stage.tell("call_started", &call(JANE, 1, None)).await;
    stage.pushed().await;
    // Heard on a call, and the CRM knows better.
    stage.world.sql(&format!("UPDATE offhook.contacts SET name = 'Chain Dough' WHERE phone = '{JANE}'")).await;
    stage.tell("call_analyzed", &call(JANE, 1, Some("Chipped a tooth."))).await;
    stage.tell("call_analyzed", &call(STRANGER, 2, Some("Asked for the price."))).await;
    stage.tell_to("other", "call_ended", &call(JANE, 3, None)).await;
    stage.pushed().await;

    let jane = stage.contact(DEMO, JANE).await.expect("Jane");
    assert_eq!(jane["id"], before["id"]);
    assert_eq!((&jane["name"], &jane["email"]), (&before["name"], &before["email"]), "what was typed stays");
    let old = before["tags"].as_array().expect("tags").iter();
    let tags: Vec<_> = old.cloned().chain(["voice-ai", "front desk", "english"].map(|tag| json!(tag))).collect();
    assert_eq!(jane["tags"], json!(tags));
    assert_eq!(stage.field(DEMO, JANE, "cf_call").await, "call_1");
    assert_eq!(stage.field(DEMO, JANE, "cf_at").await, start(1).to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
    let other = stage.contact(OTHER, JANE).await.expect("Jane");
    assert!(other["tags"].as_array().expect("tags").contains(&json!("voice-ai")), "{other}");
    assert_eq!(other["customFields"], json!([]), "an org that names no fields has none");
    let mut expected = notes.clone();
    expected.extend([
        "Asked for the price.\n\nOutcome: successful, ended, 84 s\n\noffhook call retell:call_2".to_owned(),
        "Chipped a tooth.\n\nOutcome: successful, ended, 84 s\n\noffhook call retell:call_1".to_owned(),
    ]);
    expected.sort();
    assert_eq!(stage.notes(DEMO).await, expected);

    // All of it again, past the broker's window and through both workers: nothing at the vendor.
    let asked = stage.vendors.asked().await;
    let events = stage.world.stored("events.*.call.*.retell", 0).await;
    let recorded = stage.world.stored("events.*.contact.recorded.log-worker", 0).await;
    let again: Vec<Input> = events.into_iter().chain(recorded).map(|(_, input)| input).collect();
    stage.world.publish_past_the_window(&again).await;
    stage.world.publish_past_the_window(&again).await;
    stage.pushed().await;
    assert_eq!(stage.vendors.asked().await, asked);
    crm.stop().await;
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_crm_itself_told_us_is_not_pushed_back_and_fills_what_is_empty_with_the_next_call() {
    let stage = Stage::start().await;
    let crm = stage.world.crm_worker();
    stage.tell("call_ended", &call(STRANGER, 1, None)).await;
    stage.pushed().await;
    let asked = stage.vendors.asked().await;
    stage
        .world
        .sql(&format!(
            "UPDATE offhook.contacts SET name = 'Sam Stranger', email = 'sam@example.com' WHERE phone = '{STRANGER}'"
        ))
        .await;
    let now = chrono::Utc::now();
    let changed = Input {
        envelope: Envelope {
            org: "demo".parse().expect("an org id"),
            source: Source::LOG_WORKER,
            channel: String::new(),
            id: "contact.recorded:named".to_owned(),
            kind: EventType::ContactRecorded,
            subject: Some(STRANGER.to_owned()),
            time: now,
            received_at: now,
            content_type: "application/json".to_owned(),
            fault: None,
        },
        body: "{}".into(),
    };
    stage.world.publish(&changed).await;
    stage.pushed().await;
    assert_eq!(stage.vendors.asked().await, asked, "a name alone is no news");
    stage.tell("call_ended", &call(STRANGER, 2, None)).await;
    stage.pushed().await;
    let contact = stage.contact(DEMO, STRANGER).await.expect("a contact");
    assert_eq!((&contact["name"], &contact["email"]), (&json!("Sam Stranger"), &json!("sam@example.com")));
    crm.stop().await;
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_another_contact_s_changes_neither() {
    let stage = Stage::start().await;
    let body = json!({ "locationId": DEMO, "phone": "+15005550077", "name": "Pat Other", "email": "pat@example.com" });
    stage.vendors.highlevel(reqwest::Method::POST, "/contacts/", body).await;
    let before = stage.contact(DEMO, "+15005550077").await;
    let crm = stage.world.crm_worker();
    // The vendor turns it down, as it does where no two contacts may share an address.
    let rule = json!([{ "vendor": "highlevel", "operation": "contact.update", "status": 400 }]);
    stage.vendors.faults(rule).await;
    stage.tell("call_ended", &call(STRANGER, 1, None)).await;
    stage.pushed().await;
    stage.world.sql(&format!("UPDATE offhook.contacts SET email = 'pat@example.com' WHERE phone = '{STRANGER}'")).await;
    stage.tell("call_ended", &call(STRANGER, 2, None)).await;
    stage.pushed().await;
    assert_eq!(stage.contact(DEMO, "+15005550077").await, before);
    assert_eq!(stage.field(DEMO, STRANGER, "cf_call").await, "call_2", "the rest is pushed all the same");
    crm.stop().await;
    stage.end(0).await;
}
