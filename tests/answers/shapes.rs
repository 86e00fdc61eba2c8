//! The shapes: each question is answered in its own, and nobody is refused but strangers.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use testkit::{Answer, OTHER_KEY, Question, WorldOptions};

use crate::stage::{API_KEY, JANE, MAIN, STRANGER, Stage};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_question_gets_the_providers_shape_and_a_flat_one_its_own() {
    let stage = Stage::start().await;
    let nested = stage.ring(JANE).await;
    assert_eq!(keys(&nested.body), ["call_inbound"]);
    assert_eq!(keys(&nested.body["call_inbound"]), ["dynamic_variables", "metadata"]);
    assert_eq!(nested.body["call_inbound"]["metadata"], json!({ "offhook_id": nested.id }));
    assert_eq!((nested.get("customer_name"), nested.get("degraded")), ("Jane Doe", ""));

    let flat = Question::flat(JANE, MAIN).ask(&stage.url).await;
    assert_eq!(keys(&flat.body), ["dynamic_variables"]);
    assert_eq!(flat.get("customer_name"), "Jane Doe");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_answered_neutrally_in_the_providers_shape() {
    let stage = Stage::start().await;
    let long = format!(r#"{{"call_inbound":{{"from_number":"{}","to_number":"+15005550001"}}}}"#, "5".repeat(60_000));
    let bodies: [&[u8]; 12] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b"\xff\xfe",
        br#"{"call_inbound":null}"#,
        br#"{"call_inbound":{}}"#,
        br#"{"call_inbound":[1,2]}"#,
        br#"{"call_inbound":{"from_number":7,"to_number":{"a":1}}}"#,
        br#"{"call_inbound":{"from_number":1e999,"to_number":123456789012345678901234567890123456789012345678901234567890}}"#,
        br#"{"event":"call_inbound"}"#,
    ];
    for body in bodies {
        let answer = Question::new(body).ask(&stage.url).await;
        let body = String::from_utf8_lossy(body);
        assert_eq!(keys(&answer.body), ["call_inbound"], "{body}");
        assert_eq!((answer.get("customer_known"), answer.get("business_name")), ("no", ""), "{body}");
        assert!(answer.parts.is_empty(), "nobody was asked about {body}");
    }
    let odd = Question::new(long).ask(&stage.url).await;
    assert_eq!((odd.get("customer_phone"), odd.get("business_name")), ("", "Demo Dental"));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_with_401_and_404_only() {
    let stage = Stage::start().await;
    let good = || Question::ring(JANE, MAIN);
    let large = || Question::new(vec![b' '; 65 * 1024]);
    for question in [
        good().unsigned(),
        good().signed_by("key_of_nobody"),
        good().signed_by(OTHER_KEY),
        good().to("other", testkit::KEY),
        large(),
        large().unsigned(),
        // Stale and wrong is wrong first: nobody learns the window by guessing.
        good().signed_by("key_of_nobody").signed_at(Utc::now() - TimeDelta::hours(1)),
    ] {
        question.refused(&stage.url, 401, "bad_signature").await;
    }
    for minutes in [-6, 6] {
        let at = Utc::now() + TimeDelta::minutes(minutes);
        good().signed_at(at).refused(&stage.url, 401, "stale_signature").await;
    }
    for org in ["nobody", "NOT-AN-ID", "_"] {
        good().to(org, testkit::KEY).refused(&stage.url, 404, "unknown_org").await;
    }
    assert_eq!(stage.vendors.asked().await, Vec::<String>::new(), "no stranger makes us ask a vendor");
    let most = Question::new([br#"{"call_inbound":{}}"#, &vec![b' '; 64 * 1024 - 19][..]].concat());
    assert_eq!(most.ask(&stage.url).await.get("customer_known"), "no", "64 KiB are read");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_orgs_own_code_gets_the_same_variables_for_its_key() {
    let stage = Stage::start().await;
    let rung = stage.ring(JANE).await;
    let asked = stage.caller(&format!("demo/callers/{JANE}?to={MAIN}")).await;
    assert_eq!(keys(&asked.body), ["degraded", "id", "parts", "variables"]);
    for name in ["customer_name", "customer_facts", "available_slots", "existing_appointments", "system_prompt"] {
        assert_eq!(asked.get(name), rung.get(name), "{name}");
    }
    let alone = stage.caller("demo/callers/00%201%20500%20555%200006").await;
    assert_eq!((alone.get("customer_name"), alone.get("time_zone")), ("Jane Doe", "America/New_York"));

    let refused = async |path: &str, authorization: &str| {
        let response = stage.caller_with(path, authorization).await;
        let status = response.status().as_u16();
        let body: Value = response.json().await.expect("a refusal is JSON");
        (status, body["error"]["code"].as_str().map(str::to_owned))
    };
    let unauthorized = (401, Some("unauthorized".to_owned()));
    let retell = format!("Bearer {}", testkit::KEY);
    for wrong in ["Bearer nothing", "Bearer ", "", "Basic abc", &retell, API_KEY] {
        assert_eq!(refused(&format!("demo/callers/{JANE}"), wrong).await, unauthorized, "{wrong}");
    }
    let right = format!("Bearer {API_KEY}");
    assert_eq!(refused(&format!("other/callers/{JANE}"), &right).await, unauthorized, "it has no such source");
    assert_eq!(refused(&format!("nobody/callers/{JANE}"), &right).await, (404, Some("unknown_org".to_owned())));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_any_org_is_known_the_answer_is_neutral() {
    let bare = WorldOptions { bare: true, ..WorldOptions::default() };
    let mut world = testkit::World::with(bare).await;
    world.nats.kill().await.expect("it can be killed");
    let (answer, url) = world.answer_unready().await;
    let nested = Question::ring(JANE, MAIN).ask(&url).await;
    let flat = Question::flat(JANE, MAIN).unsigned().ask(&url).await;
    let own = reqwest::Client::new().get(format!("{url}/v1/demo/callers/{JANE}")).send().await.expect("a response");
    let own = Answer::read(own).await;
    for answer in [nested, flat, own] {
        assert_eq!((answer.get("customer_known"), answer.get("customer_phone")), ("no", ""));
        assert_eq!((answer.get("greeting"), answer.get("degraded")), ("", ""));
    }
    assert!(answer.objections().iter().any(|why| why.contains("no orgs loaded yet")), "{:?}", answer.objections());
    answer.stop().await;
    // It has no broker that could be asked.
    world.abandon();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_reaches_its_branch_where_the_number_says_nothing() {
    let stage = Stage::start().await;
    let body = json!({ "call_inbound": { "agent_id": "agent_demo", "from_number": STRANGER } });
    let answer = Question::new(body.to_string()).ask(&stage.url).await;
    assert_eq!((answer.get("business_name"), answer.get("customer_phone")), ("Demo Dental", STRANGER));
    stage.end().await;
}
