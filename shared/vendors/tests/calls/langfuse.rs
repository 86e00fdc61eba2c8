//! Langfuse: what is sent, and what is read of what comes back.

use serde_json::json;
use vendors::{Limits, VendorError, langfuse::Account};

use crate::double::{Double, live, org, vendors};

fn account(base_url: &str) -> Account {
    Account {
        org: org("a"),
        base_url: base_url.to_owned(),
        public_key: "pk-lf-1".to_owned(),
        secret_key: "sk-lf-secret".to_owned().into(),
    }
}

#[tokio::test]
async fn a_text_prompt_is_found_by_one_segment_and_its_label() {
    let prompt = json!({
        "type": "text", "name": "team/intake", "version": 7, "prompt": "Score for {{criteria}}",
        "config": {"model": "m"}, "labels": ["production", "latest"], "tags": [], "commitMessage": null, "resolutionGraph": null,
    });
    let vendor = Double::saying(200, &prompt.to_string()).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url);
    let prompt = vendors.langfuse(&account).prompt("team/intake", "production", live()).await.unwrap().unwrap();
    assert_eq!((&*prompt.text, prompt.version), ("Score for {{criteria}}", 7));
    assert_eq!(prompt.config, json!({"model": "m"}));
    assert_eq!(prompt.labels, ["production", "latest"]);
    let asked = vendor.only();
    assert_eq!(asked.line, "GET /api/public/v2/prompts/team%2Fintake?label=production");
    assert_eq!(asked.header("authorization"), "Basic cGstbGYtMTpzay1sZi1zZWNyZXQ=");
}

#[tokio::test]
async fn of_a_chat_prompt_the_system_messages_are_the_text() {
    let prompt = json!({"type": "chat", "name": "x", "version": 1, "config": {}, "labels": [], "prompt": [
        {"role": "system", "content": "Be brief.", "type": "chatmessage"},
        {"type": "placeholder", "name": "history"},
        {"role": "user", "content": "Hello"},
        {"role": "system", "content": "Be kind."},
    ]});
    let vendor = Double::saying(200, &prompt.to_string()).await;
    let (vendors, _) = vendors(Limits::default());
    let prompt = vendors.langfuse(&account(&vendor.base_url)).prompt("x", "latest", live()).await.unwrap().unwrap();
    assert_eq!(prompt.text, "Be brief.\n\nBe kind.");
}

#[tokio::test]
async fn no_such_prompt_is_none_and_one_without_instructions_is_unreadable() {
    let (vendors, _) = vendors(Limits::default());
    let vendor = Double::saying(404, r#"{"message":"Prompt not found","error":"LangfuseNotFoundError"}"#).await;
    assert_eq!(vendors.langfuse(&account(&vendor.base_url)).prompt("x", "y", live()).await, Ok(None));
    for prompt in
        [json!({"type": "chat", "prompt": [{"role": "user", "content": "x"}]}), json!({"type": "audio", "prompt": "x"})]
    {
        let mut prompt = prompt;
        prompt["name"] = "x".into();
        prompt["version"] = 1.into();
        let vendor = Double::saying(200, &prompt.to_string()).await;
        let read = vendors.langfuse(&account(&vendor.base_url)).prompt("x", "y", live()).await;
        assert!(matches!(read, Err(VendorError::Unreadable(_))), "{read:?}");
    }
}

#[tokio::test]
async fn a_refusal_tells_neither_key_nor_credentials() {
    let said = r#"{"message":"sk-lf-secret, Basic cGstbGYtMTpzay1sZi1zZWNyZXQ= are wrong"}"#;
    let vendor = Double::saying(401, said).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url);
    let refused = vendors.langfuse(&account).prompt("x", "y", live()).await;
    assert_eq!(refused, Err(VendorError::Refused(401, "…, Basic … are wrong".to_owned())));
    assert!(!format!("{account:?}").contains("sk-lf-secret"));
}
