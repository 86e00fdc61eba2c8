//! HighLevel's calendars: free slots and appointments.

use serde_json::{Value, json};

use crate::help::Sandbox;

const BOOK: &str = "/highlevel/calendars/events/appointments";
/// Tuesday, 2 January 2035, New York's midnight, and the following one, in epoch milliseconds.
const DAY: (i64, i64) = (2_051_326_800_000, 2_051_413_200_000);
const NINE: &str = "2035-01-02T09:00:00-05:00";

fn slots(calendar: &str, (from, to): (i64, i64), rest: &str) -> String {
    format!("/highlevel/calendars/{calendar}/free-slots?startDate={from}&endDate={to}{rest}")
}

fn booking(contact: &str, start: &str) -> Value {
    json!({ "calendarId": "cal_main", "locationId": "loc_demo", "contactId": contact, "startTime": start })
}

async fn first_slot(sandbox: &Sandbox) -> Value {
    sandbox.get(&slots("cal_main", DAY, "")).await.is(200)["2035-01-02"]["slots"][0].clone()
}

#[tokio::test]
async fn free_slots_are_a_map_by_day_with_a_stray_trace_id() {
    let sandbox = Sandbox::start().await;
    let week = (DAY.0, DAY.0 + 7 * 24 * 3_600_000);
    let map = sandbox.get(&slots("cal_main", week, "&timezone=America%2FNew_York")).await.is(200);
    let keys: Vec<&String> = map.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["2035-01-02", "2035-01-03", "2035-01-04", "2035-01-05", "2035-01-08", "traceId"]);
    let day = map["2035-01-02"]["slots"].as_array().unwrap();
    assert_eq!((day.len(), &day[0], &day[15]), (16, &json!(NINE), &json!("2035-01-02T16:30:00-05:00")));
    let london = sandbox.get(&slots("cal_main", DAY, "&timezone=Europe%2FLondon")).await.is(200);
    assert_eq!(london["2035-01-02"]["slots"][0], "2035-01-02T09:00:00+00:00");
}

#[tokio::test]
async fn free_slots_need_milliseconds_a_month_at_most_and_a_calendar() {
    let sandbox = Sandbox::start().await;
    sandbox.get("/highlevel/calendars/cal_main/free-slots?startDate=2035-01-02&endDate=2035-01-03").await.is(422);
    sandbox.get("/highlevel/calendars/cal_main/free-slots").await.is(422);
    sandbox.get(&slots("cal_main", (DAY.0, DAY.0 + 32 * 24 * 3_600_000), "")).await.is(400);
    sandbox.get(&slots("cal_main", DAY, "&timezone=Mars")).await.is(422);
    sandbox.get(&slots("cal_none", DAY, "")).await.is(404);
}

#[tokio::test]
async fn a_slot_is_booked_once_and_free_again_after_its_cancellation() {
    let sandbox = Sandbox::start().await;
    let contact = sandbox.contact("+14155550110").await;
    let booked = sandbox.post(BOOK, booking(&contact, NINE)).await.is(200);
    assert_eq!((&booked["startTime"], &booked["endTime"]), (&json!(NINE), &json!("2035-01-02T09:30:00-05:00")));
    assert_eq!((&booked["appointmentStatus"], booked.get("dateAdded")), (&json!("confirmed"), None));
    let refused = sandbox.post(BOOK, booking(&contact, NINE)).await.is(400);
    assert_eq!(refused["message"], "The slot you have selected is no longer available.");
    assert_eq!(refused["error"], "Bad Request");
    assert!(refused["traceId"].is_string());
    assert_eq!(first_slot(&sandbox).await, "2035-01-02T09:30:00-05:00");
    let event = format!("{BOOK}/{}", booked["id"].as_str().unwrap());
    let cancelled = sandbox.put(&event, json!({ "appointmentStatus": "cancelled" })).await.is(200);
    assert_eq!((&cancelled["id"], &cancelled["appointmentStatus"]), (&booked["id"], &json!("cancelled")));
    assert_eq!(first_slot(&sandbox).await, NINE);
    sandbox.post(BOOK, booking(&contact, NINE)).await.is(200);
    sandbox.put(&event, json!({ "appointmentStatus": "confirmed" })).await.is(400);
}

#[tokio::test]
async fn an_appointment_moves_is_listed_by_local_time_and_deleted() {
    let sandbox = Sandbox::start().await;
    let contact = sandbox.contact("+14155550111").await;
    let booked = sandbox.post(BOOK, booking(&contact, NINE)).await.is(200);
    let event = format!("{BOOK}/{}", booked["id"].as_str().unwrap());
    sandbox.put(&event, json!({ "startTime": "2035-01-02T19:00:00Z" })).await.is(200);
    assert_eq!(first_slot(&sandbox).await, NINE);
    let read = sandbox.get(&event).await.is(200);
    assert_eq!(read["event"]["endTime"], "2035-01-02T19:30:00+00:00", "by id with offset, as long as before");
    let listed = sandbox.get(&format!("/highlevel/contacts/{contact}/appointments")).await.is(200);
    assert_eq!(listed["events"][0]["startTime"], "2035-01-02 14:00:00", "in the list without zone");
    let deleted = sandbox.delete(&event.replace("/appointments", ""), json!({})).await.is(201);
    assert_eq!(deleted["succeeded"], true);
    sandbox.get(&event).await.is(404);
}

#[tokio::test]
async fn what_is_off_the_grid_past_foreign_or_incomplete_is_not_booked() {
    let sandbox = Sandbox::start().await;
    let contact = sandbox.contact("+14155550112").await;
    for start in ["2035-01-02T09:10:00-05:00", "2035-01-06T09:00:00-05:00", "2020-01-02T09:00:00-05:00"] {
        sandbox.post(BOOK, booking(&contact, start)).await.is(400);
    }
    let mut free = booking(&contact, "2035-01-02T09:10:00-05:00");
    free["ignoreFreeSlotValidation"] = json!(true);
    sandbox.post(BOOK, free).await.is(200);
    let missing = sandbox.post(BOOK, json!({ "calendarId": "cal_main" })).await.is(422);
    assert_eq!(missing["message"].as_array().unwrap().len(), 3);
    let mut foreign = booking(&contact, NINE);
    foreign["calendarId"] = json!("cal_other");
    sandbox.post(BOOK, foreign).await.is(403);
    sandbox.post(BOOK, booking("con_none", NINE)).await.is(404);
    sandbox.post(BOOK, booking(&contact, "tomorrow")).await.is(422);
}

#[tokio::test]
async fn the_known_caller_has_an_upcoming_appointment() {
    let sandbox = Sandbox::start().await;
    let path = "/highlevel/contacts/search/duplicate?locationId=loc_demo&number=%2B15005550006";
    let jane = sandbox.get(path).await.is(200)["contact"]["id"].as_str().unwrap().to_owned();
    let listed = sandbox.get(&format!("/highlevel/contacts/{jane}/appointments")).await.is(200);
    assert_eq!((&listed["events"][0]["id"], listed["events"].as_array().unwrap().len()), (&json!("apt_demo_jane"), 1));
}

#[tokio::test]
async fn a_location_gets_calendars_of_its_own() {
    let sandbox = Sandbox::start().await;
    let body = json!({ "locationId": "loc_new", "name": "Front desk" });
    let created = sandbox.post("/highlevel/calendars/", body).await.is(200)["calendar"].clone();
    let id = created["id"].as_str().unwrap();
    assert_eq!(sandbox.get(&format!("/highlevel/calendars/{id}")).await.is(200)["calendar"], created);
    let listed = sandbox.get("/highlevel/calendars/?locationId=loc_new").await.is(200);
    assert_eq!(listed["calendars"], json!([created]));
    assert_eq!(sandbox.get(&slots(id, DAY, "")).await.is(200)["2035-01-02"]["slots"][0], NINE);
}
