//! What the values of a `[[org.channel]]` mean.
//!
//! Refuses an address that leads to two places, and an answer's fields where no answer is given.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
};

use contract::PhoneNumber;

use super::{Checker, NAME_BYTES_MAX, is_address};
use crate::{
    entry::{ChannelEntry, GreetingEntry, Lined, OrgEntry, Place, VariableEntry},
    model::{Channel, ChannelKind, Greeting, Variable},
};

/// Deadlines of an answer, in milliseconds: below, nothing can be looked up; above, the caller has hung up.
const DEADLINE_MS: RangeInclusive<u64> = 50..=5_000;
/// Most variables a channel may add: each is in every answer.
const VARIABLES_MAX: usize = 64;
/// Longest name of a variable, in bytes.
const VARIABLE_BYTES_MAX: usize = 64;
/// Longest values of a variable, in characters.
const VARIABLE_CHARS: RangeInclusive<usize> = 1..=10_000;
/// Longest greeting, in characters: half a minute of speech.
const GREETING_CHARS_MAX: usize = 500;

impl Checker<'_> {
    pub(super) fn channels(&mut self, org: &OrgEntry) -> Vec<Channel> {
        let mut lines = HashMap::new();
        let mut channels = Vec::new();
        for entry in &org.channels {
            let Some(channel) = self.channel(org, entry) else { continue };
            if let Some(first) = lines.insert((channel.kind, channel.address.clone()), entry.place.line) {
                self.address_taken(entry, format!("is the address of the {} in line {first} too", channel.kind));
            } else if channel.kind.is_worldwide() {
                self.own(org, entry, &channel);
            }
            channels.push(channel);
        }
        channels
    }

    fn channel(&mut self, org: &OrgEntry, entry: &ChannelEntry) -> Option<Channel> {
        let kind = entry.kind.as_ref().and_then(|kind| self.parsed::<ChannelKind>(&entry.place, "kind", kind));
        let address = match (kind?, entry.address.as_ref()?) {
            (ChannelKind::Phone, number) => self.parsed::<PhoneNumber>(&entry.place, "address", number)?.to_string(),
            (_, name) => self.address(&entry.place, name)?,
        };
        let branch = entry.branch.as_ref()?;
        let known = org.branches.iter().filter_map(|branch| branch.id.as_ref()).any(|id| id.value == branch.value);
        if !known {
            let problem = format!("{:?} is not a branch of this org", branch.value);
            self.faults.astray(branch.line, entry.place.field("branch"), problem);
        }
        self.spoken_only(entry, kind?);
        Some(Channel {
            kind: kind?,
            address,
            branch: branch.value.clone(),
            deadline_ms: entry.deadline_ms.as_ref().and_then(|ms| self.deadline(&entry.place, ms)),
            variables: self.variables(entry),
            greeting: entry.greeting.as_ref().map(|greeting| self.greeting(greeting)).unwrap_or_default(),
            type_field: entry.type_field.as_ref().and_then(|field| self.type_field(&entry.place, kind?, field)),
        })
    }

    /// Notes whose address this is; an address that means the same for everyone has one org.
    fn own(&mut self, org: &OrgEntry, entry: &ChannelEntry, channel: &Channel) {
        let owner = (org.place.name.clone(), entry.place.line);
        if let Some((other, line)) = self.owners.insert((channel.kind, channel.address.clone()), owner) {
            let problem = format!("belongs to {other} already (line {line}); a {} has one org", channel.kind);
            self.address_taken(entry, problem);
        }
    }

    fn address_taken(&mut self, entry: &ChannelEntry, problem: String) {
        let line = entry.address.as_ref().map_or(entry.place.line, |address| address.line);
        self.faults.add(line, entry.place.field("address"), problem);
    }

    fn address(&mut self, place: &Place, address: &Lined<String>) -> Option<String> {
        if !is_address(&address.value) {
            let problem = format!("is not 1 to {NAME_BYTES_MAX} visible ASCII characters that may stand in a URL");
            self.faults.add(address.line, place.field("address"), problem);
            return None;
        }
        Some(address.value.clone())
    }

    /// Where nobody speaks nobody waits: an answer's fields there would promise what never comes.
    fn spoken_only(&mut self, entry: &ChannelEntry, kind: ChannelKind) {
        let written = [
            ("deadline_ms", entry.deadline_ms.as_ref().map(|deadline| deadline.line)),
            ("variables", entry.variables.first().map(|variable| variable.place.line)),
            ("greeting", entry.greeting.as_ref().map(|greeting| greeting.place.line)),
        ];
        for (field, line) in written.into_iter().filter(|_| !kind.is_spoken()) {
            if let Some(line) = line {
                let problem = format!("has no meaning for a {kind} channel, only for phone and agent: leave it out");
                self.faults.add(line, entry.place.field(field), problem);
            }
        }
    }

    fn deadline(&mut self, place: &Place, written: &Lined<i64>) -> Option<u64> {
        let deadline = u64::try_from(written.value).ok().filter(|ms| DEADLINE_MS.contains(ms));
        if deadline.is_none() {
            let (from, to) = (DEADLINE_MS.start(), DEADLINE_MS.end());
            let problem = format!("is {}, not {from} to {to} milliseconds", written.value);
            self.faults.add(written.line, place.field("deadline_ms"), problem);
        }
        deadline
    }

    fn type_field(&mut self, place: &Place, kind: ChannelKind, field: &Lined<String>) -> Option<String> {
        let problem = if kind != ChannelKind::Webhook {
            format!("has no meaning for a {kind} channel, only for webhook: leave it out")
        } else if field.value.len() > NAME_BYTES_MAX || field.value.split('.').any(str::is_empty) {
            format!("is not the name of a field: 1 to {NAME_BYTES_MAX} bytes, as type or event.name")
        } else {
            return Some(field.value.clone());
        };
        self.faults.add(field.line, place.field("type_field"), problem);
        None
    }

    fn variables(&mut self, channel: &ChannelEntry) -> BTreeMap<String, Variable> {
        if let Some(first) = channel.variables.get(VARIABLES_MAX) {
            let problem = format!("has {} variables, the limit is {VARIABLES_MAX}", channel.variables.len());
            self.faults.add(first.place.line, channel.place.field("variables"), problem);
        }
        channel.variables.iter().filter_map(|entry| self.variable(entry)).collect()
    }

    fn variable(&mut self, entry: &VariableEntry) -> Option<(String, Variable)> {
        if !is_variable(&entry.name) || entry.name.len() > VARIABLE_BYTES_MAX {
            let problem = "is not a variable's name: [a-z][a-z0-9_]{0,63}";
            self.faults.add(entry.place.line, &entry.place.name, problem);
        }
        let max = entry.max.as_ref().and_then(|max| self.variable_max(&entry.place, max));
        let default = entry.default.as_ref()?;
        let variable = Variable { default: default.value.clone(), max };
        let chars = default.value.chars().count();
        // A wrong `max` has its fault already.
        if chars > variable.chars_max() && max.is_some() == entry.max.is_some() {
            let problem =
                format!("has {chars} characters, the limit is {}: shorten it or raise max", variable.chars_max());
            self.faults.add(default.line, entry.place.field("default"), problem);
        }
        Some((entry.name.clone(), variable))
    }

    fn variable_max(&mut self, place: &Place, written: &Lined<i64>) -> Option<usize> {
        let max = usize::try_from(written.value).ok().filter(|max| VARIABLE_CHARS.contains(max));
        if max.is_none() {
            let (from, to) = (VARIABLE_CHARS.start(), VARIABLE_CHARS.end());
            let problem = format!("is {}, not {from} to {to} characters", written.value);
            self.faults.add(written.line, place.field("max"), problem);
        }
        max
    }

    fn greeting(&mut self, entry: &GreetingEntry) -> Greeting {
        let mut text = |field: &str, written: &Option<Lined<String>>| {
            let written = written.as_ref()?;
            let chars = written.value.chars().count();
            if chars > GREETING_CHARS_MAX {
                let problem = format!("has {chars} characters, the limit is {GREETING_CHARS_MAX}");
                self.faults.add(written.line, entry.place.field(field), problem);
            }
            if !braces_are_placeholders(&written.value) {
                let problem = "has a brace that is no placeholder: write {name}, of lower-case letters, digits and _";
                self.faults.add(written.line, entry.place.field(field), problem);
            }
            Some(written.value.clone())
        };
        Greeting { known: text("known", &entry.known), unknown: text("unknown", &entry.unknown) }
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase()) && is_placeholder(name)
}

/// Whether this may stand between braces.
fn is_placeholder(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn braces_are_placeholders(text: &str) -> bool {
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        let inside = rest[brace..].strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let Some((_, after)) = inside.filter(|(name, _)| is_placeholder(name)) else { return false };
        rest = after;
    }
    true
}
