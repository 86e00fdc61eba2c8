//! A vendor that is slow, fails for a while, or asks to be left alone; and one org's trouble, which is nobody else's.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use testkit::until;

use crate::stage::{DEMO, JANE, OTHER, STRANGER, Stage, call};

#[tokio::test(flavor = "multi_thread")]
async fn three_failures_and_then_a_success_leave_one_note_and_no_failure() {
    let stage = Stage::start().await;
    let crm = stage.world.crm_worker();
    let rules = json!([{ "vendor": "highlevel", "operation": "contact.upsert", "status": 500, "times": 3 }]);
    stage.vendors.faults(rules).await;
    stage.tell("call_analyzed", &call(STRANGER, 1, Some("Late."))).await;
    stage.pushed().await;
    // Three failures in five calls are enough for the account to be left alone for a while, before the note.
    let upserts = stage.vendors.journal("vendor=highlevel&operation=contact.upsert").await;
    let statuses: Vec<_> = upserts.iter().map(|line| line["status"].as_u64()).collect();
    assert!(statuses.starts_with(&[Some(500), Some(500), Some(500), Some(200)]) && statuses.len() <= 5, "{statuses:?}");
    assert_eq!(stage.field(DEMO, STRANGER, "cf_call").await, "call_1");
    assert_eq!(stage.times("note.create").await, 1);
    let failed = "SELECT jsonb_build_array(attempts, last_error, claim) FROM offhook.crm_contacts";
    assert_eq!(stage.world.rows(failed).await, [json!([0, null, null])], "a success forgets the failures");
    crm.stop().await;
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_asks_to_be_left_alone_is_left_alone_for_so_long() {
    let stage = Stage::start().await;
    let crm = stage.world.crm_worker();
    let rules = json!([{ "vendor": "highlevel", "operation": "contact.upsert", "status": 429, "retry_after_s": 3, "times": 1 }]);
    stage.vendors.faults(rules).await;
    for nth in 0..4 {
        stage.tell("call_ended", &call(&format!("+150055500{}", 81 + nth), nth, None)).await;
    }
    stage.pushed().await;
    let journal = stage.vendors.journal("vendor=highlevel").await;
    let at = |line: &Value| line["at"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok()).expect("a time");
    let told = journal.iter().find(|line| line["status"] == 429).expect("the 429 was met");
    // What was under way beside it may still arrive; nothing is begun until the pause is over.
    let rest = (at(told) + TimeDelta::milliseconds(500))..(at(told) + TimeDelta::milliseconds(2_900));
    let meanwhile = journal.iter().filter(|line| rest.contains(&at(line))).count();
    assert_eq!(meanwhile, 0, "{journal:?}");
    for nth in 0..4 {
        let field = stage.field(DEMO, &format!("+150055500{}", 81 + nth), "cf_call").await;
        assert_eq!(field, format!("call_{nth}"));
    }
    crm.stop().await;
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_was_taken_in_silence_is_found_and_not_added_again() {
    let stage = Stage::start().await;
    let crm = stage.world.crm_worker();
    let before = stage.notes(DEMO).await.len();
    let rules =
        json!([{ "vendor": "highlevel", "operation": "note.create", "hang": true, "after_effect": true, "times": 1 }]);
    stage.vendors.faults(rules).await;
    stage.tell("call_analyzed", &call(JANE, 1, Some("Heard in silence."))).await;
    stage.pushed().await;
    assert_eq!(stage.notes(DEMO).await.len(), before + 1);
    assert_eq!((stage.times("note.create").await, stage.times("note.list").await), (1, 1));
    crm.stop().await;
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_org_s_silent_crm_delays_no_other_org_and_is_caught_up_with_when_it_speaks_again() {
    let stage = Stage::start().await;
    let crm = stage.world.crm_worker();
    stage.vendors.faults(json!([{ "vendor": "highlevel", "account": DEMO, "hang": true }])).await;
    for nth in 0..8 {
        stage.tell("call_ended", &call(&format!("+150055500{}", 81 + nth), nth, None)).await;
    }
    stage.under_way("contact.upsert").await;
    for nth in 0..20 {
        let phone = format!("+150055501{}", 10 + nth);
        stage.tell_to("other", "call_analyzed", &call(&phone, nth, Some("Wants glasses."))).await;
    }
    stage.desired().await;
    until("the other org is pushed", async || (stage.due("other").await == 0).then_some(())).await;
    assert_eq!(stage.due("demo").await, 8, "none of the silent one's is pushed, or given up");
    assert_eq!(stage.notes(OTHER).await.iter().filter(|note| note.starts_with("Wants glasses.")).count(), 20);
    until("the silent one is left alone", async || {
        let seen = "SELECT to_jsonb(count(*)) FROM offhook.crm_contacts WHERE org = 'demo' AND attempts > 0";
        (stage.world.rows(seen).await[0].as_i64()? >= 4).then_some(())
    })
    .await;
    stage.vendors.faults(json!([])).await;
    stage.pushed().await;
    for nth in 0..8 {
        let field = stage.field(DEMO, &format!("+150055500{}", 81 + nth), "cf_call").await;
        assert_eq!(field, format!("call_{nth}"));
    }
    crm.stop().await;
    stage.end(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_goes_away_in_the_middle_is_looked_up_anew() {
    let stage = Stage::start().await;
    let crm = stage.world.crm_worker();
    let rules = json!([{ "vendor": "highlevel", "operation": "contact.tags.add", "status": 404, "times": 1 },
        { "vendor": "highlevel", "operation": "note.create", "status": 404, "times": 1 }]);
    stage.vendors.faults(rules).await;
    stage.tell("call_analyzed", &call(STRANGER, 1, Some("Here again."))).await;
    stage.pushed().await;
    let contact = stage.contact(DEMO, STRANGER).await.expect("a contact");
    assert_eq!(contact["tags"], json!(["voice-ai", "front desk", "english"]));
    assert_eq!(stage.notes(DEMO).await.iter().filter(|note| note.starts_with("Here again.")).count(), 1);
    let ids = stage.world.rows("SELECT to_jsonb(external_id) FROM offhook.crm_contacts").await;
    assert_eq!(ids, [contact["id"].clone()]);
    crm.stop().await;
    stage.end(0).await;
}
