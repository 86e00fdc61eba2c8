//! The one table from what has happened to what is no longer so.
//!
//! Only after the origin has changed: for our own tables that is the follow-up event of their writer, for a vendor's data its own
//! word. Refuses to guess: an event that names nobody is rejected.

use bus::Event;
use cache::Tag;
use context::tags;
use contract::{EventType, PhoneNumber};

/// Who tells the new value, and so how often the old one has to be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Our own tables: what is committed is what is read.
    Ours,
    /// A vendor: what it has accepted, it may tell some seconds later only.
    Vendor,
}

/// What is no longer so, and who tells what is.
pub(crate) fn of(event: &Event) -> Result<Vec<(Tag, Origin)>, String> {
    let phone = || person(event);
    Ok(match event.envelope.kind {
        // Their appointments are asked for by the CRM's contact, whose tag this is too.
        EventType::ContactRecorded => vec![(tags::contact(&phone()?), Origin::Ours)],
        EventType::MemoryStored => vec![(tags::memory(&phone()?), Origin::Vendor)],
        kind => return Err(format!("{kind} invalidates nothing")),
    })
}

fn person(event: &Event) -> Result<PhoneNumber, String> {
    let subject = event.envelope.subject.as_deref().ok_or("it names nobody")?;
    subject.parse().map_err(|_| "it names no phone number".to_owned())
}
