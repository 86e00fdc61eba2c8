//! A simulated booking: the bodies that Cal.com would send while it is made, moved, called off or missed.
//!
//! For the simulator and for tests; never used on a real delivery.

use chrono::{SecondsFormat, TimeDelta};
use contract::{PhoneNumber, Timestamp};
use serde_json::{Value, json};

/// Between the beginnings of a booking before and after it was moved, in days.
const MOVED_BY_DAYS: i64 = 1;

/// What became of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was made.
    Booked,
    /// It was moved by a day, and so became another.
    Rescheduled,
    /// It was called off.
    Cancelled,
    /// Nobody came.
    NoShow,
}

/// A booking as it is after a change.
#[derive(Debug, Clone)]
pub struct Booking {
    /// Cal.com's id.
    pub uid: String,
    /// The id it had before it was moved.
    pub previous_uid: Option<String>,
    /// When it begins.
    pub starts_at: Timestamp,
    /// How long it is, in minutes.
    pub minutes: u32,
    /// Who comes.
    pub name: String,
    /// That person's e-mail address.
    pub email: String,
    /// That person's number.
    pub phone: PhoneNumber,
    /// When the change was told.
    pub at: Timestamp,
}

impl Change {
    /// What Cal.com calls it.
    #[must_use]
    pub fn trigger(self) -> &'static str {
        match self {
            Self::Booked => "BOOKING_CREATED",
            Self::Rescheduled => "BOOKING_RESCHEDULED",
            Self::Cancelled => "BOOKING_CANCELLED",
            Self::NoShow => "BOOKING_NO_SHOW_UPDATED",
        }
    }
}

impl Booking {
    /// The body for `change`.
    #[must_use]
    pub fn body(&self, change: Change) -> Vec<u8> {
        let mut payload = if change == Change::NoShow { self.missed() } else { self.payload() };
        match change {
            Change::Rescheduled => {
                let moved = TimeDelta::days(MOVED_BY_DAYS);
                payload["rescheduleUid"] = json!(self.previous_uid);
                payload["rescheduleStartTime"] = text(self.starts_at - moved);
                payload["rescheduleEndTime"] = text(self.ends_at() - moved);
            }
            Change::Cancelled => {
                payload["status"] = "CANCELLED".into();
                payload["cancellationReason"] = "Something came up.".into();
                payload["cancelledBy"] = self.email.clone().into();
            }
            Change::Booked | Change::NoShow => {}
        }
        let body = json!({ "triggerEvent": change.trigger(), "createdAt": text(self.at), "payload": payload });
        body.to_string().into_bytes()
    }

    fn payload(&self) -> Value {
        json!({
            "uid": self.uid, "bookingId": 5120, "type": "check-up-30", "title": format!("Check-up with {}", self.name),
            "startTime": text(self.starts_at), "endTime": text(self.ends_at()), "length": self.minutes, "eventTypeId": 88,
            "status": "ACCEPTED", "location": "Demo Dental",
            "organizer": { "id": 4, "name": "Ana", "email": "ana@demo.example", "timeZone": "America/New_York" },
            "attendees": [{
                "name": self.name, "email": self.email, "phoneNumber": self.phone, "timeZone": "America/New_York",
                "language": { "locale": "en" },
            }],
            "responses": { "name": { "label": "your_name", "value": self.name } },
        })
    }

    fn missed(&self) -> Value {
        json!({
            "message": format!("{} marked as no-show", self.email), "bookingUid": self.uid, "bookingId": 5120,
            "attendees": [{ "email": self.email, "noShow": true }],
        })
    }

    fn ends_at(&self) -> Timestamp {
        self.starts_at + TimeDelta::minutes(self.minutes.into())
    }
}

fn text(at: Timestamp) -> Value {
    at.to_rfc3339_opts(SecondsFormat::Millis, true).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoded, calcom};
    use contract::EventType;

    #[test]
    fn each_change_is_named_and_read_like_a_real_one() {
        let at: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        let booking = Booking {
            uid: "bk_2".to_owned(),
            previous_uid: Some("bk_1".to_owned()),
            starts_at: at + TimeDelta::days(3),
            minutes: 30,
            name: "Noor Haddad".to_owned(),
            email: "noor@demo.example".to_owned(),
            phone: "+15005550006".parse().unwrap(),
            at,
        };
        for (change, kind) in [
            (Change::Booked, EventType::AppointmentBooked),
            (Change::Rescheduled, EventType::AppointmentRescheduled),
            (Change::Cancelled, EventType::AppointmentCancelled),
            (Change::NoShow, EventType::AppointmentNoShow),
        ] {
            let body = booking.body(change);
            let name = calcom::name(&body, at);
            assert_eq!((name.kind, name.subject.as_deref(), name.time), (kind, Some("bk_2"), at));
            let Ok(Decoded::Appointment(facts)) = calcom::decode(kind, &body) else { panic!("no appointment") };
            assert_eq!(facts.external_id.as_deref(), Some("bk_2"));
            assert_eq!(facts.previous_external_id.is_some(), change == Change::Rescheduled);
            assert_eq!(facts.no_show == Some(true), change == Change::NoShow);
        }
    }
}
