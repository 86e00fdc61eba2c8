//! Appointments of a contact.

use chrono::{DateTime, FixedOffset, NaiveDateTime};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use super::{CONTACTS, HighLevel, VENDOR, VERSION};
use crate::{
    By, VendorError,
    draft::{Draft, Operation},
    lenient::{lenient, readable},
};

/// An appointment, cancelled ones included.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Appointment {
    /// HighLevel's id.
    pub id: String,
    /// Of which calendar.
    #[serde(default, deserialize_with = "lenient")]
    pub calendar_id: Option<String>,
    /// What it is called.
    #[serde(default, deserialize_with = "lenient")]
    pub title: Option<String>,
    /// When it begins.
    #[serde(rename = "startTime")]
    pub start: Time,
    /// When it ends.
    #[serde(default, rename = "endTime", deserialize_with = "lenient")]
    pub end: Option<Time>,
    #[serde(default, deserialize_with = "lenient")]
    appointment_status: Option<Status>,
    #[serde(default, deserialize_with = "lenient", rename = "status")]
    other_status: Option<Status>,
}

/// How an appointment stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Status {
    /// Not confirmed yet.
    New,
    /// It will take place.
    Confirmed,
    /// It won't.
    Cancelled,
    /// The contact was there.
    Showed,
    /// The contact was not.
    NoShow,
    /// HighLevel takes it for a mistake.
    Invalid,
    /// What HighLevel has thought of since, in its own word; empty when it names none.
    Other(String),
}

/// A time as HighLevel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// With its offset.
    Exact(DateTime<FixedOffset>),
    /// Without one; whose clock it is, HighLevel does not document.
    Local(NaiveDateTime),
}

impl From<String> for Status {
    fn from(name: String) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "new" => Self::New,
            "confirmed" => Self::Confirmed,
            "cancelled" | "canceled" => Self::Cancelled,
            "showed" => Self::Showed,
            "noshow" | "no_show" | "no-show" => Self::NoShow,
            "invalid" => Self::Invalid,
            _ => Self::Other(name),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let local =
            || ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f"].map(|form| NaiveDateTime::parse_from_str(&text, form));
        match DateTime::parse_from_rfc3339(&text) {
            Ok(time) => Ok(Self::Exact(time)),
            Err(_) => local().into_iter().flatten().next().map(Self::Local).ok_or_else(|| D::Error::custom("no time")),
        }
    }
}

impl Time {
    /// The moment, if its clock is that of `zone` where it names none. Of two, the first; `None` where the clock skips it.
    #[must_use]
    pub fn in_zone(self, zone: Tz) -> Option<DateTime<FixedOffset>> {
        match self {
            Self::Exact(time) => Some(time),
            Self::Local(time) => time.and_local_timezone(zone).earliest().map(|time| time.fixed_offset()),
        }
    }
}

impl Appointment {
    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let status = self.appointment_status.as_ref().or(self.other_status.as_ref());
        status.cloned().unwrap_or(Status::Other(String::new()))
    }
}

#[derive(Deserialize)]
struct Events {
    events: Vec<Value>,
}

impl HighLevel<'_> {
    /// The contact's appointments, whatever their status.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn appointments(&self, contact_id: &str, by: By) -> Result<Vec<Appointment>, VendorError> {
        let draft = Draft::get(["contacts", contact_id, "appointments"]).header(VERSION, CONTACTS);
        let events: Events = self.line.call(by, Operation::repeatable("appointments"), draft).await?;
        Ok(readable(events.events, VENDOR.name, "appointments"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_and_without_offset_are_told_apart() {
        let of = |text: &str| serde_json::from_value::<Time>(text.into()).ok();
        assert!(matches!(of("2026-12-01T09:00:00-05:00"), Some(Time::Exact(_))));
        for local in ["2026-12-01 09:00:00", "2026-12-01T09:00:00", "2026-12-01T09:00:00.000"] {
            let moment = of(local).and_then(|time| time.in_zone(Tz::America__New_York)).unwrap();
            assert_eq!(moment.to_rfc3339(), "2026-12-01T09:00:00-05:00", "{local}");
        }
        assert_eq!(of("tomorrow"), None);
        assert_eq!(of("2026-03-08 02:30:00").unwrap().in_zone(Tz::America__New_York), None, "the clock skips it");
    }
}
