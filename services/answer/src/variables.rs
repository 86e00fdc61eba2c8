//! The one builder of what a voice agent is told: the same names for every caller, all values strings within their maximum.
//!
//! Clock words are made here, at the moment of the answer, and never come out of a cache. Refuses to leave a name out: what is
//! not known has its default.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use contract::PhoneNumber;
use orgs::{Branch, Channel};

use crate::gather::Gathered;

/// Every variable: its name, its default, its greatest length in characters.
pub const VARIABLES: [(&str, &str, usize); 25] = [
    ("customer_known", "no", 3),
    ("customer_name", "", 100),
    ("customer_phone", "", 16),
    ("customer_summary", "", 2_000),
    ("customer_facts", "", 4_000),
    ("customer_facts_count", "0", 6),
    ("total_calls", "0", 10),
    ("last_call_at", "", 40),
    ("available_slots", "", 2_000),
    ("available_slots_count", "0", 6),
    ("has_availability", "no", 3),
    ("first_available_slot", "", 40),
    ("existing_appointments", "", 2_000),
    ("existing_appointments_count", "0", 6),
    ("has_existing_appointments", "no", 3),
    ("system_prompt", "", 20_000),
    ("greeting", "", 500),
    ("business_name", "", 255),
    ("business_hours", "", 1_000),
    ("is_open", "no", 3),
    ("current_date", "", 10),
    ("current_time", "", 5),
    ("current_weekday", "", 9),
    ("time_zone", "", 64),
    ("degraded", "", 200),
];

/// Greatest length of a variable that only a channel declares, in characters, unless it says so itself.
const DECLARED_CHARS_MAX: usize = 500;
/// Slots and appointments that are read out.
const SLOTS_TOLD_MAX: usize = 12;
const APPOINTMENTS_TOLD_MAX: usize = 5;
/// What is said when a channel says nothing else.
const GREETING_KNOWN: &str = "Hello {customer_name}, thank you for calling {business_name}. How can I help you today?";
const GREETING_UNKNOWN: &str = "Thank you for calling {business_name}. How can I help you today?";

/// Everything an answer is made of.
pub(crate) struct Situation<'a> {
    pub(crate) business_name: &'a str,
    pub(crate) branch: Option<&'a Branch>,
    pub(crate) channel: Option<&'a Channel>,
    pub(crate) phone: Option<&'a PhoneNumber>,
    pub(crate) now: DateTime<Utc>,
    pub(crate) gathered: &'a Gathered,
}

/// The variables of an answer.
pub(crate) fn variables(situation: &Situation<'_>) -> BTreeMap<String, String> {
    let mut set = Set::new(situation.channel);
    set.put("business_name", situation.business_name);
    if let Some(branch) = situation.branch {
        set.clock(branch, situation.now);
    }
    set.caller(situation);
    set.calendar(situation);
    set.put("degraded", situation.gathered.missing().join(","));
    set.prompts(situation);
    set.values
}

/// The values so far, each within its maximum.
struct Set {
    values: BTreeMap<String, String>,
    limits: BTreeMap<String, usize>,
}

impl Set {
    /// Every name with its default, the channel's own names included.
    fn new(channel: Option<&Channel>) -> Self {
        let mut set = Self { values: BTreeMap::new(), limits: BTreeMap::new() };
        for (name, default, max) in VARIABLES {
            set.limits.insert(name.to_owned(), max);
            set.values.insert(name.to_owned(), default.to_owned());
        }
        for (name, declared) in channel.iter().flat_map(|channel| &channel.variables) {
            let usual = set.limits.get(name).copied().unwrap_or(DECLARED_CHARS_MAX);
            set.limits.insert(name.clone(), declared.max.unwrap_or(usual));
            let default = if declared.default.is_empty() {
                set.values.get(name).cloned().unwrap_or_default()
            } else {
                declared.default.clone()
            };
            set.values.insert(name.clone(), String::new());
            set.put(name, default);
        }
        set
    }

    /// Puts a value, cut on a character's border; an empty one leaves the default.
    fn put(&mut self, name: &str, value: impl AsRef<str>) {
        let max = self.limits.get(name).copied().unwrap_or(DECLARED_CHARS_MAX);
        let value = value.as_ref();
        let end = value.char_indices().nth(max).map_or(value.len(), |(end, _)| end);
        if end > 0 {
            self.values.insert(name.to_owned(), value[..end].to_owned());
        }
    }

    fn put_flag(&mut self, name: &str, flag: bool) {
        self.put(name, if flag { "yes" } else { "no" });
    }

    fn clock(&mut self, branch: &Branch, now: DateTime<Utc>) {
        let local = now.with_timezone(&branch.time_zone);
        self.put("current_date", local.format("%Y-%m-%d").to_string());
        self.put("current_time", local.format("%H:%M").to_string());
        self.put("current_weekday", local.format("%A").to_string());
        self.put("time_zone", branch.time_zone.name());
        self.put_flag("is_open", branch.is_open(now));
        self.put("business_hours", branch.hours_in_words(now));
    }

    fn caller(&mut self, situation: &Situation<'_>) {
        let Some(phone) = situation.phone else { return };
        let gathered = situation.gathered;
        self.put("customer_phone", phone.as_str());
        self.put_flag("customer_known", gathered.is_known());
        self.put("customer_name", gathered.name().unwrap_or_default());
        if let Some(contact) = gathered.contact.value() {
            self.put("total_calls", contact.total_calls.to_string());
            self.put("customer_summary", contact.last_summary.as_deref().unwrap_or_default());
            let zone = situation.branch.map_or(Tz::UTC, |branch| branch.time_zone);
            let last = contact.last_call_at.map(|at| at.with_timezone(&zone).to_rfc3339());
            self.put("last_call_at", last.unwrap_or_default());
        }
        if let Some(memory) = gathered.memory.value() {
            self.put("customer_facts", memory.facts.join("; "));
            self.put("customer_facts_count", memory.facts.len().to_string());
        }
    }

    fn calendar(&mut self, situation: &Situation<'_>) {
        let zone = situation.branch.map_or(Tz::UTC, |branch| branch.time_zone);
        let in_words = |at: DateTime<Tz>| at.format("%A, %B %-d at %-I:%M %p").to_string();
        if let Some(slots) = situation.gathered.slots.value() {
            let next: Vec<_> = slots.iter().filter(|slot| **slot > situation.now).collect();
            let told = next.iter().take(SLOTS_TOLD_MAX).map(|slot| in_words(slot.with_timezone(&zone)));
            self.put("available_slots", told.collect::<Vec<_>>().join("; "));
            self.put("available_slots_count", next.len().to_string());
            self.put_flag("has_availability", !next.is_empty());
            self.put("first_available_slot", next.first().map_or_else(String::new, |slot| slot.to_rfc3339()));
        }
        if let Some(appointments) = situation.gathered.appointments.value() {
            let next: Vec<_> = appointments.iter().filter(|appointment| appointment.start > situation.now).collect();
            let told = next.iter().take(APPOINTMENTS_TOLD_MAX).map(|appointment| {
                let when = in_words(appointment.start.with_timezone(&zone));
                if appointment.title.is_empty() { when } else { format!("{} on {when}", appointment.title) }
            });
            self.put("existing_appointments", told.collect::<Vec<_>>().join("; "));
            self.put("existing_appointments_count", next.len().to_string());
            self.put_flag("has_existing_appointments", !next.is_empty());
        }
    }

    /// Greeting and prompt, with what is known by now in their placeholders.
    fn prompts(&mut self, situation: &Situation<'_>) {
        let named = situation.gathered.name().is_some();
        let own = situation.channel.map(|channel| &channel.greeting);
        let greeting = if named {
            own.and_then(|own| own.known.as_deref()).unwrap_or(GREETING_KNOWN)
        } else {
            own.and_then(|own| own.unknown.as_deref()).unwrap_or(GREETING_UNKNOWN)
        };
        // A neutral answer has no business to name: the agent's own greeting is better.
        if !situation.business_name.is_empty() {
            self.put("greeting", self.filled(greeting, "{", "}"));
        }
        if let Some(prompt) = situation.gathered.prompt() {
            self.put("system_prompt", self.filled(prompt, "{{", "}}"));
        }
    }

    /// `text` with the values of its placeholders; those that we have no name for stay.
    fn filled(&self, text: &str, open: &str, close: &str) -> String {
        let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, after)) = rest.split_once(open) {
            filled.push_str(before);
            let value = after.split_once(close).and_then(|(name, after)| Some((self.values.get(name.trim())?, after)));
            match value {
                Some((value, after)) => {
                    filled.push_str(value);
                    rest = after;
                }
                None => {
                    filled.push_str(open);
                    rest = after;
                }
            }
        }
        filled + rest
    }
}
