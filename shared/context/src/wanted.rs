//! What a call will want to know, named so that it can be written down, and had ready before it asks.
//!
//! Warming goes through the readers' own keys and loaders, and takes nothing of the budget that is kept for live calls.
//! Refuses to guess: who has no account with a vendor wants nothing of it.

use std::time::Duration;

use cache::{LoadError, Spec, Warmed, Warmth};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use contract::PhoneNumber;
use futures_util::future::join_all;
use orgs::{Branch, Calendar, LiveOrg};

use crate::{Accounts, Agenda, KINDS, Library, PromptName, Purpose, Slots, kinds, library::usable};

/// What is fresh for no longer than this is loaded anew when it is warmed.
pub const AHEAD: Duration = Duration::from_secs(15);

/// One thing that will be asked for.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Who somebody is, by our own tables.
    Contact(PhoneNumber),
    /// Who somebody is, by the CRM.
    CrmContact(PhoneNumber),
    /// What they said before.
    Memory(PhoneNumber),
    /// Their appointments, at whoever keeps them.
    Appointments(PhoneNumber, Agenda),
    /// What an agent speaks by.
    Prompt(PromptName),
    /// A calendar's free slots.
    Slots(Slots),
}

impl Wanted {
    /// What a call of this org will want: of its caller, if they are known, and at its branch.
    #[must_use]
    pub fn by_call(
        org: &LiveOrg,
        phone: Option<&PhoneNumber>,
        branch: Option<&Branch>,
        now: DateTime<Utc>,
    ) -> Vec<Self> {
        let of_caller = phone.map(|phone| Self::by_caller(org, phone, branch));
        let slots = branch.and_then(|branch| Slots::of(branch, now)).map(Self::Slots);
        of_caller.into_iter().flatten().chain(prompts(&Accounts::of(org))).chain(slots).collect()
    }

    /// What a call of this org will want of its caller, at this branch.
    #[must_use]
    pub fn by_caller(org: &LiveOrg, phone: &PhoneNumber, branch: Option<&Branch>) -> Vec<Self> {
        let (agenda, accounts) = (Agenda::of(branch), Accounts::of(org));
        let mut wanted = vec![Self::Contact(phone.clone())];
        wanted.extend(accounts.highlevel.is_some().then(|| Self::CrmContact(phone.clone())));
        let kept = accounts.calendar(agenda.vendor).is_some();
        wanted.extend(kept.then(|| Self::Appointments(phone.clone(), agenda)));
        wanted.extend(accounts.memory.is_some().then(|| Self::Memory(phone.clone())));
        wanted
    }

    /// What any call of this org will want, whoever calls.
    #[must_use]
    pub fn always(org: &LiveOrg, now: DateTime<Utc>) -> Vec<Self> {
        let slots = org.org.branches.iter().filter_map(|branch| Slots::of(branch, now)).map(Self::Slots);
        prompts(&Accounts::of(org)).chain(slots).collect()
    }

    /// The kind under which it is cached.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Contact(_) => kinds::CONTACT.name,
            Self::CrmContact(_) => kinds::CRM_CONTACT.name,
            Self::Memory(_) => kinds::MEMORY.name,
            Self::Appointments(..) => kinds::APPOINTMENTS.name,
            Self::Prompt(_) => kinds::PROMPT.name,
            Self::Slots(_) => kinds::SLOTS.name,
        }
    }

    /// What names it among others of its kind. The first part is the first one of its tags.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        match self {
            Self::Contact(phone) | Self::CrmContact(phone) | Self::Memory(phone) => vec![phone.to_string()],
            Self::Appointments(phone, Agenda { zone, vendor }) => {
                vec![phone.to_string(), zone.name().to_owned(), (*vendor).to_owned()]
            }
            Self::Prompt(prompt) => vec![prompt.name.clone(), prompt.label.clone()],
            Self::Slots(Slots { calendar, zone, .. }) => vec![calendar.to_string(), zone.name().to_owned()],
        }
    }

    /// What [`Self::kind`] and [`Self::parts`] name; slots are those from today on.
    #[must_use]
    pub fn read(kind: &str, parts: &[String], now: DateTime<Utc>) -> Option<Self> {
        let first = parts.first()?;
        let phone = || first.parse::<PhoneNumber>().ok();
        let zone = || parts.get(1)?.parse::<Tz>().ok();
        match KINDS.iter().find(|spec| spec.name == kind)?.name {
            name if name == kinds::CONTACT.name => phone().map(Self::Contact),
            name if name == kinds::CRM_CONTACT.name => phone().map(Self::CrmContact),
            name if name == kinds::MEMORY.name => phone().map(Self::Memory),
            name if name == kinds::APPOINTMENTS.name => {
                Some(Self::Appointments(phone()?, Agenda::at(parts.get(2)?, zone()?)?))
            }
            name if name == kinds::PROMPT.name => {
                Some(Self::Prompt(PromptName { name: first.clone(), label: parts.get(1)?.clone() }))
            }
            _ => {
                let (vendor, id) = first.split_once(':')?;
                let calendar = Calendar { vendor: vendor.to_owned(), id: id.to_owned() };
                Some(Self::Slots(Slots::new(calendar, zone()?, now)))
            }
        }
    }

    /// The kinds whose values a tag of this name invalidates.
    #[must_use]
    pub fn kinds_under(tag: &str) -> Vec<&'static str> {
        let under = |spec: &&Spec| spec.tags().any(|(name, _)| name == tag);
        KINDS.iter().filter(under).map(|spec| spec.name).collect()
    }
}

fn prompts(accounts: &Accounts) -> impl Iterator<Item = Wanted> + use<> {
    let named = accounts.prompts().cloned();
    let both = named.into_iter().flat_map(|prompts| {
        let other = (prompts.unknown != prompts.known).then_some(prompts.unknown);
        [Some(prompts.known), other]
    });
    both.flatten().map(Wanted::Prompt)
}

impl Library {
    /// Has one thing ready for whoever reads it next; `None` when there is nobody to ask. Of a week of slots, what its least
    /// ready day came to.
    pub async fn warm(
        &self,
        accounts: &Accounts,
        org: &contract::OrgId,
        wanted: &Wanted,
        purpose: Purpose,
    ) -> Option<Result<Warmed, LoadError>> {
        match wanted {
            Wanted::Contact(phone) => {
                let (kind, load) = self.contact_asked(org, phone);
                Some(self.cache.warm(&kind, AHEAD, load).await)
            }
            Wanted::CrmContact(phone) => {
                let (kind, load) = usable!(self.crm_contact_asked(accounts, org, phone, purpose));
                Some(self.cache.warm(&kind, AHEAD, load).await)
            }
            Wanted::Memory(phone) => {
                let (kind, load) = usable!(self.memory_asked(accounts, org, phone, purpose));
                Some(self.cache.warm(&kind, AHEAD, load).await)
            }
            Wanted::Appointments(phone, agenda) => {
                let (kind, load) = usable!(self.appointments_asked(accounts, org, phone, *agenda, purpose));
                Some(self.cache.warm(&kind, AHEAD, load).await)
            }
            Wanted::Prompt(name) => {
                let (kind, load) = usable!(self.prompt_asked(accounts, org, name, purpose));
                Some(self.cache.warm(&kind, AHEAD, load).await)
            }
            Wanted::Slots(slots) => {
                let days = usable!(self.days_asked(accounts, org, slots, purpose));
                let days = days.map(|(day, load)| async move { self.cache.warm(&day, AHEAD, load).await });
                join_all(days).await.into_iter().reduce(least_ready)
            }
        }
    }
}

fn least_ready(a: Result<Warmed, LoadError>, b: Result<Warmed, LoadError>) -> Result<Warmed, LoadError> {
    let (a, b) = (a?, b?);
    // Loaded, if any day was: that is what it has cost.
    let warmth =
        if [a.warmth, b.warmth].contains(&Warmth::Elsewhere) { Warmth::Elsewhere } else { a.warmth.min(b.warmth) };
    Ok(Warmed { warmth, fresh_for: a.fresh_for.min(b.fresh_for) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_as_the_same_thing() {
        let now = Utc::now();
        let phone: PhoneNumber = "+15005550006".parse().unwrap();
        let calendar = Calendar { vendor: "highlevel".to_owned(), id: "cal:main".to_owned() };
        let all = [
            Wanted::Contact(phone.clone()),
            Wanted::CrmContact(phone.clone()),
            Wanted::Memory(phone.clone()),
            Wanted::Appointments(phone, Agenda::at("calcom", Tz::America__New_York).unwrap()),
            Wanted::Prompt(PromptName { name: "a/b".to_owned(), label: "production".to_owned() }),
            Wanted::Slots(Slots::new(calendar, Tz::Europe__Madrid, now)),
        ];
        assert_eq!(all.len(), KINDS.len(), "each kind can be warmed");
        for wanted in all {
            let read = Wanted::read(wanted.kind(), &wanted.parts(), now).expect("it can be read");
            assert_eq!((read.kind(), read.parts()), (wanted.kind(), wanted.parts()));
        }
        assert!(Wanted::read("contact", &["nobody".to_owned()], now).is_none());
        let nowhere = ["+15005550006", "Europe/Madrid", "zep"].map(str::to_owned);
        for length in 1..=nowhere.len() {
            assert!(Wanted::read("appointments", &nowhere[..length], now).is_none());
        }
    }

    #[test]
    fn a_tag_names_all_kinds_that_hold_it() {
        assert_eq!(Wanted::kinds_under("contact"), ["contact", "crm_contact", "appointments"]);
        assert_eq!(Wanted::kinds_under("slots"), ["slots"]);
        assert!(Wanted::kinds_under("nothing").is_empty());
    }
}
