//! What became of an event, and what is published because of it.
//!
//! Told from the rows as they are now, also of an event that the inbox had seen: who died before may not have told it.

use std::collections::BTreeSet;

use bytes::Bytes;
use contract::{EventType, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// The event is archived; it speaks of nothing that others wait for.
    Archived,
    /// The event is in this call's row.
    Call {
        source: String,
        call_id: String,
        branch: String,
        contact_phone: Option<String>,
        /// Further contacts that may have changed with it.
        others: Vec<String>,
    },
    /// The event is in the rows of these appointments: its own, and the one that it was before it was moved.
    Appointments {
        standing: Vec<Standing>,
        /// The contact that the event names.
        contact: Option<String>,
    },
    /// The event is in this contact's row.
    Contact { phone: String },
}

/// How an appointment stands; the body of what is published of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Standing {
    pub(crate) vendor: String,
    pub(crate) id: String,
    pub(crate) branch: String,
    pub(crate) contact_phone: Option<String>,
    pub(crate) calendar: Option<String>,
    pub(crate) starts_at: Option<Timestamp>,
    pub(crate) previous_starts_at: Option<Timestamp>,
    /// Every start it is known to have had, the present one among them.
    pub(crate) starts: Vec<Timestamp>,
}

/// An event to publish: its type, its subject, its body.
type FollowUp = (EventType, String, Bytes);

impl Recorded {
    pub(crate) fn follow_ups(&self) -> Vec<FollowUp> {
        match self {
            Self::Archived => Vec::new(),
            Self::Contact { phone } => vec![contact(phone)],
            Self::Appointments { standing, contact: named } => {
                let recorded =
                    |standing: &Standing| follow_up(EventType::AppointmentRecorded, &standing.id, &json!(standing));
                standing.iter().map(recorded).chain(named.iter().map(|phone| contact(phone))).collect()
            }
            Self::Call { source, call_id, branch, contact_phone, others } => {
                let body = |contact_phone: Option<&String>| json!({ "source": source, "call_id": call_id, "branch": branch, "contact_phone": contact_phone });
                let call = follow_up(EventType::CallRecorded, call_id, &body(contact_phone.as_ref()));
                let contacts: BTreeSet<&String> = contact_phone.iter().chain(others).collect();
                let contacts = contacts.into_iter();
                let contacts = contacts.map(|phone| follow_up(EventType::ContactRecorded, phone, &body(Some(phone))));
                std::iter::once(call).chain(contacts).collect()
            }
        }
    }
}

fn contact(phone: &str) -> FollowUp {
    follow_up(EventType::ContactRecorded, phone, &json!({ "contact_phone": phone }))
}

fn follow_up(kind: EventType, subject: &str, body: &Value) -> FollowUp {
    (kind, subject.to_owned(), Bytes::from(body.to_string()))
}
