//! The loaders: one question to a vendor each, its answer in our own words.
//!
//! What the vendor says there is not is absent; whatever else keeps it from answering is a failure, and never kept.

use std::{collections::HashSet, sync::Arc, time::Duration};

use cache::{Kind, LoadError, Loaded};
use chrono_tz::Tz;
use contract::PhoneNumber;
use futures_util::future::join;
use tokio::time::Instant;
use vendors::{By, UserId, VendorError, Vendors, calcom, highlevel, langfuse};

use crate::{
    Appointment, CrmContact, Memory, Prompt,
    accounts::{CalendarAccount, MemoryAccount, PromptName},
    appointments::AppointmentsOf,
    crm_contact::CrmContactOf,
    memory::MemoryOf,
    prompt::PromptOf,
    slots::{DayOf, Slots},
};

/// What a memory vendor is asked: it ranks by likeness to this.
const QUERY: &str = "who the caller is, what they prefer, and what is still open with them";
/// Facts that are asked for.
const FACTS_MAX: usize = 10;

/// A call ends so long before its load would be cut off: a call that is cut off teaches the breaker nothing.
const MARGIN: Duration = Duration::from_millis(500);

/// What a load is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A caller on the line.
    Call,
    /// Whoever asks next. Never waits for the vendor's budget: whoever asks would wait along.
    Warming,
}

/// For this purpose, within what a load of this kind may take.
fn by<K: Kind>(purpose: Purpose) -> By {
    let deadline = Instant::now() + K::SPEC.load_max.saturating_sub(MARGIN);
    match purpose {
        Purpose::Call => By::live(deadline),
        Purpose::Warming => By::idle(deadline),
    }
}

/// After how long the account's budget has room again, if that is all that has kept a load from its answer.
#[must_use]
pub fn budget_wait(error: &LoadError) -> Option<Duration> {
    let LoadError::Failed(error) = error else { return None };
    let shared = error.downcast_ref::<Arc<VendorError>>().map(AsRef::as_ref);
    match error.downcast_ref::<VendorError>().or(shared) {
        Some(VendorError::RateLimited(wait)) => Some(*wait),
        Some(_) => None,
        // What a load asked of another one.
        None => budget_wait(error.downcast_ref()?),
    }
}

pub(crate) async fn crm_contact(
    vendors: Vendors,
    account: Arc<highlevel::Account>,
    phone: PhoneNumber,
    purpose: Purpose,
) -> Loaded<CrmContact> {
    let found = vendors.highlevel(&account).lookup(&phone, by::<CrmContactOf>(purpose)).await;
    let ours = |contact: highlevel::Contact| {
        let parts = [contact.first_name, contact.last_name].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let filled = |text: &String| !text.trim().is_empty();
        CrmContact {
            id: contact.id,
            name: contact.name.filter(filled).or(Some(parts).filter(filled)),
            email: contact.email.filter(filled),
            tags: contact.tags,
        }
    };
    found.map(|found| found.map(ours)).into()
}

pub(crate) async fn memory(
    vendors: Vendors,
    account: Arc<MemoryAccount>,
    phone: PhoneNumber,
    purpose: Purpose,
) -> Loaded<Memory> {
    let by = by::<MemoryOf>(purpose);
    let found = match account.as_ref() {
        MemoryAccount::Zep(account) => {
            vendors.zep(account).search(&UserId::of(&account.org, &phone), QUERY, FACTS_MAX, by).await
        }
        MemoryAccount::Mem0(account) => {
            vendors.mem0(account).search(&UserId::of(&account.org, &phone), QUERY, FACTS_MAX, by).await
        }
    };
    // A vendor that was told a thing twice may say it twice; the agent would, too.
    let distinct = |mut facts: Vec<String>| {
        let mut told = HashSet::new();
        facts.retain(|fact| told.insert(fact.clone()));
        facts
    };
    found.map(|memory| Some(Memory { facts: distinct(memory.facts) })).into()
}

pub(crate) async fn appointments(
    vendors: Vendors,
    account: Arc<highlevel::Account>,
    contact_id: String,
    zone: Tz,
    purpose: Purpose,
) -> Loaded<Vec<Appointment>> {
    let found = vendors.highlevel(&account).appointments(&contact_id, by::<AppointmentsOf>(purpose)).await;
    let standing = |appointment: &highlevel::Appointment| {
        !matches!(appointment.status(), highlevel::Status::Cancelled | highlevel::Status::Invalid)
    };
    let ours = |appointment: highlevel::Appointment| {
        let start = appointment.start.in_zone(zone)?;
        Some(Appointment { id: appointment.id, title: appointment.title.unwrap_or_default(), start })
    };
    let sorted = |found: Vec<highlevel::Appointment>| {
        let mut all: Vec<_> = found.into_iter().filter(standing).filter_map(ours).collect();
        all.sort_by_key(|appointment| appointment.start);
        Some(all)
    };
    found.map(sorted).into()
}

/// What somebody has booked with this number: alone, or beside this address.
pub(crate) async fn bookings(
    vendors: Vendors,
    account: Arc<calcom::Account>,
    phone: PhoneNumber,
    address: Option<String>,
    zone: Tz,
    purpose: Purpose,
) -> Loaded<Vec<Appointment>> {
    let (calcom, by) = (vendors.calcom(&account), by::<AppointmentsOf>(purpose));
    let of_number = calcom::address_of(&phone);
    let beside = async {
        match &address {
            Some(address) if !address.eq_ignore_ascii_case(&of_number) => calcom.upcoming(address, by).await,
            _ => Ok(Vec::new()),
        }
    };
    // Both to their end: a call that is dropped teaches the breaker nothing.
    let (alone, beside) = join(calcom.upcoming(&of_number, by), beside).await;
    let theirs = |booking: &calcom::Booking| {
        booking.is_of(&phone) && !matches!(booking.status, calcom::Status::Cancelled | calcom::Status::Rejected)
    };
    let ours = |booking: calcom::Booking| Appointment {
        id: booking.uid,
        title: booking.title.unwrap_or_default(),
        start: booking.start.with_timezone(&zone).fixed_offset(),
    };
    let sorted = |found: Vec<calcom::Booking>| {
        let mut all: Vec<_> = found.into_iter().filter(theirs).map(ours).collect();
        all.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
        // One that was found twice.
        all.dedup_by(|a, b| a.id == b.id);
        Some(all)
    };
    alone.and_then(|alone| Ok([alone, beside?].concat())).map(sorted).into()
}

pub(crate) async fn prompt(
    vendors: Vendors,
    account: Arc<langfuse::Account>,
    name: PromptName,
    purpose: Purpose,
) -> Loaded<Prompt> {
    let found = vendors.langfuse(&account).prompt(&name.name, &name.label, by::<PromptOf>(purpose)).await;
    found.map(|found| found.map(|prompt| Prompt { text: prompt.text, version: i64::from(prompt.version) })).into()
}

/// The free slots of all days that are looked ahead, by local date.
pub(crate) async fn slots(
    vendors: Vendors,
    account: CalendarAccount,
    slots: Slots,
    purpose: Purpose,
) -> Result<vendors::Slots, Arc<VendorError>> {
    let (id, range, zone, by) = (&slots.calendar.id, slots.range(), slots.zone, by::<DayOf>(purpose));
    let found = match &account {
        CalendarAccount::HighLevel(account) => vendors.highlevel(account).free_slots(id, range, zone, by).await,
        CalendarAccount::Calcom(account) => vendors.calcom(account).free_slots(id, range, zone, by).await,
    };
    found.map_err(Arc::new)
}
