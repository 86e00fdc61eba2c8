//! The tags: what is invalidated together. Keys and invalidations both make them here.

use cache::{Spec, Tag};
use chrono::NaiveDate;
use contract::PhoneNumber;
use orgs::Calendar;

use crate::KINDS;

pub(crate) const CONTACT: &str = "contact";
pub(crate) const MEMORY: &str = "memory";
pub(crate) const APPOINTMENTS: &str = "appointments";
pub(crate) const SLOTS: &str = "slots";
pub(crate) const PROMPT: &str = "prompt";

/// Who is behind a number, by our own tables and by the CRM.
#[must_use]
pub fn contact(phone: &PhoneNumber) -> Tag {
    Tag::new(CONTACT).part(phone)
}

/// What a caller said before.
#[must_use]
pub fn memory(phone: &PhoneNumber) -> Tag {
    Tag::new(MEMORY).part(phone)
}

/// A caller's appointments.
#[must_use]
pub fn appointments(phone: &PhoneNumber) -> Tag {
    Tag::new(APPOINTMENTS).part(phone)
}

/// A calendar's free slots of one local day.
#[must_use]
pub fn slots(calendar: &Calendar, day: NaiveDate) -> Tag {
    Tag::new(SLOTS).part(calendar).part(day)
}

/// All versions of a prompt.
#[must_use]
pub fn prompt(name: &str) -> Tag {
    Tag::new(PROMPT).part(name)
}

/// The tag of this name with these parts, as it was written down; `None` when no kind has such a tag.
#[must_use]
pub fn written(name: &str, parts: &[String]) -> Option<Tag> {
    let (name, _) = KINDS.iter().flat_map(Spec::tags).find(|(known, of)| *known == name && of.len() == parts.len())?;
    Some(parts.iter().fold(Tag::new(name), |tag, part| tag.part(part)))
}
