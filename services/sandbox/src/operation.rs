//! Every operation there is, in one table: its name, its path below the vendor's prefix, and what carries it out.
//!
//! The routes, the names in faults and the names in the journal all come from here.

use axum::{http::StatusCode, routing::MethodFilter};

use crate::{
    calcom::{bookings, slots},
    call::{Call, Moment},
    highlevel::{appointments, calendars, contacts, locations, notes, search, tags},
    hubspot::{self, properties},
    langfuse, mem0,
    reply::Answer,
    state::State,
    vendor::Vendor,
    zep::{graph, threads, users},
};

/// What an operation does, at once and under the lock of all state.
type Run = fn(&mut State, &Call, &Moment) -> Answer;

/// One operation of one vendor.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) vendor: Vendor,
    pub(crate) name: &'static str,
    pub(crate) method: MethodFilter,
    pub(crate) path: &'static str,
    /// Whether it adds to what is kept, which has a limit.
    pub(crate) keeps: bool,
    pub(crate) run: Run,
}

/// The name of whatever is asked of a vendor and is none of its operations.
pub(crate) const UNKNOWN: &str = "unknown";

impl Operation {
    /// HighLevel's calendars have a `Version` and a pace of their own.
    pub(crate) fn is_of_calendars(&self) -> bool {
        self.path.starts_with("/calendars")
    }

    /// HubSpot's searches have a limit of their own.
    pub(crate) fn is_search(&self) -> bool {
        self.path.ends_with("/search")
    }

    /// The operation that stands for an unknown path of `vendor`.
    pub(crate) fn unknown(vendor: Vendor) -> &'static Self {
        const fn of(vendor: Vendor, run: Run) -> Operation {
            read(vendor, UNKNOWN, MethodFilter::GET, "", run)
        }
        static HIGHLEVEL: Operation = of(Vendor::Highlevel, |_, _, _| Err(not_found(Vendor::Highlevel)));
        static HUBSPOT: Operation = of(Vendor::Hubspot, |_, _, _| Err(not_found(Vendor::Hubspot)));
        static CALCOM: Operation = of(Vendor::Calcom, |_, _, _| Err(not_found(Vendor::Calcom)));
        static ZEP: Operation = of(Vendor::Zep, |_, _, _| Err(not_found(Vendor::Zep)));
        static MEM0: Operation = of(Vendor::Mem0, |_, _, _| Err(not_found(Vendor::Mem0)));
        static LANGFUSE: Operation = of(Vendor::Langfuse, |_, _, _| Err(not_found(Vendor::Langfuse)));
        match vendor {
            Vendor::Highlevel => &HIGHLEVEL,
            Vendor::Hubspot => &HUBSPOT,
            Vendor::Calcom => &CALCOM,
            Vendor::Zep => &ZEP,
            Vendor::Mem0 => &MEM0,
            Vendor::Langfuse => &LANGFUSE,
        }
    }
}

fn not_found(vendor: Vendor) -> crate::reply::Reply {
    vendor.error(StatusCode::NOT_FOUND, "no such path or method")
}

/// The names of a vendor's operations, [`UNKNOWN`] last.
pub(crate) fn names(vendor: Vendor) -> Vec<&'static str> {
    let of_vendor = OPERATIONS.iter().filter(|operation| operation.vendor == vendor);
    let mut names: Vec<_> = of_vendor.map(|operation| operation.name).collect();
    names.dedup();
    names.push(UNKNOWN);
    names
}

const fn read(vendor: Vendor, name: &'static str, method: MethodFilter, path: &'static str, run: Run) -> Operation {
    Operation { vendor, name, method, path, keeps: false, run }
}

const fn write(vendor: Vendor, name: &'static str, method: MethodFilter, path: &'static str, run: Run) -> Operation {
    Operation { vendor, name, method, path, keeps: true, run }
}

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;
const PUT: MethodFilter = MethodFilter::PUT;
const PATCH: MethodFilter = MethodFilter::PATCH;
const DELETE: MethodFilter = MethodFilter::DELETE;

#[rustfmt::skip]
pub(crate) static OPERATIONS: &[Operation] = &[
    read(Vendor::Highlevel, "contact.lookup", GET, "/contacts/search/duplicate", search::lookup),
    read(Vendor::Highlevel, "contact.search", POST, "/contacts/search", search::search),
    read(Vendor::Highlevel, "contact.list", GET, "/contacts/", search::list),
    write(Vendor::Highlevel, "contact.create", POST, "/contacts/", contacts::create),
    write(Vendor::Highlevel, "contact.upsert", POST, "/contacts/upsert", contacts::upsert),
    read(Vendor::Highlevel, "contact.get", GET, "/contacts/{contactId}", contacts::get),
    write(Vendor::Highlevel, "contact.update", PUT, "/contacts/{contactId}", contacts::update),
    write(Vendor::Highlevel, "contact.tags.add", POST, "/contacts/{contactId}/tags", tags::add),
    read(Vendor::Highlevel, "contact.tags.remove", DELETE, "/contacts/{contactId}/tags", tags::remove),
    write(Vendor::Highlevel, "contact.tags.bulk", POST, "/contacts/bulk/tags/update/{type}", tags::bulk),
    read(Vendor::Highlevel, "note.list", GET, "/contacts/{contactId}/notes", notes::list),
    write(Vendor::Highlevel, "note.create", POST, "/contacts/{contactId}/notes", notes::create),
    read(Vendor::Highlevel, "tag.list", GET, "/locations/{locationId}/tags", locations::tags),
    read(Vendor::Highlevel, "custom_field.list", GET, "/locations/{locationId}/customFields", locations::custom_fields),
    write(Vendor::Highlevel, "custom_field.create", POST, "/locations/{locationId}/customFields", locations::create_custom_field),
    read(Vendor::Highlevel, "calendar.list", GET, "/calendars/", calendars::list),
    write(Vendor::Highlevel, "calendar.create", POST, "/calendars/", calendars::create),
    read(Vendor::Highlevel, "calendar.get", GET, "/calendars/{calendarId}", calendars::get),
    read(Vendor::Highlevel, "slots.free", GET, "/calendars/{calendarId}/free-slots", calendars::free_slots),
    read(Vendor::Highlevel, "appointment.list", GET, "/contacts/{contactId}/appointments", appointments::list),
    write(Vendor::Highlevel, "appointment.create", POST, "/calendars/events/appointments", appointments::create),
    read(Vendor::Highlevel, "appointment.get", GET, "/calendars/events/appointments/{eventId}", appointments::get),
    write(Vendor::Highlevel, "appointment.update", PUT, "/calendars/events/appointments/{eventId}", appointments::update),
    read(Vendor::Highlevel, "appointment.delete", DELETE, "/calendars/events/{eventId}", appointments::delete),

    read(Vendor::Hubspot, "contact.search", POST, "/crm/objects/2026-09/contacts/search", hubspot::search::contacts),
    write(Vendor::Hubspot, "contact.create", POST, "/crm/objects/2026-09/contacts", hubspot::contacts::create),
    write(Vendor::Hubspot, "contact.upsert", POST, "/crm/objects/2026-09/contacts/batch/upsert", hubspot::contacts::upsert),
    read(Vendor::Hubspot, "contact.get", GET, "/crm/objects/2026-09/contacts/{contactId}", hubspot::contacts::get),
    write(Vendor::Hubspot, "contact.update", PATCH, "/crm/objects/2026-09/contacts/{contactId}", hubspot::contacts::update),
    write(Vendor::Hubspot, "note.create", POST, "/crm/objects/2026-09/notes", hubspot::notes::create),
    read(Vendor::Hubspot, "note.read", POST, "/crm/objects/2026-09/notes/batch/read", hubspot::notes::read),
    read(Vendor::Hubspot, "note.search", POST, "/crm/objects/2026-09/notes/search", hubspot::search::notes),
    read(Vendor::Hubspot, "property.list", GET, "/crm/v3/properties/contacts", properties::list),
    write(Vendor::Hubspot, "property.create", POST, "/crm/v3/properties/contacts", properties::create),

    read(Vendor::Calcom, "slots.free", GET, "/v2/slots", slots::free),
    read(Vendor::Calcom, "booking.list", GET, "/v2/bookings", bookings::list),
    read(Vendor::Calcom, "booking.get", GET, "/v2/bookings/{uid}", bookings::get),

    write(Vendor::Zep, "user.create", POST, "/api/v2/users", users::create),
    read(Vendor::Zep, "user.get", GET, "/api/v2/users/{userId}", users::get),
    write(Vendor::Zep, "user.update", PATCH, "/api/v2/users/{userId}", users::update),
    read(Vendor::Zep, "user.delete", DELETE, "/api/v2/users/{userId}", users::delete),
    read(Vendor::Zep, "user.warm", GET, "/api/v2/users/{userId}/warm", users::warm),
    write(Vendor::Zep, "thread.create", POST, "/api/v2/threads", threads::create),
    read(Vendor::Zep, "message.list", GET, "/api/v2/threads/{threadId}/messages", threads::messages),
    write(Vendor::Zep, "memory.add", POST, "/api/v2/threads/{threadId}/messages", threads::add),
    read(Vendor::Zep, "memory.context", GET, "/api/v2/threads/{threadId}/context", threads::context),
    read(Vendor::Zep, "memory.search", POST, "/api/v2/graph/search", graph::search),
    write(Vendor::Zep, "graph.add", POST, "/api/v2/graph", graph::add),

    write(Vendor::Mem0, "memory.add", POST, "/v3/memories/add/", mem0::add),
    read(Vendor::Mem0, "memory.search", POST, "/v3/memories/search/", mem0::search),
    read(Vendor::Mem0, "memory.list", POST, "/v3/memories/", mem0::list),
    read(Vendor::Mem0, "memory.get", GET, "/v1/memories/{memoryId}/", mem0::get),
    write(Vendor::Mem0, "memory.update", PUT, "/v1/memories/{memoryId}/", mem0::update),
    read(Vendor::Mem0, "memory.delete", DELETE, "/v1/memories/{memoryId}/", mem0::delete),
    read(Vendor::Mem0, "event.get", GET, "/v1/event/{eventId}/", mem0::event),
    read(Vendor::Mem0, "ping", GET, "/v1/ping/", mem0::ping),

    read(Vendor::Langfuse, "prompt.get", GET, "/api/public/v2/prompts/{name}", langfuse::get),
    read(Vendor::Langfuse, "prompt.list", GET, "/api/public/v2/prompts", langfuse::list),
    write(Vendor::Langfuse, "prompt.create", POST, "/api/public/v2/prompts", langfuse::create),
    read(Vendor::Langfuse, "health", GET, "/api/public/health", langfuse::health),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendors_operations_have_names_of_their_own() {
        for vendor in Vendor::ALL {
            let mut names = names(vendor);
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{}", vendor.as_str());
        }
    }
}
