//! HubSpot: what is sent, and what is read of what comes back.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vendors::{
    Limits, VendorError,
    hubspot::{Account, NOTE_CHARACTERS_MAX, Push},
};

use crate::double::{Answer, Double, live, org, phone, vendors};

const OBJECTS: &str = "/crm/objects/2026-09";
const PROPERTIES: &str = "firstname,lastname,email,phone,mobilephone";
const NONE: (u16, &str) = (404, r#"{"status":"error","message":"resource not found"}"#);

/// With a unique property and tags, or without both.
fn account(base_url: &str, named: bool) -> Account {
    let name = |name: &str| named.then(|| name.to_owned());
    let (phone_property, tags_property) = (name("voice_phone_e164"), name("voice_tags"));
    let token = "pat-secret".to_owned().into();
    Account { org: org("a"), base_url: base_url.to_owned(), token, phone_property, tags_property }
}

fn push() -> Push {
    Push {
        phone: Some(phone()),
        email: Some(" Ana@Example.com".to_owned()),
        tags: vec!["vip".to_owned(), "roof".to_owned()],
        properties: BTreeMap::from([("last_call_summary".to_owned(), "A leak.".to_owned())]),
        ..Push::default()
    }
    .with_name("Ana Maria Ruiz")
}

fn written(named: bool) -> Value {
    let mut written = json!({
        "phone": "+14155550100", "email": "ana@example.com", "firstname": "Ana", "lastname": "Maria Ruiz",
        "last_call_summary": "A leak.",
    });
    if named {
        written["voice_phone_e164"] = json!("+14155550100");
        written["voice_tags"] = json!(";vip;roof");
    }
    written
}

fn lines(vendor: &Double) -> Vec<String> {
    vendor.asked().into_iter().map(|asked| asked.line).collect()
}

#[tokio::test]
async fn a_number_is_looked_up_by_the_unique_property_and_then_searched_for() {
    let contact = json!({"id": "512", "properties": {
        "firstname": "Ana", "lastname": "", "email": null, "phone": null, "mobilephone": "(415) 555-0100", "age": 7,
    }});
    let found = json!({"total": 1, "results": [contact]});
    let vendor = Double::start([Answer::json(NONE.0, NONE.1)], (200, &found.to_string())).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, true);
    let contact = vendors.hubspot(&account).lookup(&phone(), live()).await.unwrap().unwrap();
    assert_eq!((contact.id.as_str(), contact.name().as_deref()), ("512", Some("Ana")));
    assert_eq!((contact.email(), contact.phone(), contact.property("age")), (None, Some("(415) 555-0100"), None));
    let asked = vendor.asked();
    let query = format!("idProperty=voice_phone_e164&properties={PROPERTIES},voice_phone_e164,voice_tags");
    let query = query.replace(',', "%2C");
    assert_eq!(asked[0].line, format!("GET {OBJECTS}/contacts/+14155550100?{query}"));
    assert_eq!(asked[1].line, format!("POST {OBJECTS}/contacts/search"));
    let group = |name| json!({"filters": [{"propertyName": name, "operator": "EQ", "value": "+14155550100"}]});
    assert_eq!(asked[1].body["filterGroups"], json!([group("phone"), group("mobilephone")]));
    assert_eq!(asked[1].body["limit"], 1);
    assert_eq!(asked[1].header("authorization"), "Bearer pat-secret");
}

#[tokio::test]
async fn without_a_unique_property_a_contact_is_searched_for_and_made() {
    let none = Answer::json(200, r#"{"total":0,"results":[]}"#);
    let made = r#"{"id":"513","properties":{"phone":"+14155550100"}}"#;
    let vendor = Double::start([none, Answer::json(NONE.0, NONE.1)], (201, made)).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, false);
    let pushed = vendors.hubspot(&account).upsert(&push(), live()).await.unwrap();
    assert!(pushed.new);
    assert_eq!((pushed.contact.id.as_str(), pushed.contact.phone()), ("513", Some("+14155550100")));
    let lines = lines(&vendor);
    assert_eq!(lines[0], format!("POST {OBJECTS}/contacts/search"));
    assert!(lines[1].starts_with(&format!("GET {OBJECTS}/contacts/ana@example.com?idProperty=email&")), "{lines:?}");
    assert_eq!(lines[2], format!("POST {OBJECTS}/contacts"));
    assert_eq!(vendor.asked()[2].body, json!({"properties": written(false)}));
}

#[tokio::test]
async fn with_a_unique_property_nobody_is_made_twice() {
    let vendor = Double::start(
        [
            Answer::json(NONE.0, NONE.1),
            Answer::json(200, r#"{"total":0,"results":[]}"#),
            Answer::json(NONE.0, NONE.1),
            Answer::json(500, "{}"),
        ],
        (200, r#"{"status":"COMPLETE","results":[{"id":"514","new":true,"properties":{}}]}"#),
    )
    .await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, true);
    let pushed = vendors.hubspot(&account).upsert(&push(), live()).await.unwrap();
    assert!(pushed.new);
    let asked = vendor.asked();
    assert_eq!(asked.len(), 5, "what failed is repeated");
    assert_eq!(asked[4].line, format!("POST {OBJECTS}/contacts/batch/upsert"));
    let input = json!({"id": "+14155550100", "idProperty": "voice_phone_e164", "properties": written(true)});
    assert_eq!(asked[4].body, json!({"inputs": [input]}));
}

#[tokio::test]
async fn an_error_inside_a_batch_is_a_refusal() {
    let refused = json!({"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [
        {"status": "error", "category": "VALIDATION_ERROR", "message": "vip was not one of the options of +14155550100"},
    ]});
    let none = || Answer::json(NONE.0, NONE.1);
    let search = Answer::json(200, r#"{"results":[]}"#);
    let vendor = Double::start([none(), search, none()], (207, &refused.to_string())).await;
    let (vendors, _) = vendors(Limits::default());
    let refused = vendors.hubspot(&account(&vendor.base_url, true)).upsert(&push(), live()).await;
    let Err(VendorError::Refused(207, said)) = refused else { panic!("{refused:?}") };
    assert_eq!(said, "vip was not one of the options of …");
}

#[tokio::test]
async fn a_contact_that_is_there_is_changed_and_another_s_address_left_alone() {
    let known = Answer::json(200, r#"{"id":"515","properties":{"firstname":"Ana"}}"#);
    let conflict = Answer::json(409, r#"{"status":"error","message":"Contact already exists. Existing ID: 7"}"#);
    let changed = (200, r#"{"id":"515","properties":{"firstname":"Ana"}}"#);
    let vendor = Double::start([known, conflict], changed).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, true);
    let pushed = vendors.hubspot(&account).upsert(&push(), live()).await.unwrap();
    assert!(!pushed.new);
    let asked = vendor.asked();
    assert_eq!((asked.len(), asked[2].line.as_str()), (3, &*format!("PATCH {OBJECTS}/contacts/515")));
    assert_eq!(asked[1].body, json!({"properties": written(true)}));
    let mut without = written(true);
    without.as_object_mut().unwrap().remove("email");
    assert_eq!(asked[2].body, json!({"properties": without}));
    let nobody = Push { phone: None, ..push() };
    let refused = vendors.hubspot(&account).upsert(&nobody, live()).await;
    assert!(matches!(refused, Err(VendorError::Unsendable(_))), "{refused:?}");
}

#[tokio::test]
async fn notes_are_listed_by_association_and_added_with_one() {
    let contact = json!({"id": "512", "associations": {"notes": {"results": [
        {"id": "9", "type": "contact_to_note"}, {"id": "10", "type": "contact_to_note"}, {"id": "9", "type": "other"},
    ]}}});
    let notes = json!({"status": "COMPLETE", "results": [
        {"id": "10", "properties": {"hs_note_body": "call c2"}}, {"id": "9", "properties": {}}, {"properties": {}},
    ]});
    let vendor = Double::start(
        [Answer::json(200, &contact.to_string()), Answer::json(200, &notes.to_string())],
        (201, r#"{"id":"11","properties":{"hs_note_body":"call c3"}}"#),
    )
    .await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, true);
    let hubspot = vendors.hubspot(&account);
    let notes = hubspot.notes("512", live()).await.unwrap();
    assert_eq!(notes.iter().map(|note| (&*note.id, note.body())).collect::<Vec<_>>(), [("10", "call c2"), ("9", "")]);
    let at = "2026-11-20T10:00:00Z".parse().unwrap();
    assert_eq!(hubspot.add_note("512", "call c3", at, live()).await.unwrap().body(), "call c3");
    let long = "x".repeat(NOTE_CHARACTERS_MAX + 1);
    assert!(matches!(hubspot.add_note("512", &long, at, live()).await, Err(VendorError::Unsendable(_))));
    let asked = vendor.asked();
    assert_eq!(asked[0].line, format!("GET {OBJECTS}/contacts/512?associations=notes"));
    assert_eq!(asked[1].body, json!({"inputs": [{"id": "10"}, {"id": "9"}], "properties": ["hs_note_body"]}));
    let kind = json!({"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202});
    let note = json!({
        "properties": {"hs_timestamp": "2026-11-20T10:00:00.000Z", "hs_note_body": "call c3"},
        "associations": [{"to": {"id": "512"}, "types": [kind]}],
    });
    assert_eq!((asked[2].line.as_str(), &asked[2].body), (&*format!("POST {OBJECTS}/notes"), &note));
}

#[tokio::test]
async fn no_notes_are_none_and_a_list_that_goes_on_is_searched() {
    let paged = json!({"id": "512", "associations": {"notes": {"results": [], "paging": {"next": {"after": "1"}}}}});
    let found = json!({"total": 1, "results": [{"id": "12", "properties": {"hs_note_body": "call c4"}}]});
    let none = Answer::json(200, r#"{"id":"512","properties":{}}"#);
    let answers = [none, Answer::json(200, &paged.to_string())];
    let vendor = Double::start(answers, (200, &found.to_string())).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, true);
    let hubspot = vendors.hubspot(&account);
    assert_eq!(hubspot.notes("512", live()).await.unwrap(), []);
    assert_eq!(hubspot.notes("512", live()).await.unwrap()[0].body(), "call c4");
    assert_eq!(lines(&vendor)[2], format!("POST {OBJECTS}/notes/search"));
}

#[tokio::test]
async fn a_day_s_limit_leaves_the_account_alone_for_long() {
    let limit = json!({"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY", "message": "daily limit"});
    let vendor = Double::saying(429, &limit.to_string()).await;
    let (vendors, _) = vendors(Limits::default());
    let limited = vendors.hubspot(&account(&vendor.base_url, true)).lookup(&phone(), live()).await;
    let Err(VendorError::RateLimited(wait)) = limited else { panic!("{limited:?}") };
    assert_eq!(wait.as_secs(), 600);
}
