//! Zep: what is sent, and what is read of what comes back.

use chrono::{Duration, Utc};
use serde_json::json;
use vendors::{
    Limits, Message, Role, UserId, VendorError,
    zep::{Account, batches},
};

use crate::double::{Answer, Double, live, org, phone, vendors};

fn account(base_url: &str) -> Account {
    Account { org: org("a"), base_url: base_url.to_owned(), api_key: "z-secret".to_owned().into() }
}

fn user() -> UserId {
    UserId::of(&org("a"), &phone())
}

fn said(content: &str) -> Message {
    let at = "2026-11-20T15:02:11Z".parse().unwrap();
    Message { role: Role::User, content: content.to_owned(), name: Some("Ana".to_owned()), at: Some(at) }
}

#[tokio::test]
async fn a_search_gives_the_facts_that_still_hold() {
    let (past, future) = (Utc::now() - Duration::days(1), Utc::now() + Duration::days(1));
    let edges = json!({"edges": [
        {"uuid": "1", "name": "PREFERS", "fact": "prefers mornings", "invalid_at": null, "score": 0.9},
        {"fact": "lives in Austin", "invalid_at": past},
        {"fact": "is on holiday", "invalid_at": future, "expired_at": null},
        {"fact": "has a dog", "expired_at": past},
        {"fact": "has a cat", "invalid_at": "long ago"},
        {"name": "no fact"},
    ], "nodes": [], "episodes": []});
    let vendor = Double::saying(200, &edges.to_string()).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url);
    let memory = vendors.zep(&account).search(&user(), &"é".repeat(500), 500, live()).await.unwrap();
    assert_eq!(memory.facts, ["prefers mornings", "is on holiday"]);
    let asked = vendor.only();
    assert_eq!(asked.line, "POST /api/v2/graph/search");
    assert_eq!(asked.header("authorization"), "Api-Key z-secret");
    let body = json!({"user_id": "a:+14155550100", "query": "é".repeat(400), "scope": "edges", "limit": 50});
    assert_eq!(asked.body, body);
}

#[tokio::test]
async fn somebody_unknown_has_no_memory() {
    for (status, body) in [(404, r#"{"message":"not found"}"#), (200, "{}"), (200, r#"{"edges":null}"#)] {
        let vendor = Double::saying(status, body).await;
        let (vendors, _) = vendors(Limits::default());
        let account = account(&vendor.base_url);
        let memory = vendors.zep(&account).search(&user(), "x", 5, live()).await.unwrap();
        assert!(memory.facts.is_empty());
        vendors.zep(&account).warm(&user(), live()).await.unwrap();
        assert_eq!(vendor.asked()[1].line, "GET /api/v2/users/a:+14155550100/warm");
    }
}

#[tokio::test]
async fn a_person_is_made_known_once_also_when_another_is_faster() {
    let missing = || Answer::json(404, r#"{"message":"not found"}"#);
    let known = || Answer::json(400, r#"{"message":"user already exists"}"#);
    let answers = [
        missing(),
        Answer::json(201, "{}"),
        missing(),
        known(),
        Answer::json(200, "{}"),
        missing(),
        known(),
        missing(),
    ];
    let vendor = Double::start(answers, (200, "{}")).await;
    let (vendors, clock) = vendors(Limits::default());
    let account = account(&vendor.base_url);
    let zep = vendors.zep(&account);
    zep.ensure_user(&user(), Some("Ana"), live()).await.unwrap();
    zep.ensure_user(&user(), None, live()).await.unwrap();
    clock.advance(std::time::Duration::from_secs(60));
    let refused = zep.ensure_user(&user(), None, live()).await;
    assert!(matches!(refused, Err(VendorError::Refused(400, _))), "refused for another reason: {refused:?}");
    zep.ensure_thread("call 1", &user(), live()).await.unwrap();
    let asked = vendor.asked();
    let lines: Vec<&str> = asked.iter().map(|asked| asked.line.as_str()).collect();
    let (look, make) = ("GET /api/v2/users/a:+14155550100", "POST /api/v2/users");
    let thread = "GET /api/v2/threads/call%201/messages?limit=1";
    assert_eq!(lines, [look, make, look, make, look, look, make, look, thread]);
    assert_eq!(asked[1].body, json!({"user_id": "a:+14155550100", "first_name": "Ana"}));
    assert_eq!(asked[3].body, json!({"user_id": "a:+14155550100"}));
}

#[tokio::test]
async fn a_conversation_is_made_known_under_our_own_id() {
    let vendor = Double::start([Answer::json(404, "{}")], (200, "{}")).await;
    let (vendors, _) = vendors(Limits::default());
    vendors.zep(&account(&vendor.base_url)).ensure_thread("t1", &user(), live()).await.unwrap();
    let asked = vendor.asked();
    assert_eq!(asked[1].line, "POST /api/v2/threads");
    assert_eq!(asked[1].body, json!({"thread_id": "t1", "user_id": "a:+14155550100"}));
}

#[tokio::test]
async fn messages_are_added_in_portions_and_no_portion_twice() {
    let vendor = Double::start([Answer::json(200, r#"{"message_uuids":[]}"#)], (503, "")).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url);
    let zep = vendors.zep(&account);
    let messages: Vec<Message> = (0..31).map(|_| said("I need Tuesday")).collect();
    let batches = batches(&messages);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [30, 1]);
    zep.add("t1", &batches[0], live()).await.unwrap();
    let broken = zep.add("t1", &batches[1], live()).await.unwrap_err();
    assert!(broken.may_have_happened());
    assert_eq!(vendor.count(), 2);
    assert!(matches!(zep.add("t1", &messages, live()).await, Err(VendorError::Unsendable(_))));
    let asked = &vendor.asked()[1];
    assert_eq!(asked.line, "POST /api/v2/threads/t1/messages");
    let message =
        json!({"role": "user", "content": "I need Tuesday", "name": "Ana", "created_at": "2026-11-20T15:02:11Z"});
    assert_eq!(asked.body, json!({ "messages": [message] }));
}

#[tokio::test]
async fn a_conversation_is_read_back_and_one_that_can_t_be_read_is_not_taken_for_an_empty_one() {
    let cases = [
        (200, r#"{"messages":[{"processed":true},{"processed":true}],"total_count":31}"#, Some((31, true))),
        (200, r#"{"messages":[{"processed":true},{"content":"x"}]}"#, Some((2, false))),
        (200, r#"{"messages":null,"total_count":0}"#, Some((0, false))),
        (404, r#"{"message":"thread not found"}"#, Some((0, false))),
        (200, "{}", None),
    ];
    for (status, body, expected) in cases {
        let vendor = Double::saying(status, body).await;
        let (vendors, _) = vendors(Limits::default());
        let account = account(&vendor.base_url);
        let thread = vendors.zep(&account).thread("a:t 1", live()).await;
        assert_eq!(thread.ok().map(|thread| (thread.messages, thread.processed)), expected, "{body}");
        assert_eq!(vendor.asked()[0].line, "GET /api/v2/threads/a:t%201/messages?lastn=100");
    }
}
