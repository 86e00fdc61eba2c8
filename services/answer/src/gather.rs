//! The parts of an answer, loaded at the same time, each until the deadline and no longer.
//!
//! What comes too late is not lost: its load goes on in the cache, and the next answer finds it. Refuses to wait past the
//! deadline, and to hide what is missing.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use cache::{Level, LoadError, Read};
use chrono::{DateTime, FixedOffset};
use context::{Accounts, Agenda, Appointment, ContactFacts, CrmContact, Library, Memory, Prompt, Slots, Week};
use contract::{OrgId, PhoneNumber};
use futures_util::poll;
use tokio::time::{Instant, error::Elapsed, timeout_at};

/// The part of the time to the deadline that our own tables have before the CRM is asked too: a third.
const CONTACT_SHARE: u32 = 3;

/// What an answer is made of, as far as it was there in time.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) contact: Part<ContactFacts>,
    pub(crate) crm: Part<CrmContact>,
    pub(crate) memory: Part<Memory>,
    pub(crate) slots: Part<[DateTime<FixedOffset>]>,
    pub(crate) appointments: Part<Vec<Appointment>>,
    pub(crate) prompt_known: Part<Prompt>,
    pub(crate) prompt_unknown: Part<Prompt>,
}

/// One part of an answer.
#[derive(Debug)]
pub(crate) struct Part<T: ?Sized> {
    state: State<T>,
    /// From the question to this part.
    took: Duration,
}

#[derive(Debug)]
enum State<T: ?Sized> {
    /// There was nobody to ask, or no reason to.
    Unasked,
    /// There is none, and that is known.
    Absent(Level),
    /// Here.
    Here(Arc<T>, Level),
    /// Here, but not all of it, and why.
    Partly(Arc<T>, String),
    /// Not here in time, or not at all, and why.
    Missing(String),
}

/// How a part went, for people.
pub(crate) struct Report<'a> {
    pub(crate) name: &'static str,
    pub(crate) took: Duration,
    /// Where it came from: `process`, `redis`, `postgres`, `origin`; or `missing`.
    pub(crate) from: &'static str,
    pub(crate) why: Option<&'a str>,
}

/// Who is asked about, and where.
pub(crate) struct Question<'a> {
    pub(crate) org: &'a OrgId,
    pub(crate) accounts: &'a Accounts,
    pub(crate) phone: Option<&'a PhoneNumber>,
    /// Whose free slots; none without a calendar.
    pub(crate) slots: Option<Slots>,
    /// Whose appointments.
    pub(crate) agenda: Agenda,
    pub(crate) begun: Instant,
    pub(crate) deadline: Instant,
}

impl Question<'_> {
    /// Asks for everything at once; back at the deadline at the latest.
    pub(crate) async fn gather(&self, library: &Library) -> Gathered {
        let prompts = self.accounts.prompts();
        let (known, unknown) = (prompts.as_ref().map(|p| &p.known), prompts.as_ref().map(|p| &p.unknown));
        let ((contact, crm), memory, slots, appointments, prompt_known, prompt_unknown) = tokio::join!(
            self.caller(library),
            self.part(async { library.memory(self.accounts, self.org, self.phone?).await }),
            self.slots(library),
            self.part(async { library.appointments(self.accounts, self.org, self.phone?, self.agenda).await }),
            self.part(async { library.prompt(self.accounts, self.org, known?).await }),
            self.part(async { library.prompt(self.accounts, self.org, unknown?).await }),
        );
        Gathered { contact, crm, memory, slots, appointments, prompt_known, prompt_unknown }
    }

    /// Who is calling: from our own tables, and from the CRM if those know no name, or don't say so soon.
    async fn caller(&self, library: &Library) -> (Part<ContactFacts>, Part<CrmContact>) {
        let mut contact = pin!(self.part(async { Some(library.contact(self.org, self.phone?).await) }));
        let crm = self.part(async { library.crm_contact(self.accounts, self.org, self.phone?).await });
        let patience = self.begun + self.deadline.saturating_duration_since(self.begun) / CONTACT_SHARE;
        match by(patience, contact.as_mut()).await {
            Ok(contact) if contact.value().is_some_and(|contact| contact.name.is_some()) => (contact, Part::default()),
            Ok(contact) => (contact, crm.await),
            Err(_) => tokio::join!(contact, crm),
        }
    }

    async fn slots(&self, library: &Library) -> Part<[DateTime<FixedOffset>]> {
        let asked = async { library.slots(self.accounts, self.org, self.slots.as_ref()?, self.deadline).await };
        let state = match asked.await {
            None => State::Unasked,
            Some(Ok(Week { slots, from, lacks: None })) => State::Here(slots, from),
            Some(Ok(Week { slots, lacks: Some(why), .. })) if slots.is_empty() => State::Missing(why),
            Some(Ok(Week { slots, lacks: Some(why), .. })) => State::Partly(slots, why),
            Some(Err(error)) => State::Missing(error.to_string()),
        };
        Part { state, took: self.begun.elapsed() }
    }

    /// One part, until the deadline. `None`: there is nobody to ask.
    async fn part<T>(&self, asked: impl Future<Output = Option<Result<Read<T>, LoadError>>>) -> Part<T> {
        let state = match by(self.deadline, pin!(asked)).await {
            Ok(None) => State::Unasked,
            Ok(Some(Ok(Read { value: Some(value), from, .. }))) => State::Here(value, from),
            Ok(Some(Ok(Read { value: None, from, .. }))) => State::Absent(from),
            Ok(Some(Err(error))) => State::Missing(error.to_string()),
            Err(_) => State::Missing("not in time".to_owned()),
        };
        Part { state, took: self.begun.elapsed() }
    }
}

/// What it comes to, if by then. Most parts are here at once, and need no timer.
async fn by<F: Future>(deadline: Instant, mut asked: Pin<&mut F>) -> Result<F::Output, Elapsed> {
    match poll!(asked.as_mut()) {
        Poll::Ready(answered) => Ok(answered),
        Poll::Pending => timeout_at(deadline, asked).await,
    }
}

impl<T: ?Sized> Default for Part<T> {
    fn default() -> Self {
        Self { state: State::Unasked, took: Duration::ZERO }
    }
}

impl<T: ?Sized> Part<T> {
    /// The value, if it is here.
    pub(crate) fn value(&self) -> Option<&T> {
        match &self.state {
            State::Here(value, _) | State::Partly(value, _) => Some(value),
            State::Unasked | State::Absent(_) | State::Missing(_) => None,
        }
    }

    /// How it went; `None` for what nobody was asked.
    fn report(&self, name: &'static str) -> Option<Report<'_>> {
        let (from, why) = match &self.state {
            State::Unasked => return None,
            State::Here(_, level) | State::Absent(level) => (level.as_str(), None),
            State::Partly(_, why) | State::Missing(why) => ("missing", Some(why.as_str())),
        };
        Some(Report { name, took: self.took, from, why })
    }
}

impl Gathered {
    /// Whether the caller is somebody.
    pub(crate) fn is_known(&self) -> bool {
        self.crm.value().is_some() || self.contact.value().is_some_and(|contact| contact.total_calls > 0)
    }

    /// The caller's name.
    pub(crate) fn name(&self) -> Option<&str> {
        let own = self.contact.value().and_then(|contact| contact.name.as_deref());
        own.or_else(|| self.crm.value().and_then(|contact| contact.name.as_deref())).filter(|name| !name.is_empty())
    }

    /// The prompt for this caller.
    pub(crate) fn prompt(&self) -> Option<&str> {
        self.prompt_part().value().map(|prompt| prompt.text.as_str())
    }

    fn prompt_part(&self) -> &Part<Prompt> {
        if self.is_known() { &self.prompt_known } else { &self.prompt_unknown }
    }

    /// The names of the parts that are not here.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        self.reports().filter(|report| report.from == "missing").map(|report| report.name).collect()
    }

    /// How each part went that somebody was asked for.
    pub(crate) fn reports(&self) -> impl Iterator<Item = Report<'_>> {
        let all = [
            self.contact.report("contact"),
            self.crm.report("crm"),
            self.memory.report("memory"),
            self.slots.report("slots"),
            self.appointments.report("appointments"),
            self.prompt_part().report("prompt"),
        ];
        all.into_iter().flatten()
    }
}
