//! What invalidate-worker is fed with: contacts, appointments and memories that have changed, each of a person of its own.

use contract::{EventType, Source};
use serde_json::json;
use testkit::Input;

use crate::spec::Step;

pub(crate) fn steps(count: usize) -> Vec<Step> {
    (0..count).map(|nth| step(nth, &format!("+1500555{nth:04}"))).collect()
}

/// A person whom the table does not take.
pub(crate) fn poison() -> (Step, &'static str) {
    let constraint =
        r#"ALTER TABLE offhook.invalidations ADD CONSTRAINT no_poison CHECK (parts <> '["+15005559999"]')"#;
    (step(0, "+15005559999"), constraint)
}

fn step(nth: usize, phone: &str) -> Step {
    let (source, kind, body) = match nth % 4 {
        1 => (Source::REFRESH_WORKER, EventType::MemoryStored, json!({})),
        2 => {
            let body =
                json!({ "vendor": "calcom", "id": phone, "contact_phone": phone, "starts": ["2026-12-01T09:00:00Z"] });
            (Source::LOG_WORKER, EventType::AppointmentRecorded, body)
        }
        _ => (Source::LOG_WORKER, EventType::ContactRecorded, json!({})),
    };
    Step { before: String::new(), input: Input::follow_up(source, kind, phone, phone, &body) }
}
