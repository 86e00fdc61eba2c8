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
    /// It failed, and may succeed after so long; or after a pause that grows.
    Failed(Option<Duration>, String),
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
            VendorError::RateLimited(wait) => Self::Failed(Some(wait), error.to_string()),
            // A key that is wrong is put right some day, and what was said is still to be told then.
            VendorError::Refused(401 | 403, _) => Self::Failed(None, error.to_string()),
            error if error.is_passing() => Self::Failed(None, error.to_string()),
            error => Self::Ended(Ended::Refused, Some(error.to_string())),
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
            Halt::Failed(..) if row.failures() >= FAILURES_MAX => {
                self.end(org, &row, Ended::GivenUp, Some("it has failed too often".to_owned())).await
            }
            Halt::Failed(time, why) => {
                tracing::debug!(%org, source = row.source, call = row.call_id, why, "not remembered yet");
                row.failed(&self.pool, org, time.unwrap_or_else(|| pause(row.failures())), &why).await
            }
            Halt::Ended(ended, why) => self.end(org, &row, ended, why).await,
            Halt::Store(error) => Err(error),
        }
    }

    /// Who is to be told.
    fn account(&self, org: &OrgId, row: &Row) -> Result<Arc<MemoryAccount>, Halt> {
        let failed = |why: &str| Halt::Failed(None, why.to_owned());
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
            return row.failed(&self.pool, org, pause(0), &why).await;
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

    async fn publish(&self, org: &OrgId, row: &Row, phone: &str) -> Result<(), String> {
        let Row { source, call_id, .. } = row;
        let now = Utc::now();
        let envelope = Envelope {
            org: org.clone(),
            source: Source::REFRESH_WORKER,
            channel: String::new(),
            id: format!("memory.stored:{source}:{call_id}"),
            kind: EventType::MemoryStored,
            subject: Some(phone.to_owned()),
            time: now,
            received_at: now,
            content_type: "application/json".to_owned(),
            fault: None,
        };
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

/// The vendor's name.
pub(crate) fn vendor(account: &MemoryAccount) -> &'static str {
    match account {
        MemoryAccount::Zep(_) => "zep",
        MemoryAccount::Mem0(_) => "mem0",
    }
}
