//! Pushes that the vendor refuses: dead letters, what the command line says of them, and trying again.

use serde_json::{Value, json};
use testkit::{Input, Process, until};

use crate::stage::{DEMO, JANE, STRANGER, Stage, call};

/// What `offhook` prints, object by object.
async fn offhook(stage: &Stage, arguments: &[&str]) -> Vec<Value> {
    let mut command = Process::command(arguments);
    let output = command.arg("--json").envs(stage.world.environment()).output().await.expect("offhook runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("text");
    printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_version_is_a_dead_letter_and_comes_again_when_asked_or_when_there_is_a_newer_one() {
    let stage = Stage::start().await;
    let crm = stage.world.crm_worker();
    let refuse = json!([{ "vendor": "highlevel", "operation": "contact.upsert", "account": DEMO, "status": 422 }]);
    stage.vendors.faults(refuse.clone()).await;
    stage.tell("call_ended", &call(STRANGER, 1, None)).await;
    stage.tell_to("other", "call_ended", &call(JANE, 1, None)).await;
    stage.pushed().await;
    let letter = until("the dead letter", async || stage.world.bus.latest_dead(crm_worker::NAME).await.ok()?).await;
    assert!(letter.reason.contains("version 1 of contact +15…99 at highlevel: the vendor refused: 422"), "{letter:?}");
    let body: Value = serde_json::from_slice(&letter.body).expect("JSON");
    assert_eq!((&body["phone"], &body["version"]), (&json!(STRANGER), &json!(1)));
    assert_eq!(body["desired"]["last_call"]["call_id"], "call_1");
    let [demo, other] = offhook(&stage, &["crm", "status"]).await.try_into().expect("two orgs");
    assert_eq!((&demo["org"], &demo["contacts"], &demo["pending"]), (&json!("demo"), &json!(1), &json!(0)), "{demo}");
    assert_eq!((&demo["refused"], &other["refused"]), (&json!(1), &json!(0)));
    assert!(demo["last_error"].as_str().expect("a reason").contains("422"), "{demo}");

    // Told again, it is not pushed again.
    let recorded = stage.world.stored("events.demo.contact.recorded.log-worker", 0).await;
    stage.world.publish_past_the_window(&recorded.into_iter().map(|(_, input)| input).collect::<Vec<_>>()).await;
    stage.pushed().await;
    assert_eq!(stage.vendors.journal("operation=contact.upsert&account=loc_demo").await.len(), 1);

    // The letter is sent again, twice, as it lies there: one push.
    stage.vendors.faults(json!([])).await;
    let again = Input { envelope: letter.envelope, body: letter.body };
    stage.world.publish(&again).await;
    stage.world.publish_past_the_window(&[again]).await;
    until("it is not refused any more", async || {
        let refused =
            stage.world.rows("SELECT to_jsonb(count(*)) FROM offhook.crm_contacts WHERE refused IS NOT NULL").await;
        (refused == [json!(0)]).then_some(())
    })
    .await;
    stage.pushed().await;
    assert_eq!(stage.field(DEMO, STRANGER, "cf_call").await, "call_1");
    assert_eq!(stage.vendors.journal("operation=contact.upsert&account=loc_demo").await.len(), 2);

    // Refused once more, and asked for from the command line.
    stage.vendors.faults(refuse.clone()).await;
    stage.tell("call_ended", &call(STRANGER, 2, None)).await;
    stage.pushed().await;
    stage.vendors.faults(json!([])).await;
    let due = offhook(&stage, &["crm", "push", "--refused", "--org", "demo"]).await;
    assert_eq!(due, [json!({ "org": "demo", "vendor": "highlevel", "contacts": 1 })]);
    stage.pushed().await;
    assert_eq!(stage.field(DEMO, STRANGER, "cf_call").await, "call_2");
    assert_eq!(offhook(&stage, &["crm", "push", "--refused"]).await, Vec::<Value>::new());

    // And once more; the next call is a newer version, and needs nobody.
    stage.vendors.faults(refuse).await;
    stage.tell("call_ended", &call(STRANGER, 3, None)).await;
    stage.pushed().await;
    stage.vendors.faults(json!([])).await;
    stage.tell("call_ended", &call(STRANGER, 4, None)).await;
    stage.pushed().await;
    assert_eq!(stage.field(DEMO, STRANGER, "cf_call").await, "call_4");
    assert_eq!(offhook(&stage, &["crm", "status", "--org", "demo"]).await[0]["refused"], 0);
    crm.stop().await;
    stage.end(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_is_refused_keeps_no_other_from_the_crm_and_comes_again_when_asked_for() {
    let stage = Stage::start().await;
    let crm = stage.world.crm_worker();
    let refuse = json!([{ "vendor": "highlevel", "operation": "note.create", "status": 422, "times": 1 }]);
    stage.vendors.faults(refuse).await;
    for (nth, summary) in [(1, "Not wanted."), (2, "Wanted.")] {
        stage.tell("call_analyzed", &call(STRANGER, nth, Some(summary))).await;
    }
    stage.pushed().await;
    let noted = async |summary: &str| stage.notes(DEMO).await.iter().filter(|note| note.starts_with(summary)).count();
    assert_eq!((noted("Not wanted.").await, noted("Wanted.").await), (0, 1));
    stage.tell("call_analyzed", &call(STRANGER, 3, Some("Later."))).await;
    stage.pushed().await;
    assert_eq!((noted("Not wanted.").await, noted("Later.").await), (0, 1));
    offhook(&stage, &["crm", "push", "--phone", STRANGER]).await;
    stage.pushed().await;
    assert_eq!((noted("Not wanted.").await, noted("Wanted.").await, noted("Later.").await), (1, 1, 1));
    crm.stop().await;
    stage.end(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_is_refused_is_a_dead_letter_even_if_the_next_one_fails_and_comes_when_the_letter_is_sent_again() {
    let stage = Stage::start().await;
    for (nth, summary) in [(1, "Not wanted."), (2, "At the second try.")] {
        stage.tell("call_analyzed", &call(STRANGER, nth, Some(summary))).await;
    }
    stage.recorded().await;
    let fault = |status: u16| json!({ "vendor": "highlevel", "operation": "note.create", "status": status, "retry_after_s": 1, "times": 1 });
    stage.vendors.faults(json!([fault(422), fault(429)])).await;
    let crm = stage.world.crm_worker();
    stage.pushed().await;
    let noted = async |summary: &str| stage.notes(DEMO).await.iter().filter(|note| note.starts_with(summary)).count();
    assert_eq!((noted("Not wanted.").await, noted("At the second try.").await), (0, 1));
    assert_eq!(offhook(&stage, &["crm", "status", "--org", "demo"]).await[0]["refused"], 1);
    let letter = until("the dead letter", async || stage.world.bus.latest_dead(crm_worker::NAME).await.ok()?).await;
    assert!(!letter.envelope.id.contains(&STRANGER[1..]), "no number where ids are logged: {}", letter.envelope.id);

    // A newer version is pushed; the letter of the old one brings its note all the same.
    stage.tell("call_analyzed", &call(STRANGER, 3, Some("Later."))).await;
    stage.pushed().await;
    assert_eq!(noted("Not wanted.").await, 0);
    let sent = offhook(&stage, &["dead", "retry", "--worker", crm_worker::NAME]).await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    until("the note is there", async || (noted("Not wanted.").await == 1).then_some(())).await;
    stage.pushed().await;
    assert_eq!((noted("At the second try.").await, noted("Later.").await), (1, 1));
    crm.stop().await;
    stage.end(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_note_leaves_none_of_a_dozen_others_behind() {
    let stage = Stage::start().await;
    for nth in 0..12 {
        stage.tell("call_analyzed", &call(STRANGER, nth, Some("One of a dozen."))).await;
    }
    stage.recorded().await;
    let refuse = json!([{ "vendor": "highlevel", "operation": "note.create", "status": 422, "times": 1 }]);
    stage.vendors.faults(refuse).await;
    let crm = stage.world.crm_worker();
    stage.pushed().await;
    assert_eq!(stage.notes(DEMO).await.iter().filter(|note| note.starts_with("One of a dozen.")).count(), 11);
    let states = "SELECT jsonb_build_array(state, count(*)) FROM offhook.crm_notes GROUP BY state ORDER BY state";
    assert_eq!(stage.world.rows(states).await, [json!(["added", 11]), json!(["refused", 1])]);
    crm.stop().await;
    stage.end(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_void_token_is_the_account_s_trouble_and_no_dead_letter() {
    let stage = Stage::start().await;
    let crm = stage.world.crm_worker();
    stage.vendors.faults(json!([{ "vendor": "highlevel", "account": DEMO, "status": 401 }])).await;
    stage.tell("call_ended", &call(STRANGER, 1, None)).await;
    until("it is tried again", async || (stage.times("contact.upsert").await >= 2).then_some(())).await;
    let status = offhook(&stage, &["crm", "status", "--org", "demo"]).await;
    assert_eq!((&status[0]["failing"], &status[0]["refused"]), (&json!(1), &json!(0)), "{status:?}");
    stage.vendors.faults(json!([])).await;
    stage.pushed().await;
    assert_eq!(stage.field(DEMO, STRANGER, "cf_call").await, "call_1");
    // Everybody again, at will.
    let asked = stage.times("contact.upsert").await;
    assert_eq!(offhook(&stage, &["crm", "push", "--phone", STRANGER]).await.len(), 1);
    stage.pushed().await;
    assert_eq!(stage.times("contact.upsert").await, asked + 1);
    crm.stop().await;
    stage.end(0).await;
}
