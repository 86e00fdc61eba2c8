//! What holds when no fault does: the trade's usual delays, lags and limits.

use std::time::Duration;

use serde::Serialize;

use crate::{operation::Operation, vendor::Vendor};

/// All of it; `PUT /_sandbox/faults` sets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Settings {
    pub(crate) delays_ms: Delays,
    /// From a message to the memories made of it, at Zep and mem0.
    pub(crate) memory_lag_ms: u64,
    /// Requests of one HighLevel location in ten seconds.
    pub(crate) highlevel_rate_per_10_s: u64,
    /// From a write of a contact or appointment to HighLevel's lookups, searches, lists and free slots.
    pub(crate) highlevel_read_lag_ms: u64,
    /// Requests of HubSpot in ten seconds.
    pub(crate) hubspot_rate_per_10_s: u64,
    /// Searches of HubSpot in one second.
    pub(crate) hubspot_searches_per_s: u64,
    /// From a write to HubSpot's searches.
    pub(crate) hubspot_read_lag_ms: u64,
    /// Requests of Cal.com in one of its minutes.
    pub(crate) calcom_rate_per_60_s: u64,
    /// From a booking to Cal.com's lists and slots.
    pub(crate) calcom_read_lag_ms: u64,
}

/// From a request to its answer, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Delays {
    /// Contacts, notes, tags and what else is not below `/calendars`.
    pub(crate) highlevel_contacts: u64,
    pub(crate) highlevel_calendars: u64,
    pub(crate) hubspot: u64,
    pub(crate) calcom: u64,
    pub(crate) zep: u64,
    pub(crate) mem0: u64,
    pub(crate) langfuse: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delays_ms: Delays {
                highlevel_contacts: 200,
                highlevel_calendars: 140,
                hubspot: 200,
                calcom: 140,
                zep: 150,
                mem0: 150,
                langfuse: 80,
            },
            memory_lag_ms: 1000,
            highlevel_rate_per_10_s: 100,
            highlevel_read_lag_ms: 0,
            hubspot_rate_per_10_s: 100,
            hubspot_searches_per_s: 4,
            hubspot_read_lag_ms: 0,
            calcom_rate_per_60_s: 120,
            calcom_read_lag_ms: 0,
        }
    }
}

impl Settings {
    /// What one account of a vendor may ask for; no limit is the greatest number.
    pub(crate) fn rate_per_10_s(&self, vendor: Vendor) -> u64 {
        match vendor {
            Vendor::Highlevel => self.highlevel_rate_per_10_s,
            Vendor::Hubspot => self.hubspot_rate_per_10_s,
            Vendor::Calcom | Vendor::Zep | Vendor::Mem0 | Vendor::Langfuse => u64::MAX,
        }
    }

    pub(crate) fn delay(&self, operation: &Operation) -> Duration {
        let delays = &self.delays_ms;
        Duration::from_millis(match operation.vendor {
            Vendor::Highlevel if operation.is_of_calendars() => delays.highlevel_calendars,
            Vendor::Highlevel => delays.highlevel_contacts,
            Vendor::Hubspot => delays.hubspot,
            Vendor::Calcom => delays.calcom,
            Vendor::Zep => delays.zep,
            Vendor::Mem0 => delays.mem0,
            Vendor::Langfuse => delays.langfuse,
        })
    }
}
