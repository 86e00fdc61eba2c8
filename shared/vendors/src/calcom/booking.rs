//! Bookings, as they are read back.

use chrono::{DateTime, FixedOffset};
use contract::PhoneNumber;
use serde::Deserialize;
use serde_json::Value;

use super::{BOOKINGS, Calcom, Envelope, VENDOR, VERSION};
use crate::{
    By, VendorError,
    draft::{Draft, Operation},
    error::found,
    lenient::{lenient, readable},
};

/// The most that one list holds; the vendor's own limit is 250.
const LIST_MAX: u32 = 100;

/// A booking, cancelled ones included.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    /// Cal.com's id of it. To move a booking makes another one, with another id.
    pub uid: String,
    /// What it is called: usually who meets whom.
    #[serde(default, deserialize_with = "lenient")]
    pub title: Option<String>,
    /// How it stands.
    #[serde(default, deserialize_with = "lenient")]
    pub status: Status,
    /// When it begins.
    pub start: DateTime<FixedOffset>,
    /// When it ends.
    #[serde(default, deserialize_with = "lenient")]
    pub end: Option<DateTime<FixedOffset>>,
    /// Who comes.
    #[serde(default, deserialize_with = "lenient")]
    pub attendees: Vec<Attendee>,
    /// The booking that it was before it was moved.
    #[serde(default, deserialize_with = "lenient")]
    pub rescheduled_from_uid: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    booking_fields_responses: Fields,
}

/// Somebody who comes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attendee {
    /// Their name.
    #[serde(default, deserialize_with = "lenient")]
    pub name: Option<String>,
    /// Their e-mail address; see [`address_of`] for those who gave none.
    #[serde(default, deserialize_with = "lenient")]
    pub email: Option<String>,
    /// Their number, if they were asked for it.
    #[serde(default, deserialize_with = "lenient")]
    pub phone_number: Option<String>,
}

/// What the booker answered to the form's own questions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    #[serde(default, deserialize_with = "lenient")]
    attendee_phone_number: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    sms_reminder_number: Option<String>,
}

/// How a booking stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Status {
    /// It will take place, or has.
    Accepted,
    /// The host has yet to say yes.
    Pending,
    /// It won't.
    Cancelled,
    /// The host said no.
    Rejected,
    /// What Cal.com has thought of since, in its own word; empty when it names none.
    Other(String),
}

impl Default for Status {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

impl From<String> for Status {
    fn from(name: String) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "accepted" => Self::Accepted,
            "pending" => Self::Pending,
            "cancelled" | "canceled" => Self::Cancelled,
            "rejected" => Self::Rejected,
            _ => Self::Other(name),
        }
    }
}

/// The address that stands for somebody who booked with a number and no address (calcom/cal.com,
/// `contructEmailFromPhoneNumber`): its digits at `sms.cal.com`.
#[must_use]
pub fn address_of(phone: &PhoneNumber) -> String {
    format!("{}@sms.cal.com", phone.as_str().trim_start_matches('+'))
}

impl Booking {
    /// Whether somebody of this number comes: as an attendee's own, or as the booker's.
    #[must_use]
    pub fn is_of(&self, phone: &PhoneNumber) -> bool {
        let address = address_of(phone);
        let fields = &self.booking_fields_responses;
        let numbers = self.attendees.iter().map(|attendee| &attendee.phone_number);
        let mut numbers = numbers.chain([&fields.attendee_phone_number, &fields.sms_reminder_number]).flatten();
        let mut addresses = self.attendees.iter().filter_map(|attendee| attendee.email.as_deref());
        numbers.any(|number| number.parse().is_ok_and(|number: PhoneNumber| number == *phone))
            || addresses.any(|email| email.eq_ignore_ascii_case(&address))
    }
}

impl Calcom<'_> {
    /// The booking with this id, however it stands.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn booking(&self, uid: &str, by: By) -> Result<Option<Booking>, VendorError> {
        if uid.is_empty() {
            return Err(VendorError::Unsendable("a booking without an id".to_owned()));
        }
        let draft = Draft::get(["v2", "bookings", uid]).header(VERSION, BOOKINGS);
        let answer = found(self.line.call::<Envelope<Booking>>(by, Operation::repeatable("booking"), draft).await);
        Ok(answer?.map(|answer| answer.data))
    }

    /// The bookings to come of whoever has this e-mail address, in order; the first 100, of those that the key's owner may see.
    /// Compared exactly, upper and lower case included.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn upcoming(&self, email: &str, by: By) -> Result<Vec<Booking>, VendorError> {
        // An empty one would be left out of account, and all bookings told.
        if email.trim().is_empty() {
            return Err(VendorError::Unsendable("bookings of nobody".to_owned()));
        }
        let draft = Draft::get(["v2", "bookings"]).header(VERSION, BOOKINGS).query("attendeeEmail", email.trim());
        let draft = draft.query("status", "upcoming").query("sortStart", "asc").query("take", &LIST_MAX);
        let list: Envelope<Vec<Value>> = self.line.call(by, Operation::repeatable("bookings"), draft).await?;
        Ok(readable(list.data, VENDOR.name, "bookings"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_booking_is_of_a_number_wherever_it_stands() {
        let phone: PhoneNumber = "+14155550100".parse().unwrap();
        let booking = |mut more: Value| {
            more["uid"] = json!("b1");
            more["start"] = json!("2026-12-01T14:00:00.000Z");
            serde_json::from_value::<Booking>(more).unwrap().is_of(&phone)
        };
        assert!(booking(json!({ "attendees": [{}, { "phoneNumber": "+1 415 555 0100" }] })));
        assert!(booking(json!({ "attendees": [{ "email": "14155550100@SMS.cal.com" }] })));
        assert!(booking(json!({ "bookingFieldsResponses": { "attendeePhoneNumber": "+14155550100", "notes": 7 } })));
        assert!(booking(json!({ "bookingFieldsResponses": { "smsReminderNumber": "+14155550100" } })));
        for other in [
            json!({}),
            json!({ "attendees": 7, "bookingFieldsResponses": null }),
            json!({ "attendees": [{ "email": "ana@example.com", "phoneNumber": "+14155550101" }] }),
            json!({ "attendees": [{ "phoneNumber": "4155550100" }, { "email": "4155550100@sms.cal.com" }] }),
        ] {
            assert!(!booking(other.clone()), "{other}");
        }
    }
}
