//! Reads a HighLevel body into our own words.
//!
//! Lenient field by field: a field of the wrong type is a field the event does not say.

use contract::{ContactFacts, EventType};

use super::body::Body;
use crate::{Decoded, person};

/// The type that says that a contact is gone.
const DELETED: &str = "ContactDelete";

/// Decodes the body of an event of type `kind`; one that speaks of no contact is [`Decoded::Other`].
///
/// # Errors
/// When the body is no JSON object; the text says where.
pub fn decode(kind: EventType, body: &[u8]) -> Result<Decoded, serde_json::Error> {
    if kind != EventType::ContactChanged {
        return Ok(Decoded::Other);
    }
    let body = Body::read(body)?;
    Ok(Decoded::Contact(ContactFacts {
        external_id: body.field("id").map(str::to_owned),
        phone: body.field("phone").and_then(|phone| phone.parse().ok()),
        name: name(&body),
        email: body.field("email").and_then(person::email),
        deleted: body.text("type") == Some(DELETED),
    }))
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
        assert_eq!(decode(EventType::AppointmentChanged, b"whatever").unwrap(), Decoded::Other);
        assert!(decode(EventType::ContactChanged, b"[]").is_err());
    }
}
