//! Langfuse's prompts.

use reqwest::Method;
use serde_json::json;

use crate::help::{Sandbox, send};

const PROMPTS: &str = "/langfuse/api/public/v2/prompts";

#[tokio::test]
async fn a_prompt_is_found_by_label_by_version_and_by_default_in_production() {
    let sandbox = Sandbox::start().await;
    let known = sandbox.get(&format!("{PROMPTS}/receptionist-known")).await.is(200);
    assert_eq!((&known["type"], &known["version"]), (&json!("text"), &json!(1)));
    assert_eq!(known["labels"], json!(["production", "latest"]));
    assert!(known["prompt"].as_str().unwrap().contains("{{customer_name}}"));
    sandbox.get(&format!("{PROMPTS}/receptionist-new?label=production")).await.is(200);
    let chat = sandbox.get(&format!("{PROMPTS}/receptionist-chat?version=1")).await.is(200);
    assert_eq!((&chat["type"], &chat["prompt"][1]["type"]), (&json!("chat"), &json!("placeholder")));
    for path in ["receptionist-known?label=staging", "receptionist-known?version=2", "no-such-prompt"] {
        let missing = sandbox.get(&format!("{PROMPTS}/{path}")).await.is(404);
        assert_eq!(missing["error"], "LangfuseNotFoundError", "{path}");
    }
    sandbox.get(&format!("{PROMPTS}/receptionist-known?label=production&version=1")).await.is(400);
    sandbox.get(&format!("{PROMPTS}/receptionist-known?version=one")).await.is(400);
}

#[tokio::test]
async fn a_new_version_takes_its_labels_over_and_a_folder_is_one_segment() {
    let sandbox = Sandbox::start().await;
    let body = json!({ "name": "receptionist-known", "prompt": "v2", "labels": ["production"] });
    assert_eq!(sandbox.post(PROMPTS, body).await.is(201)["version"], 2);
    let now = sandbox.get(&format!("{PROMPTS}/receptionist-known")).await.is(200);
    assert_eq!((&now["version"], &now["prompt"]), (&json!(2), &json!("v2")));
    let before = sandbox.get(&format!("{PROMPTS}/receptionist-known?version=1")).await.is(200);
    assert_eq!(before["labels"], json!([]));
    let body = json!({ "name": "team/intake", "type": "chat", "prompt": [{ "role": "system", "content": "Hi" }] });
    sandbox.post(PROMPTS, body).await.is(201);
    sandbox.get(&format!("{PROMPTS}/team%2Fintake?label=latest")).await.is(200);
    sandbox.get(&format!("{PROMPTS}/team/intake?label=latest")).await.is(404);
    sandbox.post(PROMPTS, json!({ "name": "x", "type": "chat", "prompt": "no list" })).await.is(400);
    let listed = sandbox.get(&format!("{PROMPTS}?name=receptionist-known")).await.is(200);
    assert_eq!((&listed["data"][0]["versions"], &listed["meta"]["totalItems"]), (&json!([1, 2]), &json!(1)));
}

#[tokio::test]
async fn both_keys_are_needed_but_for_the_health() {
    let sandbox = Sandbox::start().await;
    let path = format!("{PROMPTS}/receptionist-known");
    let bare = || sandbox.bare(Method::GET, &path);
    send(bare()).await.is(401);
    send(bare().bearer_auth("sk-lf")).await.is(401);
    send(bare().basic_auth("pk-lf", Some(""))).await.is(401);
    send(bare().basic_auth("pk-lf", Some("sk-lf"))).await.is(200);
    let health = send(sandbox.bare(Method::GET, "/langfuse/api/public/health")).await.is(200);
    assert_eq!(health["status"], "OK");
    assert_eq!(sandbox.journal("vendor=langfuse&account=pk-lf").await.len(), 1);
}
