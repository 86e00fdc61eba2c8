//! HighLevel: what is sent, and what is read of what comes back.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::json;
use vendors::{
    Limits, VendorError,
    highlevel::{CustomField, Push, Status, Time},
};

use crate::{
    discipline::account,
    double::{Double, live, phone, vendors},
};

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_lookup_encodes_the_plus_sign_and_reads_the_contact() {
    let contact = json!({"contact": {
        "id": "CON9", "locationId": "LOC-a", "name": "Ana Ruiz", "firstName": "Ana", "lastName": null, "email": 7,
        "phone": "+14155550100", "tags": ["vip"], "customFields": [{"id": "CF1", "value": ["mon", "wed"]}],
    }, "traceId": "5b2c"});
    let vendor = Double::saying(200, &contact.to_string()).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, "a");
    let contact = vendors.highlevel(&account).lookup(&phone(), live()).await.unwrap().unwrap();
    assert_eq!(contact.id, "CON9");
    assert_eq!(contact.name.as_deref(), Some("Ana Ruiz"));
    assert_eq!((contact.last_name, contact.email), (None, None), "null and of another type are the same");
    assert_eq!(contact.tags, ["vip"]);
    assert_eq!(contact.custom_fields, [CustomField { id: "CF1".to_owned(), value: json!(["mon", "wed"]) }]);
    let asked = vendor.only();
    assert_eq!(asked.line, "GET /contacts/search/duplicate?locationId=LOC-a&number=%2B14155550100");
    assert_eq!(asked.header("version"), "2021-07-28");
    assert_eq!(asked.header("authorization"), "Bearer pit-secret");
    assert_eq!(asked.header("user-agent"), concat!("offhook/", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn no_contact_comes_as_null_as_nothing_or_as_404() {
    for (status, body) in [(200, r#"{"contact":null}"#), (200, "{}"), (404, r#"{"message":"none","statusCode":404}"#)] {
        let vendor = Double::saying(status, body).await;
        let (vendors, _) = vendors(Limits::default());
        let contact = vendors.highlevel(&account(&vendor.base_url, "a")).lookup(&phone(), live()).await;
        assert_eq!(contact, Ok(None), "{status} {body}");
    }
}

#[tokio::test]
async fn an_upsert_sends_what_is_known_and_never_tags() {
    let vendor = Double::saying(200, r#"{"new":true,"contact":{"id":"CON9"},"traceId":"x"}"#).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, "a");
    let push = Push {
        phone: Some(phone()),
        first_name: Some("Ana".to_owned()),
        custom_fields: vec![CustomField { id: "CF1".to_owned(), value: json!("roof leak") }],
        ..Push::default()
    };
    let pushed = vendors.highlevel(&account).upsert(&push, live()).await.unwrap();
    assert!(pushed.new);
    assert_eq!(pushed.contact.id, "CON9");
    let asked = vendor.only();
    assert_eq!(asked.line, "POST /contacts/upsert");
    assert_eq!((asked.header("version"), asked.header("content-type")), ("2021-07-28", "application/json"));
    let body = json!({
        "locationId": "LOC-a", "phone": "+14155550100", "firstName": "Ana",
        "customFields": [{"id": "CF1", "field_value": "roof leak"}],
    });
    assert_eq!(asked.body, body);
}

#[tokio::test]
async fn tags_are_added_and_notes_listed_and_added() {
    let vendor = Double::start(
        [
            crate::double::Answer::json(201, r#"{"tags":["old","new"]}"#),
            crate::double::Answer::json(
                200,
                r#"{"notes":[{"id":"n1","body":"call c1"},{"body":"no id"},{"id":"n2"}]}"#,
            ),
            crate::double::Answer::json(201, r#"{"note":{"id":"n3","body":"call c2","contactId":"CON9"}}"#),
        ],
        (200, "{}"),
    )
    .await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, "a");
    let highlevel = vendors.highlevel(&account);
    assert_eq!(highlevel.add_tags("CON9", &["new".to_owned()], live()).await.unwrap(), ["old", "new"]);
    let notes = highlevel.notes("CON9", live()).await.unwrap();
    assert_eq!(notes.iter().map(|note| (&*note.id, &*note.body)).collect::<Vec<_>>(), [("n1", "call c1"), ("n2", "")]);
    assert_eq!(highlevel.add_note("CON9", "call c2", live()).await.unwrap().id, "n3");
    assert!(
        matches!(highlevel.notes("CON9", live()).await, Err(VendorError::Unreadable(_))),
        "no list is not no notes"
    );
    let asked = vendor.asked();
    let lines: Vec<&str> = asked.iter().map(|asked| asked.line.as_str()).collect();
    let notes = "/contacts/CON9/notes";
    assert_eq!(
        lines,
        ["POST /contacts/CON9/tags", &format!("GET {notes}"), &format!("POST {notes}"), &format!("GET {notes}")]
    );
    assert_eq!(asked[0].body, json!({"tags": ["new"]}));
    assert_eq!(asked[2].body, json!({"body": "call c2"}));
    assert!(asked.iter().all(|asked| asked.header("version") == "2021-07-28"));
}

#[tokio::test]
async fn an_update_goes_to_one_contact_by_id_and_sends_no_more_than_is_given() {
    let vendor = Double::saying(200, r#"{"succeded":true,"contact":{"id":"CON9"}}"#).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, "a");
    let push = Push { name: Some("Ana Ruiz".to_owned()), ..Push::default() };
    vendors.highlevel(&account).update("CON9", &push, live()).await.unwrap();
    let asked = vendor.only();
    assert_eq!((&*asked.line, asked.header("version")), ("PUT /contacts/CON9", "2021-07-28"));
    assert_eq!(asked.body, json!({"name": "Ana Ruiz"}));
}

#[tokio::test]
async fn free_slots_are_asked_for_in_milliseconds_and_told_by_day() {
    let body = r#"{"2026-12-01":{"slots":["2026-12-01T09:00:00-05:00"]},"2026-12-02":{"slots":[]},"traceId":"5b2c"}"#;
    let vendor = Double::saying(200, body).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, "a");
    let highlevel = vendors.highlevel(&account);
    let (from, to) = (time("2026-12-01T05:00:00Z"), time("2026-12-03T05:00:00Z"));
    let slots = highlevel.free_slots("CAL/1", (from, to), Tz::America__New_York, live()).await.unwrap();
    let expected = BTreeMap::from([
        ("2026-12-01".parse().unwrap(), vec![DateTime::parse_from_rfc3339("2026-12-01T09:00:00-05:00").unwrap()]),
        ("2026-12-02".parse().unwrap(), vec![]),
    ]);
    assert_eq!(slots, expected);
    let asked = vendor.only();
    let query = "startDate=1796101200000&endDate=1796274000000&timezone=America%2FNew_York";
    assert_eq!(asked.line, format!("GET /calendars/CAL%2F1/free-slots?{query}"));
    assert_eq!(asked.header("version"), "2021-04-15");
    for to in [from, time("2027-01-02T05:00:00Z")] {
        let refused = highlevel.free_slots("CAL1", (from, to), Tz::UTC, live()).await;
        assert!(matches!(refused, Err(VendorError::Unsendable(_))), "{refused:?}");
    }
    assert_eq!(vendor.count(), 1);
}

#[tokio::test]
async fn appointments_are_read_with_and_without_offset_and_in_any_status() {
    let body = json!({"events": [
        {"id": "E1", "calendarId": "CAL1", "appointmentStatus": "confirmed", "startTime": "2026-12-01T09:00:00-05:00", "endTime": "2026-12-01T09:30:00-05:00"},
        {"id": "E2", "status": "noshow", "startTime": "2026-12-01 09:00:00", "endTime": 7},
        {"id": "E3", "status": "new", "appointmentStatus": "cancelled", "startTime": "2026-12-01 09:00:00"},
        {"id": "E4", "appointmentStatus": "rescheduled", "startTime": "2026-12-01 09:00:00"},
        {"id": "E5", "startTime": "soon"},
    ]});
    let vendor = Double::saying(200, &body.to_string()).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, "a");
    let appointments = vendors.highlevel(&account).appointments("CON9", live()).await.unwrap();
    let statuses: Vec<Status> = appointments.iter().map(|appointment| appointment.status()).collect();
    assert_eq!(
        statuses,
        [Status::Confirmed, Status::NoShow, Status::Cancelled, Status::Other("rescheduled".to_owned())]
    );
    assert!(matches!((appointments[0].start, appointments[1].start), (Time::Exact(_), Time::Local(_))));
    let in_zone = appointments[1].start.in_zone(Tz::America__New_York);
    assert_eq!(in_zone, appointments[0].start.in_zone(Tz::UTC));
    assert_eq!(appointments[1].end, None);
    let asked = vendor.only();
    assert_eq!((&*asked.line, asked.header("version")), ("GET /contacts/CON9/appointments", "2021-07-28"));
}
