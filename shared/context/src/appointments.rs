//! A caller's appointments, by the org's CRM.

use std::time::Duration;

use cache::{Key, Kind, Life, Piece, Spec};
use chrono::{DateTime, FixedOffset};
use contract::{OrgId, PhoneNumber};
use serde::{Deserialize, Serialize};

use crate::tags;

/// The appointments of a caller.
#[derive(Debug, Clone)]
pub(crate) struct AppointmentsOf {
    pub(crate) org: OrgId,
    pub(crate) phone: PhoneNumber,
}

/// One that has not been cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// Its id at the vendor.
    pub id: String,
    /// What it is for; may be empty.
    pub title: String,
    /// When it begins.
    pub start: DateTime<FixedOffset>,
}

impl Kind for AppointmentsOf {
    const SPEC: Spec = Spec {
        name: "appointments",
        about: "the caller's appointments",
        shape: 1,
        pieces: &[Piece::Tag(tags::APPOINTMENTS, &["phone"])],
        life: Life {
            fresh: Duration::from_secs(60),
            stale: Duration::from_secs(300),
            in_process: Duration::from_secs(1),
            absent: Duration::from_secs(60),
        },
        compress_over: 1024,
        load_max: Duration::from_secs(15),
    };
    type Value = Vec<Appointment>;

    fn key(&self) -> Key {
        Key::of(&self.org).tag(tags::appointments(&self.phone))
    }
}
