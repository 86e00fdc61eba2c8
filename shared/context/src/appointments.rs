//! A caller's appointments: by the org's CRM, or by Cal.com where a branch's calendar is there.
//!
//! Cal.com finds bookings by e-mail address alone. Who is asked about is told by their number and nothing else: an address that
//! our tables know may be one that was only heard on a call, so of what it finds, that is theirs which has their number too.

use std::sync::Arc;

use cache::{Key, Kind, LoadError, Loaded, Read, Spec};
use chrono::{DateTime, FixedOffset};
use chrono_tz::Tz;
use contract::{OrgId, PhoneNumber};
use orgs::Branch;
use serde::{Deserialize, Serialize};
use vendors::{calcom, highlevel};

use crate::{
    Accounts, Library,
    accounts::{CALCOM, HIGHLEVEL},
    kinds,
    loaders::{self, Purpose},
    tags,
};

/// The appointments of a caller.
#[derive(Debug, Clone)]
pub(crate) struct AppointmentsOf {
    pub(crate) org: OrgId,
    pub(crate) phone: PhoneNumber,
    pub(crate) agenda: Agenda,
}

/// Who is asked for the appointments of those who call a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agenda {
    /// The clock on which times without an offset are read.
    pub(crate) zone: Tz,
    /// The vendor that keeps them.
    pub(crate) vendor: &'static str,
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
        // They are asked for by what the contact is at the vendor, its id or its address, and there may be none yet.
        let key = Key::of(&self.org).tag(&tags::appointments(&self.phone)).tag(&tags::contact(&self.phone));
        key.part(self.agenda.zone.name()).part(self.agenda.vendor)
    }
}

impl Agenda {
    /// Of this branch: Cal.com's if its calendar is there, else the CRM's.
    #[must_use]
    pub fn of(branch: Option<&Branch>) -> Self {
        let calendar = branch.and_then(|branch| branch.calendar.as_ref());
        let zone = branch.map_or(Tz::UTC, |branch| branch.time_zone);
        calendar.and_then(|calendar| Self::at(&calendar.vendor, zone)).unwrap_or(Self { zone, vendor: HIGHLEVEL })
    }

    /// At this vendor, if it keeps any.
    pub(crate) fn at(vendor: &str, zone: Tz) -> Option<Self> {
        let vendor = [HIGHLEVEL, CALCOM].into_iter().find(|known| *known == vendor)?;
        Some(Self { zone, vendor })
    }
}

/// How each vendor is asked.
impl Library {
    /// By the CRM's contact, who is asked for first, unless they are cached.
    pub(crate) async fn appointments_at_highlevel(
        self,
        accounts: Accounts,
        account: Arc<highlevel::Account>,
        asked: AppointmentsOf,
        purpose: Purpose,
    ) -> Loaded<Vec<Appointment>> {
        let contact = match self.crm_contact_asked(&accounts, &asked.org, &asked.phone, purpose) {
            None => return Loaded::Absent,
            Some(Ok((kind, load))) => self.cache.get(&kind, load).await,
            Some(Err(error)) => return Loaded::Failed(error.into()),
        };
        match contact {
            Ok(Read { value: None, .. }) => Loaded::Absent,
            Ok(Read { value: Some(contact), .. }) => {
                loaders::appointments(self.vendors, account, contact.id.clone(), asked.agenda.zone, purpose).await
            }
            Err(error) => Loaded::Failed(error.into()),
        }
    }

    /// By number, and by the address that our own tables know. The CRM is not asked for one: a calendar has not to wait for it.
    pub(crate) async fn appointments_at_calcom(
        self,
        account: Arc<calcom::Account>,
        asked: AppointmentsOf,
        purpose: Purpose,
    ) -> Loaded<Vec<Appointment>> {
        match self.address(&asked).await {
            Ok(address) => {
                loaders::bookings(self.vendors, account, asked.phone, address, asked.agenda.zone, purpose).await
            }
            Err(error) => Loaded::Failed(error.into()),
        }
    }

    async fn address(&self, asked: &AppointmentsOf) -> Result<Option<String>, LoadError> {
        let (kind, load) = self.contact_asked(&asked.org, &asked.phone);
        let contact = self.cache.get(&kind, load).await?.value;
        Ok(contact.and_then(|contact| contact.email.clone()))
    }
}
