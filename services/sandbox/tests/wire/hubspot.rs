//! HubSpot's contacts, notes, properties and limits.

use reqwest::Method;
use serde_json::{Value, json};

use crate::help::{Answer, Sandbox, send, until};

const CONTACTS: &str = "/hubspot/crm/objects/2026-09/contacts";
const NOTES: &str = "/hubspot/crm/objects/2026-09/notes";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

async fn patch(sandbox: &Sandbox, id: &str, properties: Value) -> Answer {
    let path = format!("{CONTACTS}/{id}");
    send(sandbox.request(Method::PATCH, &path).json(&json!({ "properties": properties }))).await
}

fn by(name: &str, value: &str) -> Value {
    let filters = json!([{ "propertyName": name, "operator": "EQ", "value": value }]);
    json!({ "filterGroups": [{ "filters": filters }], "properties": ["phone", "voice_tags"], "limit": 1 })
}

async fn search(sandbox: &Sandbox, name: &str, value: &str) -> Value {
    sandbox.post(&format!("{CONTACTS}/search"), by(name, value)).await.is(200)
}

async fn new_contact(sandbox: &Sandbox, properties: Value) -> String {
    let made = sandbox.post(CONTACTS, json!({ "properties": properties })).await.is(201);
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_seeded_caller_is_found_by_search_and_only_what_is_asked_for_is_shown() {
    let sandbox = Sandbox::start().await;
    let found = search(&sandbox, "phone", "+15005550006").await;
    assert_eq!((&found["total"], &found["results"][0]["properties"]["firstname"]), (&json!(1), &json!("Jane")));
    let id = found["results"][0]["id"].as_str().unwrap();
    let usual = sandbox.get(&format!("{CONTACTS}/{id}")).await.is(200);
    assert_eq!((&usual["properties"]["lastname"], usual["properties"].get("phone")), (&json!("Doe"), None));
    assert_eq!(search(&sandbox, "phone", "+19995550000").await["results"], json!([]));
    let unknown = json!({ "filterGroups": [{ "filters": [{ "propertyName": "phone", "operator": "LIKE" }] }] });
    sandbox.post(&format!("{CONTACTS}/search"), unknown).await.is(400);
}

#[tokio::test]
async fn an_upsert_by_a_unique_property_makes_one_contact() {
    let sandbox = Sandbox::start().await;
    let upsert = async |properties: Value| {
        let input = json!({ "id": "+14155550100", "idProperty": "voice_phone_e164", "properties": properties });
        sandbox.post(&format!("{CONTACTS}/batch/upsert"), json!({ "inputs": [input] })).await.is(200)
    };
    let first = upsert(json!({ "email": "Ana@X.example", "voice_tags": ";vip" })).await;
    assert_eq!((&first["status"], &first["results"][0]["new"]), (&json!("COMPLETE"), &json!(true)));
    let second = upsert(json!({ "voice_tags": ";roof;vip" })).await["results"][0].clone();
    assert_eq!((&second["new"], &second["id"]), (&json!(false), &first["results"][0]["id"]));
    let properties = &second["properties"];
    assert_eq!((&properties["email"], &properties["voice_tags"]), (&json!("ana@x.example"), &json!("vip;roof")));
    let replaced = upsert(json!({ "voice_tags": "new" })).await;
    assert_eq!(replaced["results"][0]["properties"]["voice_tags"], "new", "without the semicolon it is overwritten");
    let path = format!("{CONTACTS}/+14155550100?idProperty=voice_phone_e164");
    assert_eq!(sandbox.get(&path).await.is(200)["id"], second["id"]);
    sandbox.get(&format!("{CONTACTS}/+14155550100?idProperty=phone")).await.is(400);
}

#[tokio::test]
async fn what_is_no_text_unknown_or_another_s_is_refused() {
    let sandbox = Sandbox::start().await;
    let id = new_contact(&sandbox, json!({ "email": "a@x.example" })).await;
    let other = new_contact(&sandbox, json!({ "email": "b@x.example" })).await;
    let refused = patch(&sandbox, &other, json!({ "email": "A@x.example" })).await.is(409);
    assert_eq!(refused["message"], format!("Contact already exists. Existing ID: {id}"));
    sandbox.post(CONTACTS, json!({ "properties": { "email": "a@x.example" } })).await.is(409);
    let unknown = patch(&sandbox, &id, json!({ "colour": "red" })).await.is(400);
    assert_eq!(
        (&unknown["category"], &unknown["message"]),
        (&json!("VALIDATION_ERROR"), &json!("Property \"colour\" does not exist"))
    );
    patch(&sandbox, &id, json!({ "total_calls": 3 })).await.is(400);
    patch(&sandbox, "1", json!({})).await.is(404);
    let refused = send(sandbox.bare(Method::GET, CONTACTS)).await.is(401);
    assert_eq!(refused["category"], "INVALID_AUTHENTICATION");
}

#[tokio::test]
async fn a_property_is_created_with_its_options_and_then_known() {
    let sandbox = Sandbox::start().await;
    let property = json!({
        "name": "mood", "label": "Mood", "groupName": "contactinformation", "type": "enumeration", "fieldType": "checkbox",
        "options": [{ "label": "Calm", "value": "calm" }, { "label": "Cross", "value": "cross" }],
    });
    sandbox.post("/hubspot/crm/v3/properties/contacts", property.clone()).await.is(201);
    sandbox.post("/hubspot/crm/v3/properties/contacts", property).await.is(409);
    let id = new_contact(&sandbox, json!({ "mood": "calm" })).await;
    assert_eq!(patch(&sandbox, &id, json!({ "mood": ";cross" })).await.is(200)["properties"]["mood"], "calm;cross");
    patch(&sandbox, &id, json!({ "mood": ";odd" })).await.is(400);
}

#[tokio::test]
async fn a_note_posted_twice_is_two_notes_of_its_contact() {
    let sandbox = Sandbox::start().await;
    let id = new_contact(&sandbox, json!({ "firstname": "Ana" })).await;
    let path = format!("{CONTACTS}/{id}?associations=notes");
    assert_eq!(sandbox.get(&path).await.is(200).get("associations"), None);
    let kind = json!({ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202 });
    let note = json!({
        "properties": { "hs_timestamp": "2026-11-20T10:00:00Z", "hs_note_body": "call_1" },
        "associations": [{ "to": { "id": id }, "types": [kind] }],
    });
    for _ in 0..2 {
        sandbox.post(NOTES, note.clone()).await.is(201);
    }
    let notes = sandbox.get(&path).await.is(200)["associations"]["notes"]["results"].clone();
    assert_eq!(notes.as_array().unwrap().len(), 2);
    let inputs = json!([{ "id": notes[0]["id"] }, { "id": notes[1]["id"] }]);
    let read = json!({ "inputs": inputs, "properties": ["hs_note_body"] });
    let read = sandbox.post(&format!("{NOTES}/batch/read"), read).await.is(200);
    assert_eq!(read["results"][1]["properties"], json!({ "hs_note_body": "call_1" }));
    let found = sandbox.post(&format!("{NOTES}/search"), by("associations.contact", &id)).await.is(200);
    assert_eq!((&found["total"], found["results"].as_array().unwrap().len()), (&json!(2), 1));
    let missing = json!({ "inputs": [{ "id": "1" }], "properties": ["hs_note_body"] });
    sandbox.post(&format!("{NOTES}/batch/read"), missing).await.is(207);
    let mut bare = note;
    bare["properties"] = json!({ "hs_note_body": "no time" });
    sandbox.post(NOTES, bare).await.is(400);
}

#[tokio::test]
async fn searches_have_a_limit_of_their_own_and_tell_which_one_it_is() {
    let sandbox = Sandbox::start().await;
    sandbox.settings(json!({ "hubspot_searches_per_s": 0, "hubspot_rate_per_10_s": 3 })).await;
    let refused = sandbox.post(&format!("{CONTACTS}/search"), by("phone", "+15005550006")).await;
    assert_eq!(refused.header("x-hubspot-ratelimit-max"), "", "a search does not tell the limits");
    assert_eq!(refused.is(429)["policyName"], "SECONDLY");
    let path = format!("{CONTACTS}/101");
    let first = sandbox.get(&path).await;
    assert_eq!((first.status, first.header("x-hubspot-ratelimit-remaining")), (200, "1"));
    sandbox.get(&path).await.is(200);
    let refused = sandbox.get(&path).await;
    assert_eq!(refused.header("x-hubspot-ratelimit-interval-milliseconds"), "10000");
    assert_eq!(refused.is(429)["policyName"], "TEN_SECONDLY_ROLLING");
}

#[tokio::test]
async fn searches_lag_behind_writes_but_reads_by_id_and_unique_value_do_not() {
    let sandbox = Sandbox::start().await;
    let settings = |lag_ms: u64| json!({ "hubspot_read_lag_ms": lag_ms, "hubspot_searches_per_s": 100_000, "hubspot_rate_per_10_s": 100_000 });
    sandbox.settings(settings(DAY_MS)).await;
    let id = new_contact(&sandbox, json!({ "voice_phone_e164": "+14155550101" })).await;
    assert_eq!(search(&sandbox, "voice_phone_e164", "+14155550101").await["total"], 0);
    sandbox.get(&format!("{CONTACTS}/{id}")).await.is(200);
    sandbox.get(&format!("{CONTACTS}/+14155550101?idProperty=voice_phone_e164")).await.is(200);
    sandbox.settings(settings(50)).await;
    patch(&sandbox, &id, json!({ "company": "Acme" })).await.is(200);
    until("seen", async || search(&sandbox, "company", "Acme").await["total"] == 1).await;
}

#[tokio::test]
async fn a_fault_meets_one_operation_in_the_vendor_s_shape() {
    let sandbox = Sandbox::start().await;
    sandbox
        .rules(json!([{ "vendor": "hubspot", "operation": "contact.update", "status": 500, "after_effect": true }]))
        .await;
    let id = new_contact(&sandbox, json!({ "firstname": "Ana" })).await;
    let failed = patch(&sandbox, &id, json!({ "firstname": "Eva" })).await.is(500);
    assert_eq!(failed["status"], "error");
    let contact = sandbox.get(&format!("{CONTACTS}/{id}")).await.is(200);
    assert_eq!(contact["properties"]["firstname"], "Eva");
    assert_eq!(sandbox.journal("vendor=hubspot&operation=contact.update").await.len(), 1);
}
