//! HighLevel's contacts, tags, notes and custom fields.

use reqwest::Method;
use serde_json::{Value, json};

use crate::help::{Sandbox, send};

const UPSERT: &str = "/highlevel/contacts/upsert";

fn lookup(location: &str, number: &str) -> String {
    format!("/highlevel/contacts/search/duplicate?locationId={location}&number={number}")
}

#[tokio::test]
async fn a_known_caller_is_found_by_an_encoded_number_in_their_own_location() {
    let sandbox = Sandbox::start().await;
    let found = sandbox.get(&lookup("loc_demo", "%2B15005550006")).await.is(200);
    assert_eq!(found["contact"]["name"], "Jane Doe");
    assert_eq!(found["contact"]["email"], "jane.doe@demo.example");
    assert!(found["traceId"].is_string());
    let other = sandbox.get(&lookup("loc_other", "%2B15005550006")).await.is(200);
    assert_eq!(other["contact"]["email"], "jane.doe@other.example");
    assert_ne!(found["contact"]["id"], other["contact"]["id"]);
    for path in
        [lookup("loc_demo", "+15005550006"), lookup("loc_demo", "%2B19995550000"), lookup("loc_new", "%2B15005550006")]
    {
        assert_eq!(sandbox.get(&path).await.is(200)["contact"], Value::Null, "{path}");
    }
    for phone in 15_005_550_010_u64..=15_005_550_019 {
        let further = sandbox.get(&lookup("loc_demo", &format!("%2B{phone}"))).await.is(200);
        assert_eq!(further["contact"]["phone"], format!("+{phone}"));
    }
}

#[tokio::test]
async fn an_upsert_makes_one_contact_and_its_tags_overwrite_all_tags() {
    let sandbox = Sandbox::start().await;
    let body = json!({
        "locationId": "loc_new", "phone": "+1 (415) 555-0100", "firstName": "Ana", "lastName": "Ruiz", "tags": ["a", "b"],
        "customFields": [{ "id": "cf_1", "field_value": "roof leak" }]
    });
    let first = sandbox.post(UPSERT, body).await.is(200);
    assert_eq!((&first["new"], &first["contact"]["name"]), (&json!(true), &json!("Ana Ruiz")));
    assert_eq!(first["contact"]["customFields"], json!([{ "id": "cf_1", "value": "roof leak" }]), "out as value");
    let body = json!({ "locationId": "loc_new", "phone": "+14155550100", "email": "Ana@x.example", "tags": ["c"] });
    let second = sandbox.post(UPSERT, body).await.is(200);
    assert_eq!((&second["new"], &second["contact"]["id"]), (&json!(false), &first["contact"]["id"]));
    assert_eq!(second["contact"]["tags"], json!(["c"]));
    assert_eq!(second["contact"]["firstName"], "Ana", "what is not given stays");
    let body = json!({ "locationId": "loc_new", "email": "ana@X.example" });
    let third = sandbox.post(UPSERT, body).await.is(200);
    assert_eq!((&third["new"], &third["contact"]["tags"]), (&json!(false), &json!(["c"])));
}

#[tokio::test]
async fn of_two_contacts_that_match_the_email_s_is_updated_and_the_phone_ignored() {
    let sandbox = Sandbox::start().await;
    let upsert = async |body: Value| sandbox.post(UPSERT, body).await.is(200)["contact"].clone();
    let by_phone = upsert(json!({ "locationId": "loc_new", "phone": "+14155550101" })).await;
    let by_email = upsert(json!({ "locationId": "loc_new", "email": "b@x.example", "phone": "+14155550102" })).await;
    let both = upsert(json!({ "locationId": "loc_new", "email": "b@x.example", "phone": "+14155550101" })).await;
    assert_eq!(both["id"], by_email["id"]);
    assert_eq!(both["phone"], "+14155550102");
    let of_phone = sandbox.get(&lookup("loc_new", "%2B14155550101")).await.is(200);
    assert_eq!(of_phone["contact"]["id"], by_phone["id"]);
}

#[tokio::test]
async fn a_contact_is_created_once_read_updated_searched_and_listed() {
    let sandbox = Sandbox::start().await;
    let body = json!({ "locationId": "loc_new", "name": "Ben Carter", "phone": "+14155550103" });
    let created = sandbox.post("/highlevel/contacts/", body.clone()).await.is(201)["contact"].clone();
    let refused = sandbox.post("/highlevel/contacts/", body).await.is(400);
    assert_eq!(refused["meta"], json!({ "contactId": created["id"], "matchingField": "phone" }));
    let path = format!("/highlevel/contacts/{}", created["id"].as_str().unwrap());
    let updated = sandbox.put(&path, json!({ "companyName": "Acme" })).await.is(200);
    assert_eq!((&updated["succeded"], &updated["contact"]["companyName"]), (&json!(true), &json!("Acme")));
    assert_eq!(sandbox.get(&path).await.is(200)["contact"], updated["contact"]);
    let filters = json!([{ "field": "phone", "operator": "eq", "value": "+14155550103" }]);
    let search = json!({ "locationId": "loc_new", "page": 1, "pageLimit": 1, "filters": filters });
    let found = sandbox.post("/highlevel/contacts/search", search).await.is(200);
    assert_eq!((&found["total"], &found["contacts"][0]["id"]), (&json!(1), &created["id"]));
    let listed = sandbox.get("/highlevel/contacts/?locationId=loc_demo&query=jane").await.is(200);
    assert_eq!((&listed["count"], &listed["contacts"][0]["name"]), (&json!(1), &json!("Jane Doe")));
    let missing = sandbox.get("/highlevel/contacts/con_none").await.is(404);
    assert_eq!(missing["statusCode"], 404);
}

#[tokio::test]
async fn tags_are_added_and_removed_beside_those_there_are() {
    let sandbox = Sandbox::start().await;
    let id = sandbox.contact("+14155550104").await;
    let path = format!("/highlevel/contacts/{id}/tags");
    assert_eq!(sandbox.post(&path, json!({ "tags": ["a", "b"] })).await.is(201)["tags"], json!(["a", "b"]));
    assert_eq!(sandbox.post(&path, json!({ "tags": ["b", "c"] })).await.is(201)["tags"], json!(["a", "b", "c"]));
    assert_eq!(sandbox.delete(&path, json!({ "tags": ["a"] })).await.is(200)["tags"], json!(["b", "c"]));
    let body = json!({ "contacts": [id, "con_none"], "tags": ["d"], "locationId": "loc_demo" });
    let bulk = sandbox.post("/highlevel/contacts/bulk/tags/update/add", body).await.is(201);
    assert_eq!((&bulk["succeded"], &bulk["errorCount"]), (&json!(false), &json!(1)));
    let contact = sandbox.get(&format!("/highlevel/contacts/{id}")).await.is(200);
    assert_eq!(contact["contact"]["tags"], json!(["b", "c", "d"]));
    let tags = sandbox.get("/highlevel/locations/loc_demo/tags").await.is(200);
    let names: Vec<_> = tags["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    assert_eq!(names, ["b", "c", "d", "patient"]);
}

#[tokio::test]
async fn a_note_posted_twice_is_two_notes() {
    let sandbox = Sandbox::start().await;
    let path = format!("/highlevel/contacts/{}/notes", sandbox.contact("+14155550105").await);
    let note = sandbox.post(&path, json!({ "body": "call_1" })).await.is(201);
    assert_eq!(note["note"]["body"], "call_1");
    sandbox.post(&path, json!({ "body": "call_1" })).await.is(201);
    assert_eq!(sandbox.get(&path).await.is(200)["notes"].as_array().unwrap().len(), 2);
    let refused = sandbox.post(&path, json!({ "title": "no body" })).await.is(422);
    assert_eq!(refused["message"], json!(["body should not be empty"]));
}

#[tokio::test]
async fn custom_fields_are_listed_and_created() {
    let sandbox = Sandbox::start().await;
    let path = "/highlevel/locations/loc_demo/customFields";
    let seeded = sandbox.get(path).await.is(200);
    assert_eq!(seeded["customFields"][0]["id"], "cf_last_call_summary");
    let created = sandbox.post(path, json!({ "name": "Pet Name", "dataType": "TEXT" })).await.is(201);
    assert_eq!(created["customField"]["fieldKey"], "contact.pet_name");
    assert_eq!(sandbox.get(path).await.is(200)["customFields"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn unknown_fields_and_wrong_types_are_named_in_a_list() {
    let sandbox = Sandbox::start().await;
    let body = json!({ "phone": 7, "colour": "red", "customFields": [] });
    let refused = sandbox.post(UPSERT, body).await.is(422);
    let message =
        json!(["property colour should not exist", "phone must be a string", "locationId should not be empty"]);
    assert_eq!((&refused["message"], &refused["error"]), (&message, &json!("Unprocessable Entity")));
    let body = json!({ "locationId": "loc_new", "customFields": [{ "id": "cf_1", "value": "in as field_value" }] });
    sandbox.post(UPSERT, body).await.is(422);
    assert!(sandbox.get("/_sandbox/state").await.is(200)["highlevel"]["loc_new"]["contacts"].get(0).is_none());
}

#[tokio::test]
async fn no_token_and_the_wrong_version_are_refused() {
    let sandbox = Sandbox::start().await;
    let path = lookup("loc_demo", "%2B15005550006");
    let bare = || sandbox.bare(Method::GET, &path);
    let refused = send(bare().header("Version", "2021-07-28")).await.is(401);
    assert_eq!(refused["message"], "Invalid token: access token is invalid");
    assert_eq!(refused["error"], "Unauthorized");
    send(bare().header("Authorization", "Bearer ").header("Version", "2021-07-28")).await.is(401);
    send(bare().bearer_auth("t")).await.is(401);
    send(bare().bearer_auth("t").header("Version", "2021-04-15")).await.is(400);
    let calendar = sandbox.bare(Method::GET, "/highlevel/calendars/cal_main").bearer_auth("t");
    send(calendar.header("Version", "2021-07-28")).await.is(400);
    assert_eq!(sandbox.count("highlevel", "contact.lookup", json!(401)).await, 3);
}
