//! An appointment in our own words, whichever calendar told of it.
//!
//! Holds what one event says; merging several events is the work of whoever owns the rows.

use serde::{Deserialize, Serialize};

use crate::{PhoneNumber, Timestamp};

/// How an appointment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppointmentStatus {
    /// Asked for; the host has not agreed yet.
    Requested,
    /// It takes place.
    Booked,
    /// Called off by either side.
    Cancelled,
    /// The host did not agree.
    Rejected,
    /// Moved, at a vendor that keeps the moved one under a new id.
    Rescheduled,
}

/// What one event says of an appointment. `None` means that the event does not say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AppointmentFacts {
    /// Who keeps it: `calcom`, `highlevel`.
    pub vendor: Option<String>,
    /// Its id there.
    pub external_id: Option<String>,
    /// The id that it had before it was moved, at vendors that give a moved one a new id.
    pub previous_external_id: Option<String>,
    /// See [`AppointmentStatus`].
    pub status: Option<AppointmentStatus>,
    /// Whether the person did not come; both answers can follow each other.
    pub no_show: Option<bool>,
    /// When it begins.
    pub starts_at: Option<Timestamp>,
    /// When it is over.
    pub ends_at: Option<Timestamp>,
    /// When it began before it was moved.
    pub previous_starts_at: Option<Timestamp>,
    /// When it ended before it was moved.
    pub previous_ends_at: Option<Timestamp>,
    /// What it is about, in the vendor's words.
    pub title: Option<String>,
    /// The calendar, or sort of appointment, by the vendor's id.
    pub calendar: Option<String>,
    /// The person, by the vendor's id.
    pub attendee_id: Option<String>,
    /// The person's name.
    pub attendee_name: Option<String>,
    /// The person's e-mail address.
    pub attendee_email: Option<String>,
    /// The person's number.
    pub attendee_phone: Option<PhoneNumber>,
    /// The person's time zone, by its IANA name as the vendor wrote it.
    pub attendee_time_zone: Option<String>,
    /// Where: an address, a link or the vendor's word for a sort of place.
    pub location: Option<String>,
    /// Why it was called off, in the words of whoever did.
    pub cancellation_reason: Option<String>,
}
