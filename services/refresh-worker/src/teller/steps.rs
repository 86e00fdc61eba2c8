//! The steps from a call that is due to a memory that is told: intent, vendor, commit, over and over; then reading back.

use std::{convert::Infallible, time::Duration};

use context::MemoryAccount;
use contract::{OrgId, PhoneNumber};
use serde_json::Map;
use tokio::time::Instant;
use vendors::{
    By, Message, UserId, VendorError,
    mem0::{self, Progress},
    zep,
};

use super::{
    Halt, Teller,
    store::{Ended, Row, State},
    turns::messages,
    vendor,
};

/// One step at a vendor, repetition and waiting for the budget included; the lease is longer.
const STEP_MAX: Duration = Duration::from_secs(12);
/// For so long after all is told the vendor is asked whether it tells it.
const READ_BACK_MAX: Duration = Duration::from_mins(5);
/// Between two such questions; the greater the longer it takes.
const ASK_EVERY: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3);
/// mem0 may show what it took unheard so much later.
const UNHEARD_MAX: Duration = Duration::from_mins(1);
/// Between two looks whether it does.
const UNHEARD_EVERY: Duration = Duration::from_secs(5);
/// What says in mem0's metadata from which call a memory is.
const CALL: &str = "call";

/// From now on. For what may not be done twice it begins before the lease: whoever was stopped in between finds it over.
fn by() -> By {
    By::background(Instant::now() + STEP_MAX)
}

impl Teller {
    /// Goes on until there is a reason to stop.
    pub(super) async fn advance(
        &self,
        org: &OrgId,
        account: &MemoryAccount,
        row: &mut Row,
    ) -> Result<Infallible, Halt> {
        if row.messages.is_none() {
            self.freeze(org, account, row).await?;
        }
        let phone = row.phone.clone().ok_or_else(|| untold("there is no number"))?;
        loop {
            match (row.state, account) {
                (State::Added, _) => return self.read_back(org, account, row).await,
                (_, MemoryAccount::Zep(zep)) => self.tell_zep(org, zep, &phone, row).await?,
                (_, MemoryAccount::Mem0(mem0)) => self.tell_mem0(org, mem0, &phone, row).await?,
            }
        }
    }

    /// What is told from now on, whatever becomes of the call's row.
    async fn freeze(&self, org: &OrgId, account: &MemoryAccount, row: &mut Row) -> Result<(), Halt> {
        let call = row.call(&self.pool, org).await?.ok_or_else(|| untold("the call has gone"))?;
        let phone: PhoneNumber = call.contact_phone.parse().map_err(|_| untold("there is no number"))?;
        let messages: Vec<Message> = zep::batches(&messages(&call)).concat();
        if messages.is_empty() {
            return Err(untold("nothing was said"));
        }
        (row.phone, row.vendor, row.messages) = (Some(phone), Some(vendor(account).to_owned()), Some(messages));
        row.name = call.name;
        held(row.freeze(&self.pool, org).await?)
    }

    /// One more portion of the conversation at Zep.
    async fn tell_zep(
        &self,
        org: &OrgId,
        account: &zep::Account,
        phone: &PhoneNumber,
        row: &mut Row,
    ) -> Result<(), Halt> {
        let zep = self.vendors.zep(account);
        let (user, thread) = (UserId::of(org, phone), format!("{org}:{}:{}", row.source, row.call_id));
        if row.told == 0 {
            zep.ensure_user(&user, row.name.as_deref(), by()).await?;
            zep.ensure_thread(&thread, &user, by()).await?;
        }
        if row.state == State::Adding {
            // Nobody else writes into this thread: what is in it is what has arrived.
            let arrived = zep.thread(&thread, by()).await?.messages;
            if arrived < row.told {
                // Another address, perhaps: not what was asked to keep them.
                return Err(Halt::Trouble(None, "the thread has lost what it had".to_owned()));
            }
            row.told = arrived;
            return self.commit(org, row, State::Due).await;
        }
        let rest = row.messages.iter().flatten().skip(row.told).cloned().collect::<Vec<_>>();
        let Some(portion) = zep::batches(&rest).into_iter().next() else {
            return self.commit(org, row, State::Added).await;
        };
        let by = by();
        self.commit(org, row, State::Adding).await?;
        match zep.add(&thread, &portion, by).await {
            Ok(()) => {
                row.told += portion.len();
                self.commit(org, row, State::Due).await
            }
            Err(error) => Err(self.not_added(org, row, error).await?),
        }
    }

    /// The whole conversation at mem0.
    async fn tell_mem0(
        &self,
        org: &OrgId,
        account: &mem0::Account,
        phone: &PhoneNumber,
        row: &mut Row,
    ) -> Result<(), Halt> {
        let (mem0, user) = (self.vendors.mem0(account), UserId::of(org, phone));
        let call = format!("{}:{}", row.source, row.call_id);
        let messages = row.messages.clone().unwrap_or_default();
        if row.state == State::Adding {
            if mem0.holds(&user, (CALL, &call), by()).await? {
                row.told = messages.len();
                return self.commit(org, row, State::Added).await;
            }
            if row.in_state < UNHEARD_MAX {
                return Err(Halt::Wait(UNHEARD_EVERY));
            }
            self.commit(org, row, State::Due).await?;
        }
        let by = by();
        self.commit(org, row, State::Adding).await?;
        let metadata = Map::from_iter([(CALL.to_owned(), call.into())]);
        match mem0.add(&user, &messages, &metadata, by).await {
            Ok(receipt) => {
                (row.told, row.receipt) = (messages.len(), Some(receipt));
                self.commit(org, row, State::Added).await
            }
            Err(error) => Err(self.not_added(org, row, error).await?),
        }
    }

    /// What did not happen for sure is due again; what may have stays in doubt.
    async fn not_added(&self, org: &OrgId, row: &mut Row, error: VendorError) -> Result<Halt, Halt> {
        if !error.may_have_happened() {
            self.commit(org, row, State::Due).await?;
        }
        Ok(error.into())
    }

    /// Whether the vendor tells what it was told.
    async fn read_back(&self, org: &OrgId, account: &MemoryAccount, row: &Row) -> Result<Infallible, Halt> {
        let asked = match (account, &row.receipt) {
            (MemoryAccount::Zep(zep), _) => {
                let thread = format!("{org}:{}:{}", row.source, row.call_id);
                self.vendors.zep(zep).thread(&thread, by()).await.map(|thread| match thread.processed {
                    true => Progress::Done,
                    false => Progress::Pending,
                })
            }
            (MemoryAccount::Mem0(mem0), Some(receipt)) => self.vendors.mem0(mem0).progress(receipt, by()).await,
            // Found by its memories: they can be read.
            (MemoryAccount::Mem0(_), None) => Ok(Progress::Done),
        };
        let over = row.in_state >= READ_BACK_MAX;
        Err(match asked {
            Ok(Progress::Done) => Halt::Ended(Ended::Stored, None),
            Ok(Progress::Failed) => Halt::Ended(Ended::GivenUp, Some("the vendor could make nothing of it".to_owned())),
            Ok(Progress::Pending) if over => {
                Halt::Ended(Ended::GivenUp, Some("the vendor is not done after five minutes".to_owned()))
            }
            Err(error) if over => Halt::Ended(Ended::GivenUp, Some(error.to_string())),
            Ok(Progress::Pending) => Halt::Wait((row.in_state / 8).clamp(*ASK_EVERY.start(), *ASK_EVERY.end())),
            Err(error) => Halt::Trouble(Some(*ASK_EVERY.end()), error.to_string()),
        })
    }

    /// Commits how far it is, and keeps the row for another lease.
    async fn commit(&self, org: &OrgId, row: &mut Row, state: State) -> Result<(), Halt> {
        held(row.step(&self.pool, org, state).await?)
    }
}

fn held(held: bool) -> Result<(), Halt> {
    if held { Ok(()) } else { Err(Halt::Lost) }
}

fn untold(why: &str) -> Halt {
    Halt::Ended(Ended::Untold, Some(why.to_owned()))
}
