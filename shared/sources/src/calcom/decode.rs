//! Reads a Cal.com body into our own words.
//!
//! A moved booking has a new uid and names the old one. The person is the first attendee; the number comes from wherever the
//! booking form kept it. Lenient field by field.

use contract::{AppointmentFacts, AppointmentStatus, EventType, PhoneNumber, Source};
use serde::Deserialize;

use crate::{Decoded, mend, naming::moment_of_text, person, text::Lenient};

/// Decodes the body of an event of type `kind`.
///
/// # Errors
/// When the body is no JSON object with a `payload`; the text says where.
pub fn decode(kind: EventType, body: &[u8]) -> Result<Decoded, serde_json::Error> {
    let facts = match kind {
        EventType::AppointmentBooked
        | EventType::AppointmentRescheduled
        | EventType::AppointmentCancelled
        | EventType::AppointmentChanged => serde_json::from_str::<Body<Booking>>(&mend(body))?.payload.facts(kind),
        EventType::AppointmentNoShow => serde_json::from_str::<Body<NoShow>>(&mend(body))?.payload.facts(),
        _ => return Ok(Decoded::Other),
    };
    Ok(Decoded::Appointment(Box::new(facts)))
}

#[derive(Deserialize)]
struct Body<T> {
    payload: T,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Booking {
    uid: Lenient<String>,
    status: Lenient<String>,
    title: Lenient<String>,
    start_time: Lenient<String>,
    end_time: Lenient<String>,
    event_type_id: Lenient<u64>,
    attendees: Lenient<Vec<Lenient<Attendee>>>,
    responses: Lenient<Responses>,
    sms_reminder_number: Lenient<String>,
    location: Lenient<String>,
    cancellation_reason: Lenient<String>,
    reschedule_uid: Lenient<String>,
    reschedule_start_time: Lenient<String>,
    reschedule_end_time: Lenient<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Attendee {
    name: Lenient<String>,
    email: Lenient<String>,
    phone_number: Lenient<String>,
    time_zone: Lenient<String>,
    no_show: Lenient<bool>,
}

/// What the person filled in, where a number may be.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Responses {
    attendee_phone_number: Lenient<Response<String>>,
    phone: Lenient<Response<String>>,
    sms_reminder_number: Lenient<Response<String>>,
    location: Lenient<Response<Location>>,
}

#[derive(Deserialize)]
struct Response<T> {
    value: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    value: String,
    option_value: String,
}

impl Booking {
    fn facts(self, kind: EventType) -> AppointmentFacts {
        let attendee = first(self.attendees);
        let responses = self.responses.0.unwrap_or_default();
        let filled_in = |response: Lenient<Response<String>>| response.0.map(|response| response.value);
        // The host calls this number: then the place is the person's phone.
        let called = responses.location.0.map(|response| response.value).filter(|place| place.value == "phone");
        let numbers = [
            attendee.phone_number.0,
            filled_in(responses.attendee_phone_number),
            called.map(|place| place.option_value),
            filled_in(responses.phone),
            filled_in(responses.sms_reminder_number),
            self.sms_reminder_number.0,
        ];
        let time = |text: Lenient<String>| text.0.as_deref().and_then(moment_of_text);
        AppointmentFacts {
            vendor: Some(Source::CALCOM.to_string()),
            external_id: self.uid.0,
            previous_external_id: self.reschedule_uid.0,
            status: status(kind, self.status.0.as_deref()),
            no_show: None,
            starts_at: time(self.start_time),
            ends_at: time(self.end_time),
            previous_starts_at: time(self.reschedule_start_time),
            previous_ends_at: time(self.reschedule_end_time),
            title: said(self.title),
            calendar: self.event_type_id.0.map(|id| id.to_string()),
            attendee_id: None,
            attendee_name: attendee.name.0.and_then(|name| person::name(&name)),
            attendee_email: attendee.email.0.and_then(|email| person::email(&email)),
            attendee_phone: numbers.into_iter().flatten().find_map(|number| number.parse::<PhoneNumber>().ok()),
            attendee_time_zone: said(attendee.time_zone),
            location: said(self.location),
            cancellation_reason: said(self.cancellation_reason),
        }
    }
}

/// The vendor's word where it has one for us, else what the event itself implies.
fn status(kind: EventType, word: Option<&str>) -> Option<AppointmentStatus> {
    match (word, kind) {
        (_, EventType::AppointmentCancelled) | (Some("CANCELLED"), _) => Some(AppointmentStatus::Cancelled),
        (Some("ACCEPTED"), _) => Some(AppointmentStatus::Booked),
        (Some("PENDING" | "AWAITING_HOST"), _) => Some(AppointmentStatus::Requested),
        (Some("REJECTED"), _) => Some(AppointmentStatus::Rejected),
        (_, EventType::AppointmentBooked | EventType::AppointmentRescheduled) => Some(AppointmentStatus::Booked),
        _ => None,
    }
}

/// A text with something in it.
fn said(text: Lenient<String>) -> Option<String> {
    text.0.filter(|text| !text.trim().is_empty())
}

fn first(attendees: Lenient<Vec<Lenient<Attendee>>>) -> Attendee {
    attendees.0.into_iter().flatten().find_map(|attendee| attendee.0).unwrap_or_default()
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct NoShow {
    booking_uid: Lenient<String>,
    attendees: Lenient<Vec<Lenient<Attendee>>>,
}

impl NoShow {
    /// Of several people, one who did not come makes it a no-show.
    fn facts(self) -> AppointmentFacts {
        let attendees = self.attendees.0.into_iter().flatten().filter_map(|attendee| attendee.0);
        let (mut no_show, mut email) = (None, None);
        for attendee in attendees {
            no_show = no_show.max(attendee.no_show.0);
            email = email.or(said(attendee.email));
        }
        AppointmentFacts {
            vendor: Some(Source::CALCOM.to_string()),
            external_id: self.booking_uid.0,
            no_show,
            attendee_email: email,
            ..AppointmentFacts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Timestamp;
    use proptest::prelude::*;

    const MOVED: &str = r#"{"triggerEvent":"BOOKING_RESCHEDULED","createdAt":"2026-11-20T10:00:00.000Z","payload":{
        "uid":"n3wUid77","bookingId":5120,"type":"intro-30","title":"Intro between Ana and Noor",
        "startTime":"2026-11-24T09:00:00Z","endTime":"2026-11-24T10:30:00+01:00","length":30,"eventTypeId":88,"status":"ACCEPTED",
        "organizer":{"id":4,"name":"Ana","email":"ana@example.com","timeZone":"Europe/Madrid"},
        "attendees":[{"name":"Noor Haddad","email":"noor@example.com","timeZone":"Europe/Madrid","language":{"locale":"en"}}],
        "responses":{"name":{"label":"your_name","value":"Noor Haddad"},
            "attendeePhoneNumber":{"label":"phone_number","value":"+1 500 555 0006"},
            "location":{"label":"location","value":{"value":"integrations:daily","optionValue":""}}},
        "location":"integrations:daily","rescheduleId":5101,"rescheduleUid":"oldUid12",
        "rescheduleStartTime":"2026-11-23T09:00:00.000Z","rescheduleEndTime":"2026-11-23T09:30:00.000Z","additionalNotes":""}}"#;

    fn facts(kind: EventType, body: &str) -> AppointmentFacts {
        match decode(kind, body.as_bytes()).unwrap() {
            Decoded::Appointment(facts) => *facts,
            other => panic!("{other:?} is no appointment: {body}"),
        }
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_moved_booking_says_what_it_was_before() {
        let time = |text: &str| text.parse::<Timestamp>().ok();
        let expected = AppointmentFacts {
            vendor: text("calcom"),
            external_id: text("n3wUid77"),
            previous_external_id: text("oldUid12"),
            status: Some(AppointmentStatus::Booked),
            no_show: None,
            starts_at: time("2026-11-24T09:00:00Z"),
            ends_at: time("2026-11-24T09:30:00Z"),
            previous_starts_at: time("2026-11-23T09:00:00Z"),
            previous_ends_at: time("2026-11-23T09:30:00Z"),
            title: text("Intro between Ana and Noor"),
            calendar: text("88"),
            attendee_id: None,
            attendee_name: text("Noor Haddad"),
            attendee_email: text("noor@example.com"),
            attendee_phone: "+15005550006".parse().ok(),
            attendee_time_zone: text("Europe/Madrid"),
            location: text("integrations:daily"),
            cancellation_reason: None,
        };
        assert_eq!(facts(EventType::AppointmentRescheduled, MOVED), expected);
    }

    #[test]
    fn statuses_follow_the_vendor_then_the_event() {
        use AppointmentStatus::{Booked, Cancelled, Rejected, Requested};
        let status = |kind, word: &str| facts(kind, &format!(r#"{{"payload":{{"status":"{word}"}}}}"#)).status;
        assert_eq!(status(EventType::AppointmentBooked, "ACCEPTED"), Some(Booked));
        assert_eq!(status(EventType::AppointmentBooked, "PENDING"), Some(Requested));
        assert_eq!(status(EventType::AppointmentChanged, "PENDING"), Some(Requested));
        assert_eq!(status(EventType::AppointmentChanged, "REJECTED"), Some(Rejected));
        assert_eq!(status(EventType::AppointmentChanged, "odd"), None);
        assert_eq!(status(EventType::AppointmentCancelled, "ACCEPTED"), Some(Cancelled));
        assert_eq!(status(EventType::AppointmentRescheduled, "odd"), Some(Booked));
    }

    #[test]
    fn a_number_is_found_wherever_the_form_kept_it() {
        for fields in [
            r#""attendees":[{"phoneNumber":"+15005550006"}]"#,
            r#""attendees":[{}],"responses":{"location":{"value":{"value":"phone","optionValue":"+15005550006"}}}"#,
            r#""responses":{"phone":{"value":"+15005550006"}}"#,
            r#""responses":{"attendeePhoneNumber":{"value":"no number"},"smsReminderNumber":{"value":"+15005550006"}}"#,
            r#""smsReminderNumber":"+15005550006""#,
        ] {
            let found = facts(EventType::AppointmentBooked, &format!(r#"{{"payload":{{{fields}}}}}"#)).attendee_phone;
            assert_eq!(found.unwrap().as_str(), "+15005550006", "{fields}");
        }
        let elsewhere =
            r#"{"payload":{"responses":{"location":{"value":{"value":"userPhone","optionValue":"+15005550001"}}}}}"#;
        assert_eq!(facts(EventType::AppointmentBooked, elsewhere).attendee_phone, None);
    }

    #[test]
    fn a_cancellation_says_why_and_a_no_show_who() {
        let cancelled = r#"{"payload":{"uid":"b","status":"CANCELLED","cancelledBy":"noor@example.com","cancellationReason":"ill"}}"#;
        assert_eq!(facts(EventType::AppointmentCancelled, cancelled).cancellation_reason, text("ill"));
        let no_show = |people: &str| {
            let body =
                format!(r#"{{"payload":{{"message":"m","bookingUid":"b","bookingId":1,"attendees":[{people}]}}}}"#);
            facts(EventType::AppointmentNoShow, &body)
        };
        let missed = no_show(r#"{"email":"noor@example.com","noShow":true},{"email":"a@example.com","noShow":false}"#);
        assert_eq!(
            (missed.no_show, missed.attendee_email, missed.status),
            (Some(true), text("noor@example.com"), None)
        );
        assert_eq!(missed.external_id, text("b"));
        assert_eq!(no_show(r#"{"email":"noor@example.com","noShow":false}"#).no_show, Some(false));
        assert_eq!(no_show("").no_show, None);
    }

    #[test]
    fn fields_of_the_wrong_type_are_not_said_and_no_payload_is_an_error() {
        let astray =
            r#"{"payload":{"uid":7,"startTime":"soon","eventTypeId":"x","attendees":{},"responses":[],"title":""}}"#;
        let expected = AppointmentFacts { vendor: text("calcom"), ..AppointmentFacts::default() };
        assert_eq!(facts(EventType::AppointmentChanged, astray), expected);
        assert!(decode(EventType::AppointmentBooked, b"{}").is_err());
        assert_eq!(decode(EventType::OtherUnknown, b"whatever").unwrap(), Decoded::Other);
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300), at in 0..MOVED.len(), byte in any::<u8>()) {
            let mut spoiled = MOVED.as_bytes().to_vec();
            spoiled[at] = byte;
            for kind in [EventType::AppointmentBooked, EventType::AppointmentNoShow] {
                let _ = decode(kind, &body);
                let _ = decode(kind, &spoiled);
            }
        }
    }
}
