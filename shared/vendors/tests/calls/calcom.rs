//! Cal.com: what is sent, and what is read of what comes back.

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use vendors::{
    Limits, VendorError,
    calcom::{Account, Status, address_of},
};

use crate::double::{Answer, Double, live, org, phone, vendors};

fn account(base_url: &str) -> Account {
    Account { org: org("demo"), base_url: base_url.to_owned(), token: "cal_live_secret".to_owned().into() }
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn success(data: &Value) -> String {
    json!({ "status": "success", "data": data }).to_string()
}

fn failure(code: &str, message: &str) -> String {
    json!({
        "status": "error", "timestamp": "2026-11-21T12:00:00.000Z", "path": "/v2/slots",
        "error": { "code": code, "message": message, "details": { "message": message, "statusCode": 400 } },
    })
    .to_string()
}

#[tokio::test]
async fn free_slots_are_asked_for_in_utc_and_told_by_day() {
    let days = json!({ "2026-12-01": [{ "start": "2026-12-01T09:00:00.000-05:00" }] });
    let vendor = Double::saying(200, &success(&days)).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url);
    let calcom = vendors.calcom(&account);
    let (from, to) = (time("2026-12-01T05:00:00Z"), time("2026-12-03T05:00:00Z"));
    let slots = calcom.free_slots("1001", (from, to), Tz::America__New_York, live()).await.unwrap();
    let begin = DateTime::parse_from_rfc3339("2026-12-01T09:00:00-05:00").unwrap();
    assert_eq!(slots.into_iter().collect::<Vec<_>>(), [("2026-12-01".parse().unwrap(), vec![begin])]);
    let asked = vendor.only();
    let query = "eventTypeId=1001&start=2026-12-01T05%3A00%3A00Z&end=2026-12-03T05%3A00%3A00Z";
    assert_eq!(asked.line, format!("GET /v2/slots?{query}&timeZone=America%2FNew_York"));
    assert_eq!(asked.header("cal-api-version"), "2024-09-04");
    assert_eq!(asked.header("authorization"), "Bearer cal_live_secret");
    for to in [from, time("2027-01-02T05:00:00Z")] {
        let refused = calcom.free_slots("1001", (from, to), Tz::UTC, live()).await;
        assert!(matches!(refused, Err(VendorError::Unsendable(_))), "{refused:?}");
    }
    assert_eq!(vendor.count(), 1);
}

#[tokio::test]
async fn no_slots_are_an_answer_and_none_is_not() {
    let (from, to) = (time("2026-12-01T05:00:00Z"), time("2026-12-03T05:00:00Z"));
    for (body, readable) in [(success(&json!({})), true), (r#"{"status":"success"}"#.to_owned(), false)] {
        let vendor = Double::saying(200, &body).await;
        let (vendors, _) = vendors(Limits::default());
        let slots = vendors.calcom(&account(&vendor.base_url)).free_slots("1", (from, to), Tz::UTC, live()).await;
        match slots {
            Ok(slots) => assert!(readable && slots.is_empty()),
            Err(error) => assert!(!readable && matches!(error, VendorError::Unreadable(_)), "{error}"),
        }
    }
}

#[tokio::test]
async fn bookings_are_found_by_address_and_read_as_far_as_they_can_be() {
    let list = json!([
        { "id": 1, "uid": "b1", "title": "Check-up between Demo Dental and Ana", "status": "accepted",
          "start": "2026-12-01T14:00:00.000Z", "end": "2026-12-01T14:30:00.000Z", "duration": 30,
          "attendees": [{ "name": "Ana", "email": "ana+1@example.com", "phoneNumber": "+14155550100", "absent": false }] },
        { "uid": "b2", "status": "awaiting_host", "start": "2026-12-02T14:00:00Z", "title": 7, "end": "later" },
        { "uid": "b3", "start": "soon" },
        { "start": "2026-12-02T14:00:00Z" },
    ]);
    let vendor = Double::saying(200, &success(&list)).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url);
    let calcom = vendors.calcom(&account);
    let bookings = calcom.upcoming(" ana+1@example.com", live()).await.unwrap();
    let told: Vec<_> = bookings.iter().map(|booking| (&*booking.uid, &booking.status)).collect();
    assert_eq!(told, [("b1", &Status::Accepted), ("b2", &Status::Other("awaiting_host".to_owned()))]);
    assert_eq!(bookings[0].title.as_deref(), Some("Check-up between Demo Dental and Ana"));
    assert_eq!(bookings[0].attendees[0].email.as_deref(), Some("ana+1@example.com"));
    assert!(bookings[0].is_of(&phone()) && !bookings[1].is_of(&phone()));
    assert_eq!((&bookings[1].title, bookings[1].end), (&None, None));
    let asked = vendor.only();
    let query = "attendeeEmail=ana%2B1%40example.com&status=upcoming&sortStart=asc&take=100";
    assert_eq!(asked.line, format!("GET /v2/bookings?{query}"), "a bare plus sign would be read as a blank");
    assert_eq!(asked.header("cal-api-version"), "2024-08-13");
    assert!(matches!(calcom.upcoming(" ", live()).await, Err(VendorError::Unsendable(_))), "nobody's are everybody's");
    assert_eq!((address_of(&phone()).as_str(), vendor.count()), ("14155550100@sms.cal.com", 1));
}

#[tokio::test]
async fn a_booking_is_read_by_its_id_and_may_not_be_there() {
    let booking = json!({
        "uid": "b/2", "status": "cancelled", "start": "2026-12-01T14:00:00.000Z", "rescheduledFromUid": "b1", "attendees": [],
    });
    let missing = failure("NotFoundException", "Booking with uid=b3 was not found in the database");
    let answers = [Answer::json(200, &success(&booking)), Answer::json(404, &missing)];
    let vendor = Double::start(answers, (200, "[]")).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url);
    let calcom = vendors.calcom(&account);
    let found = calcom.booking("b/2", live()).await.unwrap().expect("a booking");
    assert_eq!((found.status, found.rescheduled_from_uid.as_deref()), (Status::Cancelled, Some("b1")));
    assert_eq!(calcom.booking("b3", live()).await, Ok(None));
    assert!(matches!(calcom.booking("b4", live()).await, Err(VendorError::Unreadable(_))));
    assert!(matches!(calcom.booking("", live()).await, Err(VendorError::Unsendable(_))), "that would be the list");
    let lines: Vec<String> = vendor.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(lines, ["b%2F2", "b3", "b4"].map(|uid| format!("GET /v2/bookings/{uid}")));
}

#[tokio::test]
async fn a_refusal_is_told_in_cal_com_s_words_without_what_is_secret() {
    let message = "Event Type of ana@example.com not found for cal_live_secret";
    let vendor = Double::saying(404, &failure("NotFoundException", message)).await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url);
    let range = (time("2026-12-01T05:00:00Z"), time("2026-12-03T05:00:00Z"));
    let refused = vendors.calcom(&account).free_slots("9", range, Tz::UTC, live()).await;
    assert_eq!(refused, Err(VendorError::Refused(404, "Event Type of … not found for …".to_owned())));
    assert!(!format!("{account:?}").contains("cal_live_secret"));
}

#[tokio::test]
async fn too_many_is_over_when_the_window_ends() {
    let reset = vec![("X-RateLimit-Reset-Default", "42".to_owned())];
    let body = failure("ThrottlerException", "Too many requests. Please try again later.");
    let vendor = Double::start([Answer::Say(429, reset, body)], (200, &success(&json!([])))).await;
    let (vendors, clock) = vendors(Limits::default());
    let account = account(&vendor.base_url);
    let calcom = vendors.calcom(&account);
    let refused = calcom.upcoming("ana@example.com", live()).await;
    assert_eq!(refused, Err(VendorError::RateLimited(Duration::from_secs(42))));
    clock.advance(Duration::from_secs(41));
    assert!(matches!(calcom.upcoming("ana@example.com", live()).await, Err(VendorError::RateLimited(_))));
    assert_eq!(vendor.count(), 1, "nothing is sent before");
    clock.advance(Duration::from_secs(2));
    assert_eq!(calcom.upcoming("ana@example.com", live()).await, Ok(vec![]));
}
