//! mem0: what is sent, and what is read of what comes back.

use serde_json::{Map, json};
use vendors::{
    Limits, Message, Role, UserId, VendorError,
    mem0::{Account, Progress},
};

use crate::double::{Answer, Double, live, org, phone, vendors};

fn account(base_url: &str) -> Account {
    Account { org: org("a"), base_url: base_url.to_owned(), api_key: "m-secret".to_owned().into() }
}

fn user() -> UserId {
    UserId::of(&org("a"), &phone())
}

#[tokio::test]
async fn a_search_names_the_person_within_its_filters() {
    let results = json!({"results": [
        {"id": "1", "memory": "prefers mornings", "user_id": "a:+14155550100", "score": 0.8, "metadata": {}},
        {"id": "2", "memory": null},
    ]});
    let vendor = Double::saying(200, &results.to_string()).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url);
    let memory = vendors.mem0(&account).search(&user(), "preferences", 5, live()).await.unwrap();
    assert_eq!(memory.facts, ["prefers mornings"]);
    let asked = vendor.only();
    assert_eq!(asked.line, "POST /v3/memories/search/");
    assert_eq!(asked.header("authorization"), "Token m-secret");
    assert_eq!(asked.body, json!({"query": "preferences", "filters": {"user_id": "a:+14155550100"}, "top_k": 5}));
}

#[tokio::test]
async fn a_list_comes_page_by_page() {
    let page =
        |next| json!({"count": 2, "next": next, "previous": null, "results": [{"id": "1", "memory": "x"}]}).to_string();
    let answers = [Answer::json(200, &page(Some("https://h/v3/memories/?page=2")))];
    let vendor = Double::start(answers, (200, &page(None))).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url);
    let mem0 = vendors.mem0(&account);
    let first = mem0.list(&user(), 1, live()).await.unwrap();
    assert_eq!((first.memory.facts.len(), first.more), (1, true));
    assert!(!mem0.list(&user(), 2, live()).await.unwrap().more);
    let asked = &vendor.asked()[1];
    assert_eq!(asked.line, "POST /v3/memories/?page=2&page_size=200");
    assert_eq!(asked.body, json!({"filters": {"user_id": "a:+14155550100"}}));
}

#[tokio::test]
async fn adding_gives_the_event_in_either_shape_and_is_not_repeated() {
    let answers = [
        Answer::json(200, r#"{"event_id":"e1","status":"PENDING"}"#),
        Answer::json(200, r#"[{"message":"x","status":"PENDING","event_id":"e2"}]"#),
        Answer::json(200, "[]"),
    ];
    let vendor = Double::start(answers, (500, "")).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url);
    let mem0 = vendors.mem0(&account);
    let at = "2026-11-20T15:02:11Z".parse().unwrap();
    let said = Message { role: Role::User, content: "Prefers mornings".to_owned(), name: None, at: Some(at) };
    let heard = Message { role: Role::Assistant, content: "Noted".to_owned(), name: None, at: None };
    let metadata = Map::from_iter([("call_id".to_owned(), json!("c_01"))]);
    let messages = [said, heard];
    let user = user();
    let add = || mem0.add(&user, &messages, &metadata, live());
    assert_eq!(add().await.unwrap(), "e1");
    assert_eq!(add().await.unwrap(), "e2");
    assert!(matches!(add().await, Err(VendorError::Unreadable(_))));
    assert!(matches!(add().await, Err(VendorError::Broken(500, _))));
    assert_eq!(vendor.count(), 4);
    let asked = &vendor.asked()[0];
    assert_eq!(asked.line, "POST /v3/memories/add/");
    let body = json!({
        "user_id": "a:+14155550100", "metadata": {"call_id": "c_01"}, "timestamp": 1_795_186_931,
        "messages": [{"role": "user", "content": "Prefers mornings"}, {"role": "assistant", "content": "Noted"}],
    });
    assert_eq!(asked.body, body);
}

#[tokio::test]
async fn what_it_says_when_it_refuses_is_told() {
    let vendor = Double::saying(400, r#"{"error":"400 Bad Request","details":{"message":"no such filter"}}"#).await;
    let (vendors, _) = vendors(Limits::default());
    let refused = vendors.mem0(&account(&vendor.base_url)).search(&user(), "x", 5, live()).await;
    assert_eq!(refused, Err(VendorError::Refused(400, "no such filter".to_owned())));
}

#[tokio::test]
async fn what_was_told_is_asked_for_by_its_metadata_and_by_its_work() {
    for (results, expected) in [(json!([{"memory": "x"}]), true), (json!([]), false)] {
        let vendor = Double::saying(200, &json!({"results": results, "next": null}).to_string()).await;
        let (vendors, _) = vendors(Limits::default());
        let account = account(&vendor.base_url);
        let holds = vendors.mem0(&account).holds(&user(), ("call", "retell:c_01"), live()).await;
        assert_eq!(holds, Ok(expected));
        let asked = vendor.only();
        assert_eq!(asked.line, "POST /v3/memories/?page=1&page_size=1");
        let filters = json!({"AND": [{"user_id": user()}, {"metadata": {"call": "retell:c_01"}}]});
        assert_eq!(asked.body, json!({ "filters": filters }));
    }
    let cases = [("PENDING", Progress::Pending), ("SUCCEEDED", Progress::Done), ("FAILED", Progress::Failed)];
    for (status, expected) in cases {
        let vendor = Double::saying(200, &json!({"id": "e", "status": status}).to_string()).await;
        let (vendors, _) = vendors(Limits::default());
        let account = account(&vendor.base_url);
        assert_eq!(vendors.mem0(&account).progress("e", live()).await, Ok(expected));
        assert_eq!(vendor.only().line, "GET /v1/event/e/");
    }
}
