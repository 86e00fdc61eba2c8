//! The worker's own rows: who has one, what is let go, what is forgotten; and whom a push is told to.

use contract::{Envelope, EventType, Source};
use serde_json::json;
use testkit::{Input, until};

use crate::stage::{JANE, ORGS, STRANGER, Stage, call};

/// As log-worker tells of a contact that has changed.
fn recorded(phone: &str) -> Input {
    let now = chrono::Utc::now();
    let envelope = Envelope {
        org: "demo".parse().expect("an org id"),
        source: Source::LOG_WORKER,
        channel: String::new(),
        id: format!("contact.recorded:{phone}"),
        kind: EventType::ContactRecorded,
        subject: Some(phone.to_owned()),
        time: now,
        received_at: now,
        content_type: "application/json".to_owned(),
        fault: None,
    };
    Input { envelope, body: "{}".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_never_called_has_no_row_and_one_that_is_pushed_is_told_of_once() {
    let stage = Stage::start().await;
    let crm = stage.world.crm_worker();
    stage
        .world
        .sql(&format!("INSERT INTO offhook.contacts (org, phone, name) VALUES ('demo', '{JANE}', 'Jane')"))
        .await;
    stage.world.publish(&recorded(JANE)).await;
    stage.tell("call_analyzed", &call(STRANGER, 1, Some("Asked for the price."))).await;
    stage.pushed().await;
    assert_eq!(stage.world.rows("SELECT to_jsonb(phone) FROM offhook.crm_contacts").await, [json!(STRANGER)]);
    let told = stage.world.stored("events.demo.contact.changed.crm-worker", 1).await;
    let [(_, told)] = told.as_slice() else { panic!("once, not {told:?}") };
    assert_eq!(told.envelope.subject.as_deref(), Some(STRANGER));
    assert!(!told.envelope.id.contains(&STRANGER[1..]), "no number where ids are logged: {}", told.envelope.id);
    let body: serde_json::Value = serde_json::from_slice(&told.body).expect("JSON");
    assert_eq!(body, json!({ "contact_phone": STRANGER, "vendor": "highlevel" }));
    crm.stop().await;
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_at_a_crm_that_its_org_names_no_more_is_let_go_and_comes_when_asked_for() {
    let stage = Stage::start().await;
    let crm = stage.world.crm_worker();
    stage.vendors.faults(json!([{ "vendor": "highlevel", "operation": "contact.upsert", "status": 401 }])).await;
    stage.tell("call_ended", &call(STRANGER, 1, None)).await;
    stage.desired().await;
    assert_eq!(stage.due("demo").await, 1);
    let (demo, other) = ORGS.split_once("[org.vendor.highlevel]").expect("an org with a CRM");
    let other = &other[other.find("[[org]]").expect("another org")..];
    stage.apply(&format!("{demo}\n{other}")).await;
    until("nothing is due", async || (stage.due("demo").await == 0).then_some(())).await;
    stage.vendors.faults(json!([])).await;
    stage.apply(ORGS).await;
    let whose = crm_worker::Whose { org: Some("demo".to_owned()), ..crm_worker::Whose::default() };
    assert_eq!(crm_worker::push_again(&stage.world.pool, &whose).await.expect("marked").len(), 1);
    until("it is pushed", async || {
        let pushed =
            "SELECT to_jsonb(count(*)) FROM offhook.crm_contacts WHERE pushed_version = version AND due_at IS NULL";
        (stage.world.rows(pushed).await == [json!(1)]).then_some(())
    })
    .await;
    crm.stop().await;
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_that_are_done_are_forgotten_after_37_days_and_those_that_are_wanted_are_not() {
    let stage = Stage::start().await;
    let noted = [("added", 36), ("added", 38), ("refused", 38), ("wanted", 38), ("adding", 38)];
    for (nth, (state, days)) in noted.into_iter().enumerate() {
        let row = format!(
            "('demo', 'highlevel', 'retell', 'call_{nth}', '{STRANGER}', '{state}', now() - interval '{days} days')"
        );
        let columns = "org, vendor, source, call_id, phone, state, updated_at";
        stage.world.sql(&format!("INSERT INTO offhook.crm_notes ({columns}) VALUES {row}")).await;
    }
    assert_eq!(crm_worker::retire_notes(&stage.world.pool).await.expect("deleted"), 2);
    let left = stage.world.rows("SELECT to_jsonb(state) FROM offhook.crm_notes ORDER BY state").await;
    assert_eq!(left, [json!("added"), json!("adding"), json!("wanted")]);
    stage.end(0).await;
}
