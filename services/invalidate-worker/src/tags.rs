//! The one table from what has happened to what is no longer so.
//!
//! Only after the origin has changed: for our own tables that is the follow-up event of their writer, for a vendor's data its own
//! word. Refuses to guess: an event that names nobody is rejected; one whose org's calendars are not known yet comes again.

use bus::{Event, Outcome};
use cache::Tag;
use context::tags;
use contract::{EventType, PhoneNumber, Source, Timestamp};
use orgs::{Branch, Directory};
use serde::Deserialize;
use sources::Decoded;

/// Who tells the new value, and so how often the old one has to be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Our own tables: what is committed is what is read.
    Ours,
    /// A vendor: what it has accepted, it may tell some seconds later only.
    Vendor,
}

/// What is read of `appointment.recorded`.
#[derive(Deserialize)]
struct Recorded {
    vendor: String,
    calendar: Option<String>,
    contact_phone: Option<PhoneNumber>,
    starts_at: Option<Timestamp>,
    previous_starts_at: Option<Timestamp>,
    /// Every start that the appointment is known to have had.
    #[serde(default)]
    starts: Vec<Timestamp>,
}

/// What an event says is no longer so.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    pub(crate) tags: Vec<(Tag, Origin)>,
    /// The CRM's id of the contact that has changed there: whoever was known by it has changed too, such as a former number.
    pub(crate) crm_id: Option<String>,
}

/// What is no longer so, and who tells what is. `body` is the event's; `directory` is that of the orgs, if it is known.
pub(crate) fn of(event: &Event, body: &[u8], directory: Option<&Directory>) -> Result<Changed, Outcome> {
    let phone = || person(event).map_err(Outcome::Reject);
    let tags = match event.envelope.kind {
        EventType::ContactRecorded => vec![(tags::contact(&phone()?), Origin::Ours)],
        EventType::ContactChanged if event.envelope.source == Source::CRM_WORKER => vec![at_the_crm(&phone()?)],
        EventType::ContactChanged => return Ok(contact(event, body)),
        EventType::MemoryStored => vec![(tags::memory(&phone()?), Origin::Vendor)],
        EventType::AppointmentRecorded => appointment(event, directory)?,
        kind => return Err(Outcome::Reject(format!("{kind} invalidates nothing"))),
    };
    Ok(Changed { tags, crm_id: None })
}

/// The contact as the CRM has it. Their appointments are asked for by the CRM's contact, whose tag this is too.
pub(crate) fn at_the_crm(phone: &PhoneNumber) -> (Tag, Origin) {
    (tags::contact(phone), Origin::Vendor)
}

/// What the CRM says has changed there; nothing, if it can't be understood.
fn contact(event: &Event, body: &[u8]) -> Changed {
    match sources::decode(event.envelope.source, event.envelope.kind, body) {
        Ok(Decoded::Contact(facts)) => {
            Changed { tags: facts.phone.iter().map(at_the_crm).collect(), crm_id: facts.external_id }
        }
        _ => Changed::default(),
    }
}

/// The person's appointments, and the free slots of each day that it was on.
fn appointment(event: &Event, directory: Option<&Directory>) -> Result<Vec<(Tag, Origin)>, Outcome> {
    let recorded: Recorded = serde_json::from_slice(&event.body).map_err(|error| Outcome::Reject(error.to_string()))?;
    let directory = directory.ok_or_else(|| Outcome::Retry("no orgs loaded yet".to_owned()))?;
    // An org that has gone has no readers either.
    let branches = directory.org(&event.envelope.org).map_or(&[][..], |org| &org.org.branches);
    let slots = calendars(branches, &recorded).flat_map(|branch| days(branch, &recorded));
    let of_person = recorded.contact_phone.iter().map(tags::appointments);
    Ok(of_person.chain(slots).map(|tag| (tag, Origin::Vendor)).collect())
}

/// The branches in whose calendar it can stand: its own. If that is none of theirs, or not told, all that its vendor keeps, as
/// the same people may stand behind them.
fn calendars<'a>(branches: &'a [Branch], recorded: &Recorded) -> impl Iterator<Item = &'a Branch> {
    let at = |branch: &Branch, id: Option<&str>| {
        let calendar = branch.calendar.as_ref();
        calendar.is_some_and(|calendar| calendar.vendor == recorded.vendor && id.is_none_or(|id| calendar.id == id))
    };
    let own = recorded.calendar.as_deref().filter(|own| branches.iter().any(|branch| at(branch, Some(own))));
    branches.iter().filter(move |branch| at(branch, own))
}

fn days<'a>(branch: &'a Branch, recorded: &'a Recorded) -> impl Iterator<Item = Tag> {
    let calendar = branch.calendar.iter();
    let starts = recorded.starts.iter().chain(&recorded.starts_at).chain(&recorded.previous_starts_at);
    let starts = starts.map(|start| start.with_timezone(&branch.time_zone).date_naive());
    calendar.flat_map(move |calendar| starts.clone().map(|day| tags::slots(calendar, day)))
}

fn person(event: &Event) -> Result<PhoneNumber, String> {
    let subject = event.envelope.subject.as_deref().ok_or("it names nobody")?;
    subject.parse().map_err(|_| "it names no phone number".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Tags of slots for an appointment at Cal.com with these fields.
    fn slots(fields: &Value) -> Vec<Vec<String>> {
        let branch = |id: &str, zone: &str, vendor: &str, calendar: &str| json!({ "id": id, "time_zone": zone, "calendar": { "vendor": vendor, "id": calendar } });
        let branches: Vec<Branch> = serde_json::from_value(json!([
            branch("main", "America/New_York", "calcom", "88"),
            branch("tokyo", "Asia/Tokyo", "calcom", "99"),
            branch("crm", "UTC", "highlevel", "88"),
            { "id": "bare", "time_zone": "UTC" },
        ]))
        .unwrap();
        let mut recorded = json!({ "vendor": "calcom", "id": "a" });
        recorded.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
        let recorded: Recorded = serde_json::from_value(recorded).unwrap();
        let tags = calendars(&branches, &recorded).flat_map(|branch| days(branch, &recorded));
        tags.map(|tag| tag.parts().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn each_day_is_that_of_the_branch_whose_calendar_it_is() {
        let starts = json!(["2026-12-01T02:00:00Z", "2026-12-03T16:00:00Z"]);
        let main = slots(&json!({ "calendar": "88", "starts": starts }));
        assert_eq!(main, [["calcom:88", "2026-11-30"], ["calcom:88", "2026-12-03"]]);
        let tokyo = slots(&json!({ "calendar": "99", "starts": starts }));
        assert_eq!(tokyo, [["calcom:99", "2026-12-01"], ["calcom:99", "2026-12-04"]]);
        let apart = json!({ "calendar": "99", "starts_at": "2026-12-01T02:00:00Z", "previous_starts_at": "2026-12-03T16:00:00Z" });
        assert_eq!(slots(&apart), tokyo);
        assert_eq!(slots(&json!({ "calendar": "99", "starts_at": null })), Vec::<Vec<String>>::new());
    }

    #[test]
    fn a_calendar_that_is_no_branchs_may_be_behind_all_of_its_vendor() {
        for fields in [
            json!({ "calendar": "77", "starts": ["2026-12-01T02:00:00Z"] }),
            json!({ "starts": ["2026-12-01T02:00:00Z"] }),
        ] {
            assert_eq!(slots(&fields), [["calcom:88", "2026-11-30"], ["calcom:99", "2026-12-01"]]);
        }
    }
}
