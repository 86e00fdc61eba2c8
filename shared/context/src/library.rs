//! The readers: each thing a call needs to know, through the cache, with its loader.
//!
//! Whoever reads, refreshes or prewarms does it through here, so there is one loader and one shape for each kind. Nobody to
//! ask is `None`; a loader that fails is an error and is never kept.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cache::{Cache, Level, LoadError, Loaded, Read};
use chrono::{DateTime, FixedOffset};
use contract::{OrgId, PhoneNumber};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, join_all},
};
use sqlx::PgPool;
use tokio::{
    sync::oneshot,
    time::{Instant, error::Elapsed, timeout, timeout_at},
};
use vendors::Vendors;

use crate::{
    Accounts, Agenda, Appointment, Contact, ContactFacts, CrmContact, Memory, Prompt,
    accounts::{CalendarAccount, Named, PromptName},
    appointments::AppointmentsOf,
    crm_contact::CrmContactOf,
    loaders::{self, Purpose},
    memory::MemoryOf,
    prompt::PromptOf,
    slots::{DayOf, Slots},
    weeks::{Weeks, in_order},
};

/// How long the request for the days that are missing waits for the look-up of the others.
const LOOK_UPS_MAX: Duration = Duration::from_millis(100);

/// What one thing's reader gets; `None` when there is nobody to ask.
type Asked<T> = Option<Result<Read<T>, LoadError>>;

/// A load of this value that has not begun: most reads need none.
pub(crate) trait Load<V>: FnOnce() -> BoxFuture<'static, Loaded<V>> + Send {}
impl<V, L: FnOnce() -> BoxFuture<'static, Loaded<V>> + Send> Load<V> for L {}

/// One day's free slots, as they were read.
type Day = Result<Read<Vec<DateTime<FixedOffset>>>, LoadError>;

/// The free slots that were found in time.
#[derive(Debug)]
pub struct Week {
    /// When they begin, in order.
    pub slots: Arc<[DateTime<FixedOffset>]>,
    /// The farthest that any of its days came from.
    pub from: Level,
    /// Why days are missing, if any is.
    pub lacks: Option<String>,
}

/// What can be asked; else this reader has its answer.
macro_rules! usable {
    ($named:expr) => {
        match $named? {
            Ok(asked) => asked,
            Err(error) => return Some(Err(LoadError::Failed(std::sync::Arc::new(error)))),
        }
    };
}
pub(crate) use usable;

/// The account that can be asked; else there is nothing to be asked.
macro_rules! reached {
    ($named:expr) => {
        match &$named {
            Some(Ok(account)) => account,
            Some(Err(error)) => return Some(Err(*error)),
            None => return None,
        }
    };
}

/// Everything that can be known about a call. Cheap to clone.
#[derive(Clone)]
pub struct Library {
    pub(crate) cache: Cache,
    pool: PgPool,
    pub(crate) vendors: Vendors,
    pub(crate) weeks: Arc<Weeks>,
}

impl Library {
    /// Over this cache and these origins.
    #[must_use]
    pub fn new(cache: Cache, pool: PgPool, vendors: Vendors) -> Self {
        Self { cache, pool, vendors, weeks: Arc::default() }
    }

    /// Who is calling, by our own tables.
    ///
    /// # Errors
    /// When it had to be loaded and could not be.
    pub async fn contact(&self, org: &OrgId, phone: &PhoneNumber) -> Result<Read<ContactFacts>, LoadError> {
        let (kind, load) = self.contact_asked(org, phone);
        self.cache.get(&kind, load).await
    }

    /// Who is calling, by the CRM.
    pub async fn crm_contact(&self, accounts: &Accounts, org: &OrgId, phone: &PhoneNumber) -> Asked<CrmContact> {
        let (kind, load) = usable!(self.crm_contact_asked(accounts, org, phone, Purpose::Call));
        Some(self.cache.get(&kind, load).await)
    }

    /// What the caller said before.
    pub async fn memory(&self, accounts: &Accounts, org: &OrgId, phone: &PhoneNumber) -> Asked<Memory> {
        let (kind, load) = usable!(self.memory_asked(accounts, org, phone, Purpose::Call));
        Some(self.cache.get(&kind, load).await)
    }

    /// The caller's appointments, at whoever keeps them for the branch that they call.
    pub async fn appointments(
        &self,
        accounts: &Accounts,
        org: &OrgId,
        phone: &PhoneNumber,
        agenda: Agenda,
    ) -> Asked<Vec<Appointment>> {
        let (kind, load) = usable!(self.appointments_asked(accounts, org, phone, agenda, Purpose::Call));
        Some(self.cache.get(&kind, load).await)
    }

    /// A prompt of the org's agents.
    pub async fn prompt(&self, accounts: &Accounts, org: &OrgId, name: &PromptName) -> Asked<Prompt> {
        let (kind, load) = usable!(self.prompt_asked(accounts, org, name, Purpose::Call));
        Some(self.cache.get(&kind, load).await)
    }

    /// The free slots of the next [`DAYS`](crate::DAYS) days, as far as they are known at `deadline`. Days that have to be
    /// loaded are loaded by one request, but for those that another process had in hand.
    pub async fn slots(
        &self,
        accounts: &Accounts,
        org: &OrgId,
        slots: &Slots,
        deadline: Instant,
    ) -> Option<Result<Week, LoadError>> {
        // Before a look into the cache: an account out of reach is told, whatever is kept.
        usable!(accounts.calendar(&slots.calendar.vendor));
        if let Some(slots) = self.weeks.at_hand(&self.cache, org, slots) {
            return Some(Ok(Week { slots, from: Level::Process, lacks: None }));
        }
        let days = usable!(self.days_asked(accounts, org, slots, Purpose::Call));
        let days = days.map(|(day, load)| async move { timeout_at(deadline, self.cache.get(&day, load)).await });
        Some(Ok(Week::of(Box::pin(join_all(days)).await)))
    }
}

/// One builder of kind and loader for those who read and those who warm.
impl Library {
    pub(crate) fn contact_asked(&self, org: &OrgId, phone: &PhoneNumber) -> (Contact, impl Load<ContactFacts>) {
        let contact = Contact { org: org.clone(), phone: phone.clone() };
        let asked = contact.clone();
        (contact, move || asked.load(self.pool.clone()).boxed())
    }

    pub(crate) fn crm_contact_asked(
        &self,
        accounts: &Accounts,
        org: &OrgId,
        phone: &PhoneNumber,
        purpose: Purpose,
    ) -> Named<(CrmContactOf, impl Load<CrmContact>)> {
        let account = reached!(accounts.highlevel);
        let kind = CrmContactOf { org: org.clone(), phone: phone.clone() };
        let load =
            move || loaders::crm_contact(self.vendors.clone(), Arc::clone(account), phone.clone(), purpose).boxed();
        Some(Ok((kind, load)))
    }

    pub(crate) fn memory_asked(
        &self,
        accounts: &Accounts,
        org: &OrgId,
        phone: &PhoneNumber,
        purpose: Purpose,
    ) -> Named<(MemoryOf, impl Load<Memory>)> {
        let account = reached!(accounts.memory);
        let kind = MemoryOf { org: org.clone(), phone: phone.clone() };
        let load = move || loaders::memory(self.vendors.clone(), Arc::clone(account), phone.clone(), purpose).boxed();
        Some(Ok((kind, load)))
    }

    pub(crate) fn appointments_asked(
        &self,
        accounts: &Accounts,
        org: &OrgId,
        phone: &PhoneNumber,
        agenda: Agenda,
        purpose: Purpose,
    ) -> Named<(AppointmentsOf, impl Load<Vec<Appointment>>)> {
        let account = reached!(accounts.calendar(agenda.vendor)).clone();
        let kind = AppointmentsOf { org: org.clone(), phone: phone.clone(), agenda };
        let asked = kind.clone();
        let load = move || {
            let (library, accounts) = (self.clone(), accounts.clone());
            match account {
                CalendarAccount::HighLevel(account) => {
                    library.appointments_at_highlevel(accounts, account, asked, purpose).boxed()
                }
                CalendarAccount::Calcom(account) => library.appointments_at_calcom(account, asked, purpose).boxed(),
            }
        };
        Some(Ok((kind, load)))
    }

    pub(crate) fn prompt_asked(
        &self,
        accounts: &Accounts,
        org: &OrgId,
        name: &PromptName,
        purpose: Purpose,
    ) -> Named<(PromptOf, impl Load<Prompt>)> {
        let account = reached!(accounts.langfuse);
        let kind = PromptOf { org: org.clone(), prompt: name.clone() };
        let load = move || loaders::prompt(self.vendors.clone(), Arc::clone(account), name.clone(), purpose).boxed();
        Some(Ok((kind, load)))
    }

    /// Each day with its loader; those that begin together share one request.
    pub(crate) fn days_asked(
        &self,
        accounts: &Accounts,
        org: &OrgId,
        slots: &Slots,
        purpose: Purpose,
    ) -> Named<impl Iterator<Item = (DayOf, impl Load<Vec<DateTime<FixedOffset>>> + use<>)> + use<>> {
        let account = reached!(accounts.calendar(&slots.calendar.vendor)).clone();
        let (vendors, asked) = (self.vendors.clone(), slots.clone());
        let week = Arc::new(move || loaders::slots(vendors.clone(), account.clone(), asked.clone(), purpose).boxed());
        let (looking, looked) = oneshot::channel::<Infallible>();
        let (looking, sent) = (Arc::new(looking), Arc::new(AtomicBool::new(false)));
        // Begins when the first day needs it, and is shared by all that are found to need it before it is sent.
        let (first, sending) = (Arc::clone(&week), Arc::clone(&sent));
        let range = async move {
            // Ends when no day is being looked up any more.
            timeout(LOOK_UPS_MAX, looked).await.ok();
            sending.store(true, Ordering::SeqCst);
            first().await
        };
        let range = range.boxed().shared();
        let day = move |day: DayOf| {
            let (range, week) = (range.clone(), Arc::clone(&week));
            let (looking, sent, date) = (Arc::clone(&looking), Arc::clone(&sent), day.day);
            let load = async move {
                drop(looking);
                // What was asked before this day was looked up may be older than its last invalidation.
                let days = if sent.load(Ordering::SeqCst) { week().await } else { range.await };
                match days {
                    Ok(days) => Loaded::Found(days.get(&date).cloned().unwrap_or_default()),
                    Err(error) => Loaded::Failed(Arc::clone(&error).into()),
                }
            };
            (day, move || load.boxed())
        };
        Some(Ok(slots.days(org).into_iter().map(day)))
    }
}

impl Week {
    /// Of what became of each day.
    fn of(days: Vec<Result<Day, Elapsed>>) -> Self {
        let (mut found, mut from, mut lacks) = (Vec::new(), Level::Process, None);
        for day in days {
            match day {
                Ok(Ok(read)) => {
                    from = from.max(read.from);
                    found.extend(read.value);
                }
                Ok(Err(error)) => lacks = Some(error.to_string()),
                Err(Elapsed { .. }) => lacks = Some("not in time".to_owned()),
            }
        }
        Self { slots: in_order(found.iter().flat_map(|day| day.iter().copied())), from, lacks }
    }
}
