//! What a contact is called and written to, by all that was ever said of it, in any order.
//!
//! The CRM's word outranks what was heard, unless it only tells back what was heard before: what we push there comes back
//! signed, and then again with every change of the contact.
//! Knows no rows; refuses to guess which of two spellings is right.

use serde::{Deserialize, Serialize};

use crate::merge::Stamp;

/// How much a name counts that somebody shows beside their messages, one that was told, on a call or with a booking, and one that
/// stands in the CRM: nobody types in what they did not check.
pub(crate) const SHOWN: u8 = 0;
pub(crate) const TOLD: u8 = 1;
pub(crate) const TYPED_IN: u8 = 2;

/// Different values that are remembered from either side, those that were said first: it is them that were pushed to a CRM
/// without a name. The first of a set are the same in whatever order it is told. No value is longer than `sources` believes.
const VALUES_MAX: usize = 32;

/// What one event says of a person, or what is so by all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
}

/// What was said of one contact; the fields are columns. Kept in the row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Names {
    name: Sayings,
    email: Sayings,
}

/// A value and what said it.
type Saying = (Stamp, String);

/// What was said of one column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Sayings {
    /// The CRM's latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    typed: Option<Saying>,
    /// The surest of all others, of the equally sure ones the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<Saying>,
    /// Each value of the CRM's as it said it first, by time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    known: Vec<Saying>,
    /// Likewise those of all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    heard: Vec<Saying>,
}

impl Names {
    /// Folds one event in.
    pub(crate) fn fold(&mut self, stamp: Stamp, person: &Person) {
        self.name.fold(stamp, person.name.as_deref());
        self.email.fold(stamp, person.email.as_deref());
    }

    /// What is so by all that was said.
    pub(crate) fn person(&self) -> Person {
        Person { name: self.name.stands(), email: self.email.stands() }
    }
}

impl Sayings {
    fn fold(&mut self, stamp: Stamp, value: Option<&str>) {
        let Some(value) = value else { return };
        let saying = (stamp, value.to_owned());
        let (latest, firsts) = match stamp.0 {
            TYPED_IN => (&mut self.typed, &mut self.known),
            _ => (&mut self.told, &mut self.heard),
        };
        if latest.as_ref().is_none_or(|known| stamp > known.0) {
            *latest = Some(saying.clone());
        }
        remember(firsts, saying);
    }

    fn stands(&self) -> Option<String> {
        let stands = match (&self.typed, &self.told) {
            (Some(typed), Some(told)) if self.is_overtaken(typed, told) => Some(told),
            (typed, told) => typed.as_ref().or(told.as_ref()),
        };
        stands.map(|(_, value)| value.clone())
    }

    /// Whether the CRM's word was heard before it ever said so, and another one told since. What it repeats is no newer for that:
    /// it tells the whole contact whenever anything of it changes, and each push of ours changes something. What it comes back
    /// to after another word is its own.
    fn is_overtaken(&self, typed: &Saying, told: &Saying) -> bool {
        let since = first(&self.known, &typed.1).unwrap_or(typed.0).moment();
        let is_echo = first(&self.heard, &typed.1).is_some_and(|heard| heard.moment() < since);
        let came_back = self.known.iter().any(|(stamp, _)| stamp.moment() > since);
        let is_another = told.0.0 >= TOLD && told.0.moment() > since && !same(&told.1, &typed.1);
        is_echo && !came_back && is_another
    }
}

fn remember(firsts: &mut Vec<Saying>, saying: Saying) {
    match firsts.iter_mut().find(|known| same(&known.1, &saying.1)) {
        Some(known) if saying.0.moment() < known.0.moment() => *known = saying,
        Some(_) => {}
        None => firsts.push(saying),
    }
    firsts.sort_unstable_by_key(|(stamp, _)| stamp.moment());
    firsts.truncate(VALUES_MAX);
}

/// When a value was said first, if it is remembered.
fn first(firsts: &[Saying], value: &str) -> Option<Stamp> {
    firsts.iter().find(|(_, known)| same(known, value)).map(|(stamp, _)| *stamp)
}

/// CRMs capitalize what they are given, and have one blank where there were more.
fn same(left: &str, right: &str) -> bool {
    left.to_lowercase().split_whitespace().eq(right.to_lowercase().split_whitespace())
}

#[cfg(test)]
mod tests;
