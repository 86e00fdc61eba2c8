//! A caller's appointments, by the org's CRM.

use cache::{Key, Kind, Spec};
use chrono::{DateTime, FixedOffset};
use contract::{OrgId, PhoneNumber};
use serde::{Deserialize, Serialize};

use crate::{kinds, tags};

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
    const SPEC: Spec = kinds::APPOINTMENTS;
    type Value = Vec<Appointment>;

    fn key(&self) -> Key {
        Key::of(&self.org).tag(tags::appointments(&self.phone))
    }
}
