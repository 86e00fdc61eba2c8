//! ElevenLabs' question: its shape, its secret, and that no variable is ever missing, as a missing one ends the call.

use std::collections::BTreeSet;

use answer::VARIABLES;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use testkit::{Answer, WorldOptions, until};

use crate::stage::{API_KEY, HURRIED, JANE, MAIN, OTHER, STRANGER, Stage};

const SECRET: &str = "secret_of_the_initiation";
const AGENT: &str = "agent_eleven";
/// What the agent's and another channel's prompts expect.
const MORE: &str = r#"
[[org.channel]]
kind = "agent"
address = "agent_eleven"
branch = "main"
deadline_ms = 5000
[org.channel.variables]
parking = { default = "Behind the house.", max = 40 }
tier = { default = "basic" }
[[org.channel]]
kind = "phone"
address = "+15005550004"
branch = "main"
[org.channel.variables]
shuttle = { default = "Every hour." }
[org.source.elevenlabs]
secrets = ["file:DIR/eleven.key"]
"#;

async fn stage() -> Stage {
    let mut stage = Stage::unanswered_with(MORE, |world| world.write_key("eleven", SECRET)).await;
    stage.answered().await;
    stage
}

/// The question of the provider's guide.
fn question(from: &str, to: &str) -> Value {
    json!({ "caller_id": from, "agent_id": AGENT, "called_number": to, "call_sid": "CA6b1f0c9d2e3a4b5c6d7e8f9012345678" })
}

async fn post(url: &str, org: &str, header: Option<(&str, &str)>, body: impl Into<reqwest::Body>) -> Response {
    let request = Client::new().post(format!("{url}/v1/{org}/elevenlabs/initiation"));
    let request = header.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    request.header("content-type", "application/json").body(body).send().await.expect("a response")
}

async fn ask(stage: &Stage, body: impl Into<reqwest::Body>) -> Answer {
    let bearer = format!("Bearer {SECRET}");
    Answer::read(post(&stage.url, "demo", Some(("authorization", &bearer)), body).await).await
}

/// Fails unless the body is what the provider's guide shows, with every variable that any agent of the org may expect.
fn assert_whole(what: &str, answer: &Answer) {
    let keys: Vec<_> = answer.body.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["dynamic_variables", "type"], "{what}");
    assert_eq!(answer.body["type"], "conversation_initiation_client_data", "{what}");
    let own = ["parking", "tier", "shuttle", "offhook_id"];
    let expected: BTreeSet<&str> = VARIABLES.iter().map(|(name, ..)| *name).chain(own).collect();
    let told: BTreeSet<&str> = answer.variables.keys().map(String::as_str).collect();
    assert!(told == expected, "{what}: {:?}", told.symmetric_difference(&expected).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_every_variable_of_the_org_whatever_is_known() {
    let stage = stage().await;
    let known = ask(&stage, question(JANE, MAIN).to_string()).await;
    assert_whole("known", &known);
    assert_eq!((known.get("customer_name"), known.get("degraded")), ("Jane Doe", ""));
    let own = [known.get("parking"), known.get("tier"), known.get("shuttle")];
    assert_eq!(own, ["Behind the house.", "basic", ""], "the agent's own defaults, and no other's");
    assert_whole("cached", &ask(&stage, question(JANE, MAIN).to_string()).await);
    let unknown = ask(&stage, question(STRANGER, MAIN).to_string()).await;
    assert_whole("unknown", &unknown);
    assert_eq!((unknown.get("customer_known"), unknown.get("customer_phone")), ("no", STRANGER));
    assert_whole("anonymous", &ask(&stage, question("anonymous", MAIN).to_string()).await);
    let by_agent = ask(&stage, question(JANE, "sip:main").to_string()).await;
    assert_whole("by agent", &by_agent);
    assert_eq!(by_agent.get("business_name"), "Demo Dental");

    let strange = json!({ "caller_id": JANE, "called_number": OTHER, "agent_id": "agent_of_nobody" }).to_string();
    for body in [strange, String::new(), "{".to_owned(), "[]".to_owned(), " ".repeat(65 * 1024)] {
        let neutral = ask(&stage, body).await;
        assert_whole("neutral", &neutral);
        assert_eq!((neutral.get("business_name"), neutral.get("customer_known")), ("", "no"));
    }
    let broken = ["highlevel", "zep", "langfuse"].map(|vendor| json!({ "vendor": vendor, "status": 400 }));
    stage.vendors.faults(json!(broken)).await;
    let degraded = ask(&stage, question("+15005550010", MAIN).to_string()).await;
    assert_whole("degraded", &degraded);
    assert_eq!(degraded.degraded(), ["appointments", "crm", "memory"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_call_that_the_agent_makes_the_contact_is_the_callee() {
    let stage = stage().await;
    let outbound = ask(&stage, question(MAIN, JANE).to_string()).await;
    assert_eq!((outbound.get("customer_phone"), outbound.get("customer_name")), (JANE, "Jane Doe"));
    assert_eq!(outbound.get("business_name"), "Demo Dental");
    let between_ours = ask(&stage, question(HURRIED, MAIN).to_string()).await;
    assert_eq!(between_ours.get("customer_phone"), HURRIED, "a call between our numbers is an inbound one");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_orgs_own_secret_opens_it_in_either_header() {
    let stage = stage().await;
    let asked = || question(JANE, MAIN).to_string();
    let bearer = format!("Bearer {SECRET}");
    for header in [("authorization", &*bearer), ("authorization", SECRET), ("x-webhook-secret", SECRET)] {
        assert_eq!(post(&stage.url, "demo", Some(header), asked()).await.status(), 200, "{header:?}");
    }
    let refused = async |org: &str, header: Option<(&str, &str)>| {
        let response = post(&stage.url, org, header, asked()).await;
        let status = response.status().as_u16();
        let body: Value = response.json().await.expect("a refusal is JSON");
        (status, body["error"]["code"].as_str().map(str::to_owned))
    };
    let wrong = (401, Some("bad_signature".to_owned()));
    for header in [
        None,
        Some(("authorization", "Bearer nothing")),
        Some(("authorization", "Bearer ")),
        Some(("x-webhook-secret", API_KEY)),
    ] {
        assert_eq!(refused("demo", header).await, wrong, "{header:?}");
    }
    let right = Some(("authorization", &*bearer));
    for org in ["other", "nobody", "_"] {
        assert_eq!(refused(org, right).await, (404, Some("unknown_org".to_owned())), "{org} has no such source");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_its_secret_or_the_org_is_not_known_the_answer_is_neutral() {
    let mut stage = Stage::unanswered_with(MORE, |_| {}).await;
    stage.answered().await;
    let unreadable = ask(&stage, question(JANE, MAIN).to_string()).await;
    assert_whole("the secret can't be read", &unreadable);
    assert_eq!((unreadable.get("business_name"), unreadable.get("parking")), ("", ""));
    stage.end().await;

    let bare = WorldOptions { bare: true, ..WorldOptions::default() };
    let mut world = testkit::World::with(bare).await;
    world.nats.kill().await.expect("it can be killed");
    let (answer, url) = world.answer_unready().await;
    let early = Answer::read(post(&url, "demo", None, question(JANE, MAIN).to_string()).await).await;
    assert_eq!((early.get("customer_known"), early.get("greeting")), ("no", ""));
    answer.stop().await;
    // It has no broker that could be asked.
    world.abandon();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_told_of_every_answer_and_the_call_that_follows_finds_it() {
    let stage = stage().await;
    let worker = stage.world.log_worker();
    let answer = ask(&stage, question(JANE, MAIN).to_string()).await;
    let id = answer.id.clone().expect("an id");
    let stored = until("the answer is told", async || {
        stage.world.stored("events.demo.call.inbound.answer", 0).await.into_iter().next()
    })
    .await;
    let told: Value = serde_json::from_slice(&stored.1.body).expect("JSON");
    assert_eq!((&told["offhook_id"], &told["asked_by"]), (&json!(id), &json!("elevenlabs")));
    assert_eq!((&told["contact_phone"], &told["branch"]), (&json!(JANE), &json!("main")));
    assert_eq!(told["call_id"], "CA6b1f0c9d2e3a4b5c6d7e8f9012345678");

    let variables = answer.body["dynamic_variables"].clone();
    let call = json!({ "type": "post_call_transcription", "event_timestamp": 1_795_000_140, "data": {
        "agent_id": AGENT, "conversation_id": "conv_1", "status": "done", "transcript": [], "metadata": { "start_time_unix_secs": 1_795_000_070 },
        "conversation_initiation_client_data": { "dynamic_variables": variables },
    }});
    let (ingress, url) = stage.world.ingress().await;
    let signature = sources::elevenlabs::sign(SECRET, call.to_string().as_bytes(), chrono::Utc::now());
    let post = Client::new().post(format!("{url}/v1/demo/elevenlabs/events"));
    let post = post.header(sources::elevenlabs::SIGNATURE_HEADER, signature).body(call.to_string());
    assert_eq!(post.send().await.expect("a response").status(), 200);
    stage.world.settled(log_worker::NAME).await;
    let row = stage.world.rows("SELECT to_jsonb(answer_id) FROM offhook.calls WHERE call_id = 'conv_1'").await;
    assert_eq!(row, [json!(id)]);
    ingress.stop().await;
    worker.stop().await;
    stage.end().await;
}
