//! The events: every answer tells the log of itself once, and the call that follows finds it again.

use contract::EventType;
use serde_json::{Value, json};
use sqlx::types::Json;
use testkit::{Answer, Delivery, Input, Question, until};

use crate::stage::{HURRIED, JANE, MAIN, OTHER, STRANGER, Stage};

const SUBJECT: &str = "events.demo.call.inbound.answer";

/// The events of answers, once there are so many.
async fn told(stage: &Stage, expected: usize) -> Vec<(Input, Value)> {
    until(&format!("{expected} answers are told"), async || {
        let stored = stage.world.stored(SUBJECT, 0).await;
        (stored.len() >= expected).then_some(())
    })
    .await;
    let stored = stage.world.stored(SUBJECT, 0).await.into_iter().map(|(_, input)| input);
    stored.map(|input| (input.clone(), serde_json::from_slice(&input.body).expect("JSON"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_told_once_whatever_it_was() {
    let mut stage = Stage::start().await;
    let mut answers: Vec<(&str, Answer, Value)> = Vec::new();
    let known = |known: bool| json!({ "known": known, "degraded": [] });
    answers.push(("miss", stage.ring(JANE).await, known(true)));
    answers.push(("hit", stage.ring(JANE).await, known(true)));
    answers.push(("hit again", stage.ring(JANE).await, known(true)));
    answers.push(("stranger", stage.ring(STRANGER).await, known(false)));
    answers.push(("anonymous", stage.ring("anonymous").await, known(false)));
    answers.push(("not owned", stage.ring_at(JANE, OTHER).await, known(false)));
    answers.push(("flat", Question::flat(JANE, MAIN).ask(&stage.url).await, known(true)));
    answers.push(("unreadable", Question::new("{").ask(&stage.url).await, known(false)));
    answers.push(("own code", stage.caller(&format!("demo/callers/{JANE}")).await, known(true)));
    stage.vendors.faults(json!([{ "vendor": "zep", "status": 400 }])).await;
    let degraded = json!({ "known": true, "degraded": ["memory"] });
    answers.push(("degraded", stage.ring("+15005550010").await, degraded));
    // Refusals and what nobody can be told about are no answers.
    Question::ring(JANE, MAIN).unsigned().refused(&stage.url, 401, "bad_signature").await;
    Question::ring(JANE, MAIN).to("nobody", testkit::KEY).refused(&stage.url, 404, "unknown_org").await;
    // The service has told all it had to tell.
    stage.answer.take().expect("it runs").stop().await;

    let told = told(&stage, answers.len()).await;
    assert_eq!(told.len(), answers.len());
    for (what, answer, expected) in &answers {
        // The flat shape has no room for the id.
        let is_its = |body: &Value| match &answer.id {
            Some(planted) => body["offhook_id"] == **planted,
            None => body["call_id"] == "call_flat",
        };
        let (input, body) = told.iter().find(|(_, body)| is_its(body)).unwrap_or_else(|| panic!("{what} is not told"));
        assert_eq!(json!({ "known": body["known"], "degraded": body["degraded"] }), *expected, "{what}");
        assert_eq!(body["asked_by"], if *what == "own code" { "api" } else { "retell" });
        let (envelope, id) = (&input.envelope, body["offhook_id"].as_str().expect("an id"));
        assert_eq!((envelope.id.as_str(), envelope.subject.as_deref()), (&*format!("call_inbound:{id}"), Some(id)));
        assert_eq!((envelope.kind, envelope.org.as_str()), (EventType::CallInbound, "demo"));
    }
    let mut ids: Vec<_> = told.iter().map(|(_, body)| body["offhook_id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), answers.len(), "each has an id of its own");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_that_follows_finds_its_answer_and_an_answer_alone_is_no_call() {
    let stage = Stage::start().await;
    let (ingress, url) = stage.world.ingress().await;
    let worker = stage.world.log_worker();
    let answer = stage.ring(JANE).await;
    let alone = stage.ring_at(STRANGER, HURRIED).await;
    told(&stage, 2).await;
    stage.world.settled(log_worker::NAME).await;
    let count = async |query: &'static str| {
        sqlx::query_scalar::<_, i64>(query).fetch_one(&stage.world.pool).await.expect("the database answers")
    };
    assert_eq!(count("SELECT count(*) FROM offhook.calls").await, 0, "nobody has picked up");
    assert_eq!(count("SELECT count(*) FROM offhook.contacts").await, 0);

    let call = json!({ "call_id": "call_1", "call_type": "phone_call", "direction": "inbound", "from_number": JANE, "to_number": MAIN,
        "start_timestamp": 1_795_000_001_200_i64, "metadata": answer.body["call_inbound"]["metadata"] });
    for event in ["call_started", "call_ended"] {
        Delivery::event(event, &call).acknowledged(&url).await;
    }
    stage.world.settled(log_worker::NAME).await;
    let row = "SELECT to_jsonb(c) FROM offhook.calls AS c WHERE call_id = 'call_1'";
    let Json(row): Json<Value> = sqlx::query_scalar(row).fetch_one(&stage.world.pool).await.expect("a row");
    assert_eq!(row["answer_id"].as_str(), answer.id.as_deref());
    assert_eq!(count("SELECT total_calls FROM offhook.contacts").await, 1, "the answer counts no call");

    let archived = "SELECT subject FROM offhook.events WHERE type = 'call.inbound' AND source = 'answer' ORDER BY 1";
    let archived: Vec<String> = sqlx::query_scalar(archived).fetch_all(&stage.world.pool).await.expect("rows");
    let mut expected = [answer.id, alone.id].map(|id| id.expect("a planted id"));
    expected.sort();
    assert_eq!(archived, expected);
    ingress.stop().await;
    worker.stop().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_a_moment_are_told_together_and_each_once() {
    const MANY: usize = 40;
    let stage = Stage::start().await;
    stage.ring(JANE).await;
    told(&stage, 1).await;
    stage.world.nats.freeze().expect("nats-server can be frozen");
    for _ in 0..MANY {
        stage.ring(JANE).await;
    }
    stage.world.nats.thaw().expect("nats-server can be thawed");
    let told = told(&stage, 1 + MANY).await;
    let ids: std::collections::BTreeSet<_> = told.iter().map(|(_, body)| body["offhook_id"].to_string()).collect();
    assert_eq!((told.len(), ids.len()), (1 + MANY, 1 + MANY));
    // The first of them may have gone before the others came.
    assert!(stage.world.stored_in_batches(SUBJECT).await >= MANY / 2);
    stage.end().await;
}
