//! The one builder of what a voice agent is told: the same names for every caller, all values strings within their maximum.
//!
//! Clock words are made here, at the moment of the answer, and never come out of a cache. Refuses to leave a name out: what is
//! not known has its default.

use std::borrow::Cow;

use chrono::{DateTime, Datelike as _, Timelike as _, Utc, Weekday};
use chrono_tz::Tz;
use contract::PhoneNumber;
use orgs::{Branch, Channel};
use serde::{Serialize, Serializer};

use crate::{caller::Named, gather::Gathered};

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
const DECLARED_CHARS_MAX: usize = orgs::Variable::CHARS_MAX;
/// The longest name in a placeholder, blanks included, in characters.
const PLACEHOLDER_CHARS_MAX: usize = 80;
/// A text that is filled stops growing here, in bytes: more than the longest variable can hold.
const FILLED_BYTES_MAX: usize = 128 * 1024;
/// Slots and appointments that are read out.
const SLOTS_TOLD_MAX: usize = 12;
const APPOINTMENTS_TOLD_MAX: usize = 5;
/// A list of slots fits, in bytes.
const LIST_BYTES_USUAL: usize = 512;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// What is said when a channel says nothing else.
const GREETING_KNOWN: &str = "Hello {customer_name}, thank you for calling {business_name}. How can I help you today?";
const GREETING_UNKNOWN: &str = "Thank you for calling {business_name}. How can I help you today?";

/// Everything an answer is made of.
pub(crate) struct Situation<'a> {
    pub(crate) business_name: &'a str,
    pub(crate) branch: Option<&'a Branch>,
    pub(crate) channel: Option<&'a Channel>,
    /// Names that have to be there, once each, whatever the channel says.
    pub(crate) also: &'a [Named<'a>],
    pub(crate) phone: Option<&'a PhoneNumber>,
    pub(crate) now: DateTime<Utc>,
    pub(crate) gathered: &'a Gathered,
}

/// What is told, each value within its maximum; a map for whoever reads it.
#[derive(Debug)]
pub(crate) struct Variables(Vec<Variable>);

#[derive(Debug)]
struct Variable {
    name: Cow<'static, str>,
    value: Cow<'static, str>,
    /// In characters.
    max: usize,
}

impl Serialize for Variables {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|variable| (&variable.name, &variable.value)))
    }
}

impl Variables {
    /// Of an answer.
    pub(crate) fn of(situation: &Situation<'_>) -> Self {
        let mut told = Self::new(situation.channel, situation.also);
        told.put("business_name", situation.business_name.to_owned());
        if let Some(branch) = situation.branch {
            told.clock(branch, situation.now);
        }
        told.caller(situation);
        told.calendar(situation);
        told.put("degraded", situation.gathered.missing().join(","));
        told.prompts(situation);
        told
    }

    /// Every name with its default, the channel's own names included; of two defaults the channel's counts.
    fn new(channel: Option<&Channel>, also: &[Named<'_>]) -> Self {
        let declared = channel.map_or(0, |channel| channel.variables.len());
        let mut all = Vec::with_capacity(VARIABLES.len() + declared + also.len());
        all.extend(VARIABLES.iter().map(|(name, default, max)| Variable {
            name: (*name).into(),
            value: (*default).into(),
            max: *max,
        }));
        let mut told = Self(all);
        for (name, declared) in channel.iter().flat_map(|channel| &channel.variables) {
            let variable = told.named(name, DECLARED_CHARS_MAX);
            variable.max = declared.max.unwrap_or(variable.max);
            let default = std::mem::take(&mut variable.value);
            variable.put(if declared.default.is_empty() { default } else { declared.default.clone().into() });
        }
        let own = told.0.len();
        for (name, declared) in also {
            if told.0[..own].iter().all(|variable| variable.name != *name) {
                let max = declared.map_or(DECLARED_CHARS_MAX, orgs::Variable::chars_max);
                let mut variable = Variable::empty(name, max);
                variable.put(declared.map_or_else(String::new, |declared| declared.default.clone()).into());
                told.0.push(variable);
            }
        }
        told
    }

    fn get(&self, name: &str) -> Option<&Variable> {
        self.0.iter().find(|variable| variable.name == name)
    }

    /// The variable of this name; an empty one if there was none.
    fn named(&mut self, name: &str, max: usize) -> &mut Variable {
        let at = self.0.iter().position(|variable| variable.name == name).unwrap_or_else(|| {
            self.0.push(Variable::empty(name, max));
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    /// Puts a value, cut on a character's border; an empty one leaves the default.
    fn put(&mut self, name: &str, value: impl Into<Cow<'static, str>>) {
        if let Some(variable) = self.0.iter_mut().find(|variable| variable.name == name) {
            variable.put(value.into());
        }
    }

    fn put_flag(&mut self, name: &str, flag: bool) {
        self.put(name, if flag { "yes" } else { "no" });
    }

    fn clock(&mut self, branch: &Branch, now: DateTime<Utc>) {
        let local = now.with_timezone(&branch.time_zone);
        self.put("current_date", local.date_naive().to_string());
        let mut time = String::with_capacity("00:00".len());
        push_number(&mut time, local.hour(), 2);
        time.push(':');
        push_number(&mut time, local.minute(), 2);
        self.put("current_time", time);
        self.put("current_weekday", weekday(local.weekday()));
        self.put("time_zone", branch.time_zone.name());
        self.put_flag("is_open", branch.is_open(now));
        self.put("business_hours", branch.hours_in_words(now));
    }

    fn caller(&mut self, situation: &Situation<'_>) {
        let Some(phone) = situation.phone else { return };
        let gathered = situation.gathered;
        self.put("customer_phone", phone.as_str().to_owned());
        self.put_flag("customer_known", gathered.is_known());
        self.put("customer_name", gathered.name().unwrap_or_default().to_owned());
        if let Some(contact) = gathered.contact.value() {
            self.put("total_calls", contact.total_calls.to_string());
            self.put("customer_summary", contact.last_summary.clone().unwrap_or_default());
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
        if let Some(slots) = situation.gathered.slots.value() {
            let next = &slots[slots.partition_point(|slot| *slot <= situation.now)..];
            let told = next.iter().take(SLOTS_TOLD_MAX);
            self.put("available_slots", listed(told, |list, slot| in_words(list, &slot.with_timezone(&zone))));
            self.put("available_slots_count", next.len().to_string());
            self.put_flag("has_availability", !next.is_empty());
            self.put("first_available_slot", next.first().map_or_else(String::new, DateTime::to_rfc3339));
        }
        if let Some(appointments) = situation.gathered.appointments.value() {
            let next: Vec<_> = appointments.iter().filter(|appointment| appointment.start > situation.now).collect();
            let told = listed(next.iter().take(APPOINTMENTS_TOLD_MAX), |list, appointment| {
                if !appointment.title.is_empty() {
                    list.push_str(&appointment.title);
                    list.push_str(" on ");
                }
                in_words(list, &appointment.start.with_timezone(&zone));
            });
            self.put("existing_appointments", told);
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
            // Nothing of it would be told.
            if filled.len() > FILLED_BYTES_MAX {
                return filled;
            }
            let end = after.char_indices().nth(PLACEHOLDER_CHARS_MAX).map_or(after.len(), |(end, _)| end);
            let name = after[..end].split_once(close).map(|(name, _)| name);
            let value = name.and_then(|name| Some((&self.get(name.trim())?.value, &after[name.len() + close.len()..])));
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

impl Variable {
    fn empty(name: &str, max: usize) -> Self {
        Self { name: name.to_owned().into(), value: "".into(), max }
    }

    fn put(&mut self, value: Cow<'static, str>) {
        // No more characters than bytes: most values need no counting.
        let too_long = (value.len() > self.max).then(|| value.char_indices().nth(self.max)).flatten();
        let value = match (too_long, value) {
            (None, value) => value,
            (Some((end, _)), Cow::Borrowed(value)) => value[..end].into(),
            (Some((end, _)), Cow::Owned(mut value)) => {
                value.truncate(end);
                value.into()
            }
        };
        if !value.is_empty() {
            self.value = value;
        }
    }
}

/// One after the other, each as `tell` adds it.
fn listed<T>(items: impl Iterator<Item = T>, tell: impl Fn(&mut String, T)) -> String {
    let mut list = String::with_capacity(LIST_BYTES_USUAL);
    for item in items {
        if !list.is_empty() {
            list.push_str("; ");
        }
        tell(&mut list, item);
    }
    list
}

/// Adds `Monday, November 23 at 9:30 AM`. By hand: there are a dozen in an answer, and a pattern is read anew each time.
fn in_words(text: &mut String, at: &DateTime<Tz>) {
    let (is_afternoon, hour) = at.hour12();
    text.push_str(weekday(at.weekday()));
    text.push_str(", ");
    text.push_str(MONTHS[at.month0() as usize]);
    text.push(' ');
    push_number(text, at.day(), 1);
    text.push_str(" at ");
    push_number(text, hour, 1);
    text.push(':');
    push_number(text, at.minute(), 2);
    text.push_str(if is_afternoon { " PM" } else { " AM" });
}

/// Of two digits at most, and at least so many.
fn push_number(text: &mut String, number: u32, digits: u32) {
    let digit = |digit: u32| char::from_digit(digit, 10).unwrap_or_default();
    if number >= 10 || digits > 1 {
        text.push(digit(number / 10));
    }
    text.push(digit(number % 10));
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone as _};

    use super::*;

    #[test]
    fn a_moment_is_told_as_the_pattern_would_have_it() {
        let zone = chrono_tz::America::New_York;
        let first = zone.with_ymd_and_hms(2026, 1, 1, 0, 5, 0).unwrap();
        for hours in (0..24 * 366).step_by(7) {
            let at = first + Duration::hours(hours);
            let mut words = String::new();
            in_words(&mut words, &at);
            assert_eq!(words, at.format("%A, %B %-d at %-I:%M %p").to_string());
        }
    }
}
