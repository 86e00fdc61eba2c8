//! Reads a HighLevel body into our own words.
//!
//! Lenient field by field: a field of the wrong type is a field the event does not say.

use contract::{AppointmentFacts, AppointmentStatus, ContactFacts, EventType, Source};

use super::body::Body;
use crate::{Decoded, naming::moment_of_text, person};

/// The types that say that a contact, or an appointment, is gone.
const CONTACT_DELETED: &str = "ContactDelete";
const APPOINTMENT_DELETED: &str = "AppointmentDelete";

/// Decodes the body of an event of type `kind`; one that speaks of neither contact nor appointment is [`Decoded::Other`].
///
/// # Errors
/// When the body is no JSON object; the text says where.
pub fn decode(kind: EventType, body: &[u8]) -> Result<Decoded, serde_json::Error> {
    match kind {
        EventType::ContactChanged => Ok(Decoded::Contact(contact(&Body::read(body)?))),
        EventType::AppointmentChanged => Ok(Decoded::Appointment(Box::new(appointment(&Body::read(body)?)))),
        _ => Ok(Decoded::Other),
    }
}

fn contact(body: &Body) -> ContactFacts {
    ContactFacts {
        external_id: body.field("id").map(str::to_owned),
        phone: body.field("phone").and_then(|phone| phone.parse().ok()),
        name: name(body),
        email: body.field("email").and_then(person::email),
        deleted: body.text("type") == Some(CONTACT_DELETED),
    }
}

/// Whichever of its types tells, it tells the whole appointment. The person is named by the CRM's id alone.
fn appointment(body: &Body) -> AppointmentFacts {
    let of = |name| body.within("appointment", name).or_else(|| body.field(name));
    let text = |name| of(name).map(str::to_owned);
    let time = |name| of(name).and_then(moment_of_text);
    let word = of("appointmentStatus").map(str::to_ascii_lowercase);
    let (status, no_show) = word.as_deref().map_or((None, None), standing);
    let deleted = body.text("type") == Some(APPOINTMENT_DELETED);
    AppointmentFacts {
        vendor: Some(Source::HIGHLEVEL.to_string()),
        external_id: text("id"),
        status: if deleted { Some(AppointmentStatus::Cancelled) } else { status },
        no_show: no_show.filter(|_| !deleted),
        starts_at: time("startTime"),
        ends_at: time("endTime"),
        title: text("title"),
        calendar: text("calendarId"),
        attendee_id: text("contactId"),
        location: text("address"),
        ..AppointmentFacts::default()
    }
}

/// How an appointment stands by HighLevel's word, an open set, and whether the person did not come: the one word tells both.
fn standing(word: &str) -> (Option<AppointmentStatus>, Option<bool>) {
    let status = match word {
        "confirmed" | "showed" | "noshow" => AppointmentStatus::Booked,
        "new" => AppointmentStatus::Requested,
        "cancelled" | "canceled" => AppointmentStatus::Cancelled,
        "invalid" => AppointmentStatus::Rejected,
        _ => return (None, None),
    };
    (Some(status), Some(word == "noshow"))
}

/// The whole name, or what there is of its parts.
fn name(body: &Body) -> Option<String> {
    let parts =
        || [body.field("firstName"), body.field("lastName")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    person::name(&body.field("name").map_or_else(parts, str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(body: &str) -> ContactFacts {
        match decode(EventType::ContactChanged, body.as_bytes()) {
            Ok(Decoded::Contact(facts)) => facts,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_contact_is_read_from_both_shapes() {
        let fields = r#""id":"c1","firstName":"Noor","lastName":"Haddad","name":" Noor Haddad ","email":"noor@example.com","phone":"+1 (500) 555-0006""#;
        let expected = ContactFacts {
            external_id: Some("c1".to_owned()),
            phone: Some("+15005550006".parse().unwrap()),
            name: Some("Noor Haddad".to_owned()),
            email: Some("noor@example.com".to_owned()),
            deleted: false,
        };
        assert_eq!(facts(&format!(r#"{{"type":"ContactUpdate","locationId":"l",{fields}}}"#)), expected);
        assert_eq!(facts(&format!(r#"{{"type":"ContactUpdate","locationId":"l","data":{{{fields}}}}}"#)), expected);
    }

    #[test]
    fn what_is_no_name_number_or_address_is_not_said() {
        let none = facts(
            r#"{"type":"ContactUpdate","id":"c1","name":"","firstName":null,"lastName":7,"email":"nobody","phone":"555-0006"}"#,
        );
        assert_eq!(none, ContactFacts { external_id: Some("c1".to_owned()), ..ContactFacts::default() });
        let parts = facts(r#"{"type":"ContactCreate","id":"c1","firstName":"A\u0000na","lastName":"Ruiz\ud83d"}"#);
        assert_eq!(parts.name.as_deref(), Some("Ana Ruiz\u{fffd}"));
        let long = format!(r#"{{"type":"ContactCreate","name":"{}"}}"#, "n".repeat(201));
        assert_eq!(facts(&long).name, None);
    }

    #[test]
    fn a_deletion_is_told_and_other_types_speak_of_no_contact() {
        assert!(facts(r#"{"type":"ContactDelete","id":"c1"}"#).deleted);
        assert_eq!(decode(EventType::OtherUnknown, b"whatever").unwrap(), Decoded::Other);
        assert!(decode(EventType::ContactChanged, b"[]").is_err());
    }

    fn appointment_facts(kind: &str, fields: &str) -> AppointmentFacts {
        let body = format!(r#"{{"type":"{kind}","locationId":"l","appointment":{{{fields}}}}}"#);
        match decode(EventType::AppointmentChanged, body.as_bytes()) {
            Ok(Decoded::Appointment(facts)) => *facts,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_appointment_is_read_whole_from_either_shape() {
        let text = |text: &str| Some(text.to_owned());
        let fields = r#""id":"aptQ1","calendarId":"cal7","contactId":"ctcZ9y8X7","title":"Intro","appointmentStatus":"confirmed",
            "address":"https://video.example.com/r/1","startTime":"2026-11-24T09:00:00+01:00","endTime":"2026-11-24T09:30:00+01:00",
            "dateUpdated":"2026-11-20T11:05:00+01:00""#;
        let expected = AppointmentFacts {
            vendor: text("highlevel"),
            external_id: text("aptQ1"),
            status: Some(AppointmentStatus::Booked),
            no_show: Some(false),
            starts_at: "2026-11-24T08:00:00Z".parse().ok(),
            ends_at: "2026-11-24T08:30:00Z".parse().ok(),
            title: text("Intro"),
            calendar: text("cal7"),
            attendee_id: text("ctcZ9y8X7"),
            location: text("https://video.example.com/r/1"),
            ..AppointmentFacts::default()
        };
        assert_eq!(appointment_facts("AppointmentCreate", fields), expected);
        let flat = format!(r#"{{"type":"AppointmentUpdate","locationId":"l","data":{{{fields}}}}}"#);
        let flat = decode(EventType::AppointmentChanged, flat.as_bytes()).unwrap();
        assert_eq!(flat, Decoded::Appointment(Box::new(expected)));
    }

    #[test]
    fn the_one_word_tells_how_it_stands_and_whether_they_came() {
        use AppointmentStatus::{Booked, Cancelled, Rejected, Requested};
        let standing = |kind, word: &str| {
            let facts = appointment_facts(kind, &format!(r#""id":"a","appointmentStatus":"{word}""#));
            (facts.status, facts.no_show)
        };
        for (word, status, no_show) in [
            ("confirmed", Booked, false),
            ("showed", Booked, false),
            ("noshow", Booked, true),
            ("NoShow", Booked, true),
            ("new", Requested, false),
            ("cancelled", Cancelled, false),
            ("invalid", Rejected, false),
        ] {
            assert_eq!(standing("AppointmentUpdate", word), (Some(status), Some(no_show)), "{word}");
        }
        assert_eq!(standing("AppointmentUpdate", "odd"), (None, None));
        assert_eq!(standing("AppointmentDelete", "confirmed"), (Some(Cancelled), None));
        let astray =
            appointment_facts("AppointmentCreate", r#""id":7,"startTime":"soon","calendarId":null,"title":" ""#);
        let nothing = AppointmentFacts { vendor: Some("highlevel".to_owned()), ..AppointmentFacts::default() };
        assert_eq!(astray, nothing);
    }
}
