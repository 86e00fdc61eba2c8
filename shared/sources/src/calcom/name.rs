//! Names a Cal.com body: trigger, booking and time, without reading the rest.
//!
//! The id is made of trigger, booking and `createdAt`; without one of these it carries a hash of the body. A body that can't be
//! named, such as one that a custom template made, is `other.unknown` with the reason.

use contract::{EventType, Timestamp};
use serde::Deserialize;

use crate::{
    Name,
    naming::{self, hash, moment_of_text, unreadable},
    text::Lenient,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    trigger_event: String,
    #[serde(default)]
    created_at: Lenient<String>,
    #[serde(default)]
    payload: Lenient<Payload>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Payload {
    uid: Lenient<String>,
    /// Where a no-show has it.
    booking_uid: Lenient<String>,
}

/// Names `body`, which was made or received at `at`: the time of an event that carries none.
#[must_use]
pub fn name(body: &[u8], at: Timestamp) -> Name {
    let parsed = serde_json::from_slice(body).map_err(|error| error.to_string());
    parsed.and_then(|parsed| understood(parsed, body, at)).unwrap_or_else(|fault| unreadable("calcom", body, at, fault))
}

fn understood(parsed: Body, body: &[u8], at: Timestamp) -> Result<Name, String> {
    let trigger = naming::event(&parsed.trigger_event)?;
    let kind = kind(trigger);
    let payload = parsed.payload.0.unwrap_or_default();
    let subject = naming::subject(payload.uid.0.or(payload.booking_uid.0))?;
    if subject.is_none() && kind != EventType::OtherUnknown {
        return Err(format!("{trigger} names no uid"));
    }
    let created_at = parsed.created_at.0.as_deref().and_then(moment_of_text);
    let part = match created_at {
        Some(created_at) if subject.is_some() => created_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        _ => hash(body),
    };
    let id = format!("calcom:{trigger}:{}:{part}", subject.as_deref().unwrap_or("-"));
    Ok(Name { id, kind, subject, time: created_at.unwrap_or(at), fault: None })
}

fn kind(trigger: &str) -> EventType {
    match trigger {
        "BOOKING_CREATED" => EventType::AppointmentBooked,
        "BOOKING_RESCHEDULED" => EventType::AppointmentRescheduled,
        "BOOKING_CANCELLED" => EventType::AppointmentCancelled,
        "BOOKING_NO_SHOW_UPDATED" => EventType::AppointmentNoShow,
        "BOOKING_REQUESTED" | "BOOKING_REJECTED" | "BOOKING_PAID" | "BOOKING_PAYMENT_INITIATED" => {
            EventType::AppointmentChanged
        }
        _ => EventType::OtherUnknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(body: &str) -> Name {
        name(body.as_bytes(), "2026-11-21T00:00:00Z".parse().unwrap())
    }

    fn booking(trigger: &str, payload: &str) -> Name {
        named(&format!(r#"{{"triggerEvent":"{trigger}","createdAt":"2026-11-20T10:00:00.000Z","payload":{payload}}}"#))
    }

    #[test]
    fn a_booking_is_named_by_trigger_booking_and_time_whatever_else_it_says() {
        let created = booking("BOOKING_CREATED", r#"{"uid":"bk_1","title":"a"}"#);
        assert_eq!(created.id, "calcom:BOOKING_CREATED:bk_1:2026-11-20T10:00:00.000Z");
        assert_eq!((created.kind, created.subject.as_deref()), (EventType::AppointmentBooked, Some("bk_1")));
        assert_eq!(created.time, "2026-11-20T10:00:00Z".parse::<Timestamp>().unwrap());
        assert_eq!(booking("BOOKING_CREATED", r#"{"uid":"bk_1","title":"b"}"#), created);
        let kinds = [
            ("BOOKING_RESCHEDULED", EventType::AppointmentRescheduled),
            ("BOOKING_CANCELLED", EventType::AppointmentCancelled),
            ("BOOKING_REQUESTED", EventType::AppointmentChanged),
            ("BOOKING_REJECTED", EventType::AppointmentChanged),
            ("MEETING_ENDED", EventType::OtherUnknown),
        ];
        for (trigger, kind) in kinds {
            assert_eq!(booking(trigger, r#"{"uid":"bk_1"}"#).kind, kind, "{trigger}");
        }
        let no_show = booking("BOOKING_NO_SHOW_UPDATED", r#"{"bookingUid":"bk_1","message":"m","attendees":[]}"#);
        assert_eq!((no_show.kind, no_show.subject.as_deref()), (EventType::AppointmentNoShow, Some("bk_1")));
    }

    #[test]
    fn without_a_time_the_content_tells_repeats_apart() {
        let of = |title: &str| {
            named(&format!(r#"{{"triggerEvent":"BOOKING_CREATED","payload":{{"uid":"b","title":"{title}"}}}}"#))
        };
        assert!(of("a").id == of("a").id && of("a").id != of("b").id);
        assert_eq!(of("a").time, "2026-11-21T00:00:00Z".parse::<Timestamp>().unwrap());
    }

    #[test]
    fn a_ping_is_kept_and_no_fault() {
        for body in [r#"{"triggerEvent":"PING"}"#, r#"{"triggerEvent":"PING","createdAt":"x","payload":{}}"#] {
            let ping = named(body);
            assert_eq!((ping.kind, ping.fault, ping.subject), (EventType::OtherUnknown, None, None), "{body}");
        }
    }

    #[test]
    fn an_unreadable_body_is_kept_with_its_reason() {
        let long = format!(r#"{{"triggerEvent":"BOOKING_CREATED","payload":{{"uid":"{}"}}}}"#, "x".repeat(129));
        for body in ["", "[]", "name=Noor", r#"{"triggerEvent":7}"#, r#"{"triggerEvent":"BOOKING_CREATED"}"#, &long] {
            let unreadable = named(body);
            assert!(unreadable.fault.is_some() && unreadable.id.starts_with("calcom:unreadable:"), "{body}");
            assert_eq!(unreadable.kind, EventType::OtherUnknown);
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = name(&body, Timestamp::UNIX_EPOCH);
        }
    }
}
