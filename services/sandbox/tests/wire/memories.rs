//! Zep and mem0: what is told, and when it is remembered.

use reqwest::Method;
use serde_json::{Value, json};

use crate::help::{Sandbox, send, until};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn told(text: &str) -> Value {
    json!({ "messages": [{ "role": "user", "name": "Ana", "content": text }, { "role": "assistant", "content": "Noted" }] })
}

#[tokio::test]
async fn zep_makes_facts_of_a_user_s_messages_twice_if_told_twice() {
    let sandbox = Sandbox::start().await;
    sandbox.post("/zep/api/v2/threads", json!({ "thread_id": "t1", "user_id": "u1" })).await.is(404);
    sandbox.post("/zep/api/v2/users", json!({ "user_id": "u1", "first_name": "Ana" })).await.is(201);
    sandbox.post("/zep/api/v2/users", json!({ "user_id": "u1" })).await.is(400);
    sandbox.post("/zep/api/v2/threads", json!({ "thread_id": "t1", "user_id": "u1" })).await.is(201);
    let context = "/zep/api/v2/threads/t1/context";
    assert_eq!(sandbox.get(context).await.is(200)["context"], Value::Null);
    let messages = "/zep/api/v2/threads/t1/messages";
    let added = sandbox.post(messages, told("I need Tuesday")).await.is(200);
    assert_eq!((added["message_uuids"].as_array().unwrap().len(), added.get("context")), (2, None));
    let mut again = told("I need Tuesday");
    again["return_context"] = json!(true);
    assert!(sandbox.post(messages, again).await.is(200)["context"].as_str().unwrap().contains("I need Tuesday"));
    assert!(sandbox.get(context).await.is(200)["context"].as_str().unwrap().contains("<FACTS>"));
    let found = sandbox.post("/zep/api/v2/graph/search", json!({ "user_id": "u1", "query": "tuesday" })).await.is(200);
    let facts: Vec<_> = found["edges"].as_array().unwrap().iter().map(|edge| &edge["fact"]).collect();
    assert_eq!(facts, ["I need Tuesday", "I need Tuesday"]);
    let kept = sandbox.get(&format!("{messages}?lastn=1")).await.is(200);
    assert_eq!((&kept["row_count"], &kept["total_count"]), (&json!(1), &json!(4)));
}

#[tokio::test]
async fn zep_warms_updates_and_forgets_users_and_takes_data() {
    let sandbox = Sandbox::start().await;
    let user = "/zep/api/v2/users/demo:+15005550006";
    assert_eq!(sandbox.get(user).await.is(200)["first_name"], "Jane");
    assert!(sandbox.get(&format!("{user}/warm")).await.is(200)["message"].is_string());
    let updated = sandbox.request(Method::PATCH, user).json(&json!({ "email": "j@x.example" }));
    assert_eq!(send(updated).await.is(200)["email"], "j@x.example");
    let data = json!({ "user_id": "demo:+15005550006", "type": "text", "data": "Jane Doe has a dog named Rex." });
    sandbox.post("/zep/api/v2/graph", data).await.is(202);
    let search = json!({ "user_id": "demo:+15005550006", "query": "dog", "limit": 1 });
    let found = sandbox.post("/zep/api/v2/graph/search", search).await.is(200);
    assert_eq!(found["edges"][0]["fact"], "Jane Doe has a dog named Rex.");
    sandbox.delete(user, json!({})).await.is(200);
    assert_eq!(sandbox.get(user).await.is(404), json!({ "message": "user not found" }));
    sandbox.get("/zep/api/v2/threads/seed-demo:+15005550006/context").await.is(404);
}

#[tokio::test]
async fn zep_refuses_other_schemes_and_too_much_and_tells_its_limits() {
    let sandbox = Sandbox::start().await;
    let bare = || sandbox.bare(Method::GET, "/zep/api/v2/users/demo:+15005550006");
    send(bare().bearer_auth("z_test")).await.is(401);
    let answer = send(bare().header("Authorization", "Api-Key z_test")).await;
    assert_eq!(answer.status, 200);
    for header in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-increment"] {
        answer.header(header).parse::<u64>().unwrap();
    }
    let messages = "/zep/api/v2/threads/seed-demo:+15005550006/messages";
    let many = |count: usize| json!({ "messages": vec![json!({ "role": "user", "content": "x" }); count] });
    sandbox.post(messages, many(30)).await.is(200);
    sandbox.post(messages, many(31)).await.is(400);
    sandbox.post(messages, told(&"x".repeat(14_001))).await.is(400);
    sandbox.post(messages, json!({ "messages": [{ "role": "robot", "content": "x" }] })).await.is(400);
    sandbox.post("/zep/api/v2/graph/search", json!({ "user_id": "u", "query": "x", "limit": 51 })).await.is(400);
}

#[tokio::test]
async fn mem0_adds_in_the_background_and_takes_ids_only_where_they_belong() {
    let sandbox = Sandbox::start().await;
    let mut add = told("Prefers mornings");
    sandbox.post("/mem0/v3/memories/add/", add.clone()).await.is(400);
    add["user_id"] = json!("u1");
    add["run_id"] = json!("call_1");
    let added = sandbox.post("/mem0/v3/memories/add/", add.clone()).await.is(200);
    assert_eq!(added["status"], "PENDING");
    let event = format!("/mem0/v1/event/{}/", added["event_id"].as_str().unwrap());
    assert_eq!(sandbox.get(&event).await.is(200)["status"], "SUCCEEDED");
    sandbox.post("/mem0/v3/memories/add/", add).await.is(200);
    let search = "/mem0/v3/memories/search/";
    let refused = sandbox.post(search, json!({ "query": "mornings", "user_id": "u1" })).await.is(400);
    assert_eq!(refused["error"], "400 Bad Request");
    sandbox.post(search, json!({ "query": "mornings", "filters": {} })).await.is(400);
    let filters = json!({ "AND": [{ "user_id": "u1" }, { "run_id": { "in": ["call_1"] } }] });
    let found = sandbox.post(search, json!({ "query": "mornings", "filters": filters })).await.is(200);
    assert_eq!(found["results"].as_array().unwrap().len(), 2, "added twice is remembered twice");
    assert_eq!(found["results"][0]["memory"], "Prefers mornings");
    assert!(found["results"][0]["score"].as_f64().unwrap() > 0.3);
    let strict = json!({ "query": "evenings", "filters": { "user_id": "u1" }, "threshold": 0.9 });
    assert_eq!(sandbox.post(search, strict).await.is(200)["results"], json!([]));
}

#[tokio::test]
async fn mem0_lists_in_pages_and_reads_updates_and_deletes_one() {
    let sandbox = Sandbox::start().await;
    let filters = json!({ "filters": { "user_id": "demo:+15005550006" } });
    let page = sandbox.post("/mem0/v3/memories/?page=1&page_size=1", filters.clone()).await.is(200);
    assert_eq!((&page["count"], page["next"].is_string(), &page["previous"]), (&json!(2), true, &Value::Null));
    let one = format!("/mem0/v1/memories/{}/", page["results"][0]["id"].as_str().unwrap());
    assert_eq!(sandbox.get(&one).await.is(200)["memory"], page["results"][0]["memory"]);
    sandbox.put(&one, json!({ "text": "Prefers evenings" })).await.is(200);
    assert_eq!(sandbox.get(&one).await.is(200)["memory"], "Prefers evenings");
    sandbox.delete(&one, json!({})).await.is(200);
    sandbox.get(&one).await.is(404);
    assert_eq!(sandbox.post("/mem0/v3/memories/", filters).await.is(200)["count"], 1);
    sandbox.get("/mem0/v1/ping/").await.is(200);
}

#[tokio::test]
async fn mem0_refuses_other_schemes_and_paths_without_their_slash() {
    let sandbox = Sandbox::start().await;
    send(sandbox.bare(Method::GET, "/mem0/v1/ping/").bearer_auth("m0")).await.is(401);
    assert!(sandbox.get("/mem0/v1/ping").await.is(404)["detail"].is_string());
    assert_eq!(sandbox.count("mem0", "unknown", json!(404)).await, 1);
}

#[tokio::test]
async fn memories_of_both_vendors_come_after_the_lag() {
    let sandbox = Sandbox::start().await;
    sandbox.post("/zep/api/v2/users", json!({ "user_id": "u1" })).await.is(201);
    sandbox.post("/zep/api/v2/threads", json!({ "thread_id": "t1", "user_id": "u1" })).await.is(201);
    let mut add = told("Likes tea");
    add["user_id"] = json!("u1");
    let zep = async || {
        let found = sandbox.post("/zep/api/v2/graph/search", json!({ "user_id": "u1", "query": "tea" })).await.is(200);
        found["edges"].as_array().unwrap().len()
    };
    let mem0 = async || {
        let search = json!({ "query": "tea", "filters": { "user_id": "u1" } });
        let found = sandbox.post("/mem0/v3/memories/search/", search).await.is(200);
        found["results"].as_array().unwrap().len()
    };
    sandbox.settings(json!({ "memory_lag_ms": DAY_MS })).await;
    sandbox.post("/zep/api/v2/threads/t1/messages", told("Likes tea")).await.is(200);
    let added = sandbox.post("/mem0/v3/memories/add/", add.clone()).await.is(200);
    assert_eq!((zep().await, mem0().await), (0, 0));
    let processed = async || {
        let kept = sandbox.get("/zep/api/v2/threads/t1/messages").await.is(200);
        kept["messages"].as_array().unwrap().iter().filter(|message| message["processed"] == true).count()
    };
    assert_eq!(processed().await, 0);
    let event = format!("/mem0/v1/event/{}/", added["event_id"].as_str().unwrap());
    assert_eq!(sandbox.get(&event).await.is(200)["status"], "PENDING");
    sandbox.settings(json!({ "memory_lag_ms": 50 })).await;
    sandbox.post("/zep/api/v2/threads/t1/messages", told("Likes tea")).await.is(200);
    sandbox.post("/mem0/v3/memories/add/", add).await.is(200);
    until("remembered", async || zep().await == 1 && mem0().await == 1).await;
    assert_eq!(processed().await, 2);
}
