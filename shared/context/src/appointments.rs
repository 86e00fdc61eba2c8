//! A caller's appointments, by the org's CRM.

use cache::{Key, Kind, Spec};
use chrono::{DateTime, FixedOffset};
use chrono_tz::Tz;
use contract::{OrgId, PhoneNumber};
use serde::{Deserialize, Serialize};

use crate::{kinds, tags};

/// The appointments of a caller.
#[derive(Debug, Clone)]
pub(crate) struct AppointmentsOf {
    pub(crate) org: OrgId,
    pub(crate) phone: PhoneNumber,
    /// The clock on which times without an offset are read.
    pub(crate) zone: Tz,
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
        // They are asked for by the CRM's id of the contact, and there may be none yet.
        Key::of(&self.org).tag(tags::appointments(&self.phone)).tag(tags::contact(&self.phone)).part(self.zone.name())
    }
}
