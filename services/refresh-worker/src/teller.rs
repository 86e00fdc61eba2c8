//! Tells the org's memory vendor what was said in a call, step by step; each step is committed before the next one begins.
//!
//! What is at the vendor while nobody knows whether it has arrived (`adding`) is read back before it is told again. At the end
//! the vendor is asked until it tells what it was told, and then, or after five minutes, everybody hears of it.

mod steps;
mod store;
mod turns;

use std::{sync::Arc, time::Duration};

use bus::Bus;
use bytes::Bytes;
use chrono::Utc;
use context::{Accounts, MemoryAccount};
use contract::{Envelope, EventType, OrgId, Source};
use futures_util::future::join_all;
use metrics::counter;
use orgs::Live;
use serde_json::json;
use sqlx::PgPool;
use tokio::sync::Notify;
use vendors::{VendorError, Vendors};

use crate::desk::{Desk, pause};
use store::{Ended, Row};

/// Failures after which a call is given up; some days of them.
const FAILURES_MAX: u32 = 500;
/// Of failures that are not the call's own so many count: enough for the longest pause.
const TROUBLES_MAX: u32 = 10;

/// The teller of a process.
pub(crate) struct Teller {
    pool: PgPool,
    bus: Bus,
    orgs: Live,
    vendors: Vendors,
    woken: Notify,
}

/// Why a row is left for now, or for good.
pub(crate) enum Halt {
    /// Its lease has run out; somebody else may have it.
    Lost,
    /// It is as it should be: to be looked at again after so long.
    Wait(Duration),
    /// It failed, and may succeed after a pause that grows.
    Failed(String),
    /// Who would be told can't be: through no fault of the call's, so that this gives up no call. After so long, or a pause
    /// that grows.
    Trouble(Option<Duration>, String),
    /// The vendor does not want this call, and will not want it later.
    Refused(String),
    /// It came to its end.
    Ended(Ended, Option<String>),
    /// Our own store failed.
    Store(sqlx::Error),
}

impl From<sqlx::Error> for Halt {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error)
    }
}

impl From<VendorError> for Halt {
    fn from(error: VendorError) -> Self {
        match error {
            VendorError::RateLimited(wait) => Self::Trouble(Some(wait), error.to_string()),
            // A wrong key, plan or address is put right some day, and what was said is still to be told then.
            VendorError::Refused(300..=399 | 401..=404, _) => Self::Trouble(None, error.to_string()),
            error if error.is_passing() => Self::Failed(error.to_string()),
            error => Self::Refused(error.to_string()),
        }
    }
}

impl Teller {
    pub(crate) fn new(pool: PgPool, bus: Bus, orgs: Live, vendors: Vendors) -> Self {
        Self { pool, bus, orgs, vendors, woken: Notify::new() }
    }

    /// Goes as far as it can with one row, then leaves it as it should be found.
    async fn tell(&self, org: &OrgId, mut row: Row) -> sqlx::Result<()> {
        let halt = match self.account(org, &row) {
            Ok(account) => match self.advance(org, &account, &mut row).await {
                Err(halt) => halt,
                Ok(never) => match never {},
            },
            Err(halt) => halt,
        };
        match halt {
            Halt::Lost => Ok(()),
            Halt::Wait(time) => row.wait(&self.pool, org, time).await,
            Halt::Failed(why) if row.failures() >= FAILURES_MAX => {
                self.end(org, &row, Ended::GivenUp, Some(format!("it has failed too often: {why}"))).await
            }
            Halt::Failed(why) => row.failed(&self.pool, org, pause(row.failures()), true, &why).await,
            Halt::Trouble(time, why) => {
                let time = time.unwrap_or_else(|| pause(row.failures()));
                row.failed(&self.pool, org, time, row.failures() < TROUBLES_MAX, &why).await
            }
            Halt::Refused(why) => self.refused(org, &row, why).await,
            Halt::Ended(ended, why) => self.end(org, &row, ended, why).await,
            Halt::Store(error) => Err(error),
        }
    }

    /// Who is to be told.
    fn account(&self, org: &OrgId, row: &Row) -> Result<Arc<MemoryAccount>, Halt> {
        let failed = |why: &str| Halt::Trouble(None, why.to_owned());
        let directory = self.orgs.directory().ok_or_else(|| failed("no orgs loaded yet"))?;
        let account = directory.org(org).and_then(|live| Accounts::of(live).memory());
        let same = |account: &MemoryAccount| row.vendor.as_deref().is_none_or(|known| known == vendor(account));
        match account {
            Some(Ok(account)) if same(&account) => Ok(account),
            Some(Err(error)) => Err(failed(&error.to_string())),
            // What is known may be older than the org.
            _ if !self.orgs.is_current() => Err(failed("the orgs may have changed")),
            Some(Ok(_)) => Err(Halt::Ended(Ended::GivenUp, Some("the org has another vendor now".to_owned()))),
            None => Err(Halt::Ended(Ended::Untold, Some("the org has no memory vendor".to_owned()))),
        }
    }

    /// Tells everybody that there is something new to be read, if there is; then marks the row. In this order: a mark without
    /// the news would hide the memory for as long as it is cached.
    async fn end(&self, org: &OrgId, row: &Row, ended: Ended, why: Option<String>) -> sqlx::Result<()> {
        let phone = row.phone.as_ref().filter(|_| row.told > 0 || row.receipt.is_some());
        if let Some(phone) = phone
            && let Err(why) = self.publish(org, row, phone.as_str()).await
        {
            return row.failed(&self.pool, org, pause(0), true, &why).await;
        }
        if row.end(&self.pool, org, ended, why.as_deref()).await? {
            let vendor = row.vendor.clone().unwrap_or_else(|| "none".to_owned());
            counter!("offhook_refresh_memories_total", "vendor" => vendor, "outcome" => ended.as_str()).increment(1);
            if let Some(why) = why.filter(|_| !matches!(ended, Ended::Untold)) {
                tracing::warn!(%org, source = row.source, call = row.call_id, outcome = ended.as_str(), why, "a call may not be remembered");
            }
        }
        Ok(())
    }

    /// A dead letter first: a refusal that nobody hears of would be a loss.
    async fn refused(&self, org: &OrgId, row: &Row, why: String) -> sqlx::Result<()> {
        let vendor = row.vendor.as_deref().unwrap_or("none");
        let Row { source, call_id, .. } = row;
        let id = format!("refused:{vendor}:{source}:{call_id}");
        let envelope = envelope(org, EventType::CallRecorded, id, call_id);
        let body = json!({ "source": source, "call_id": call_id, "vendor": vendor });
        let reason = format!("call {source}:{call_id} at {vendor}: {why}");
        match self.bus.write_dead_letter(crate::NAME, &envelope, Bytes::from(body.to_string()), &reason).await {
            Ok(()) => self.end(org, row, Ended::Refused, Some(why)).await,
            Err(error) => {
                let why = format!("{why}; its dead letter is not stored: {error}");
                row.failed(&self.pool, org, pause(0), true, &why).await
            }
        }
    }

    async fn publish(&self, org: &OrgId, row: &Row, phone: &str) -> Result<(), String> {
        let Row { source, call_id, .. } = row;
        let envelope = envelope(org, EventType::MemoryStored, format!("memory.stored:{source}:{call_id}"), phone);
        let body = json!({ "source": source, "call_id": call_id, "contact_phone": phone });
        let published = self.bus.publish(&envelope, Bytes::from(body.to_string())).await;
        published.map(|_| ()).map_err(|error| format!("memory.stored not published: {error}"))
    }
}

impl Desk for Teller {
    const NAME: &'static str = "teller";

    fn woken(&self) -> &Notify {
        &self.woken
    }

    async fn due(&self, but: Vec<String>) -> sqlx::Result<Vec<String>> {
        store::due(&self.pool, but).await
    }

    async fn work(&self, org: &OrgId) -> sqlx::Result<usize> {
        let rows = Row::claim(&self.pool, org).await?;
        let told = join_all(rows.into_iter().map(|row| self.tell(org, row))).await;
        told.into_iter().collect::<sqlx::Result<Vec<()>>>().map(|told| told.len())
    }
}

/// Of an event that tells what became of a call.
fn envelope(org: &OrgId, kind: EventType, id: String, subject: &str) -> Envelope {
    let now = Utc::now();
    Envelope {
        org: org.clone(),
        source: Source::REFRESH_WORKER,
        channel: String::new(),
        id,
        kind,
        subject: Some(subject.to_owned()),
        time: now,
        received_at: now,
        content_type: "application/json".to_owned(),
        fault: None,
    }
}

/// The vendor's name.
pub(crate) fn vendor(account: &MemoryAccount) -> &'static str {
    match account {
        MemoryAccount::Zep(_) => "zep",
        MemoryAccount::Mem0(_) => "mem0",
    }
}
