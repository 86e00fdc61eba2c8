//! Everything that is behind the one lock: what the vendors keep, the faults, the journal, the windows.

use std::time::Duration;

use axum::http::StatusCode;
use chrono::Utc;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    calcom,
    call::{Call, Moment},
    fault::{Rule, meet},
    fault_input::Wanted,
    highlevel, hubspot,
    journal::Journal,
    operation::Operation,
    reply::Reply,
    settings::Settings,
    state::State,
    vendor::Vendor,
    window::Windows,
    zep,
};

/// What is kept for the vendors, in bytes of the bodies it came in.
const KEPT_BYTES_MAX: usize = 512 * 1024 * 1024;
/// What is added to a body's length for what is made of it.
const RECORD_BYTES: usize = 512;

/// See the module.
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) rules: Vec<Rule>,
    pub(crate) settings: Settings,
    pub(crate) journal: Journal,
    pub(crate) windows: Windows,
    zep_rate: zep::Rate,
    hubspot_searches: hubspot::Searches,
    calcom_rate: calcom::Rate,
    kept_bytes: usize,
    /// Cancelled by the next reset and at the end: whoever waits then waits no longer.
    era: CancellationToken,
}

/// What is known of a request when it has arrived.
pub(crate) struct Arrival {
    pub(crate) seq: u64,
    /// The vendor's rate headers.
    pub(crate) headers: Vec<(&'static str, u64)>,
    pub(crate) era: CancellationToken,
    /// What to do with it, or what the gateway says to it.
    pub(crate) plan: Result<Plan, Reply>,
}

/// How a request that got in is carried out.
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) fault: Option<Rule>,
}

impl World {
    pub(crate) fn new(shutdown: &CancellationToken) -> Self {
        Self {
            state: State::seeded(),
            rules: Vec::new(),
            settings: Settings::default(),
            journal: Journal::default(),
            windows: Windows::default(),
            zep_rate: zep::Rate::default(),
            hubspot_searches: hubspot::Searches::default(),
            calcom_rate: calcom::Rate::default(),
            kept_bytes: 0,
            era: shutdown.child_token(),
        }
    }

    /// Back to the seed; the numbers of the journal go on.
    pub(crate) fn reset(&mut self, shutdown: &CancellationToken) {
        self.era.cancel();
        let mut journal = std::mem::take(&mut self.journal);
        journal.reset();
        *self = Self { journal, ..Self::new(shutdown) };
    }

    pub(crate) fn set(&mut self, wanted: Wanted) {
        self.rules = wanted.rules.unwrap_or_else(|| std::mem::take(&mut self.rules));
        self.settings = wanted.settings.unwrap_or_else(|| self.settings.clone());
    }

    /// Now, and what lags behind it.
    fn moment(&self) -> Moment {
        let settings = &self.settings;
        Moment {
            now: Instant::now(),
            utc: Utc::now(),
            read_lag: Duration::from_millis(settings.highlevel_read_lag_ms),
            hubspot_lag: Duration::from_millis(settings.hubspot_read_lag_ms),
            calcom_lag: Duration::from_millis(settings.calcom_read_lag_ms),
            memory_lag: Duration::from_millis(settings.memory_lag_ms),
        }
    }

    /// Somebody books at Cal.com, from elsewhere: no request of ours.
    pub(crate) fn book(&mut self, wanted: &Value) -> Result<Value, String> {
        self.keeps(wanted)?;
        let moment = self.moment();
        calcom::bookings::add(&mut self.state.calcom, wanted, &moment)
    }

    /// Somebody cancels there; `None` if there is no such booking.
    pub(crate) fn unbook(&mut self, uid: &str) -> Option<Value> {
        let moment = self.moment();
        calcom::bookings::cancel(&mut self.state.calcom, uid, &moment)
    }

    /// Makes room for what came from elsewhere, if there is any.
    fn keeps(&mut self, wanted: &Value) -> Result<(), String> {
        if self.kept_bytes >= KEPT_BYTES_MAX {
            return Err("the sandbox is full; POST /_sandbox/reset".to_owned());
        }
        self.kept_bytes += wanted.to_string().len() + RECORD_BYTES;
        Ok(())
    }

    /// Writes a request down and decides what becomes of it.
    pub(crate) fn arrive(&mut self, operation: &Operation, call: &Call) -> Arrival {
        let vendor = operation.vendor;
        let account = vendor.account(&self.state, call);
        let seq = self.journal.open(operation, account.clone(), call);
        let limit = self.settings.rate_per_10_s(vendor);
        let standing = self.windows.note(vendor, &account, Instant::now(), limit);
        let mut passes = standing.passes;
        let headers = match vendor {
            Vendor::Highlevel => highlevel::rate_headers(&standing, limit),
            Vendor::Hubspot if operation.is_search() => Vec::new(),
            Vendor::Hubspot => hubspot::rate_headers(&standing, limit),
            Vendor::Calcom => {
                let minute = self.calcom_rate.note(Instant::now(), self.settings.calcom_rate_per_60_s);
                passes = minute.passes;
                minute.headers()
            }
            Vendor::Zep => self.zep_rate.headers(Utc::now()),
            Vendor::Mem0 | Vendor::Langfuse => Vec::new(),
        };
        let plan = vendor.admit(operation, call).and_then(|()| {
            if !passes {
                return Err(vendor.error(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"));
            }
            let searches = self.settings.hubspot_searches_per_s;
            if vendor == Vendor::Hubspot
                && operation.is_search()
                && !self.hubspot_searches.passes(Instant::now(), searches)
            {
                return Err(hubspot::too_many_searches());
            }
            let fault = meet(&mut self.rules, operation, &account);
            let delay = fault.as_ref().and_then(Rule::delay).unwrap_or_else(|| self.settings.delay(operation));
            Ok(Plan { delay, fault })
        });
        Arrival { seq, headers, era: self.era.clone(), plan }
    }

    /// Carries the operation out, unless the era it came in is over.
    pub(crate) fn effect(&mut self, operation: &Operation, call: &Call, era: &CancellationToken) -> Reply {
        let vendor = operation.vendor;
        if era.is_cancelled() {
            return over(vendor);
        }
        if let Some((status, reason)) = call.unread {
            return vendor.error(status, reason);
        }
        if operation.keeps && self.kept_bytes >= KEPT_BYTES_MAX {
            return vendor.error(StatusCode::INSUFFICIENT_STORAGE, "the sandbox is full; POST /_sandbox/reset");
        }
        let moment = self.moment();
        match (operation.run)(&mut self.state, call, &moment) {
            Ok(reply) => {
                self.kept_bytes += if operation.keeps { call.bytes.len() + RECORD_BYTES } else { 0 };
                reply
            }
            Err(refusal) => refusal,
        }
    }
}

/// What a request is told whose era is over.
pub(crate) fn over(vendor: Vendor) -> Reply {
    vendor.error(StatusCode::SERVICE_UNAVAILABLE, "the sandbox was reset or is shutting down")
}
