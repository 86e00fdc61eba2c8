//! What crm-worker is fed with: calls of contacts that change, and `contact.recorded` after each change.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use contract::{Envelope, EventType, Source};
use serde_json::json;
use testkit::Input;

use crate::spec::Step;

const POISON: &str = "+15005556666";

/// Each call is told of three times: it begins, it ends, it is summed up. Callers come again.
pub(crate) fn steps(count: usize) -> Vec<Step> {
    let told = (0..).flat_map(|nth| {
        let phone = format!("+1500555{:04}", 2000 + nth % 17);
        (1..=3).map(move |time| step(&format!("call_{nth}"), &phone, nth, time))
    });
    told.take(count).collect()
}

/// A contact that may not be pushed.
pub(crate) fn poison() -> (Step, &'static str) {
    let constraint = "ALTER TABLE offhook.crm_contacts ADD CONSTRAINT no_poison CHECK (phone <> '+15005556666')";
    (step("call_poison", POISON, 1, 3), constraint)
}

fn step(call_id: &str, phone: &str, nth: usize, time: usize) -> Step {
    let started = DateTime::from_timestamp_millis(1_794_900_000_000).expect("a time") + TimeDelta::hours(nth as i64);
    let ended = if time > 1 { format!("'{}'", (started + TimeDelta::minutes(1)).to_rfc3339()) } else { "NULL".into() };
    // Some are never summed up.
    let summary = if time > 2 && nth % 5 != 4 { format!("'no. {nth}'") } else { "NULL".into() };
    // As log-worker's rows: whatever is told again or late takes nothing back.
    let before = format!(
        "INSERT INTO offhook.contacts (org, phone) VALUES ('demo', '{phone}') ON CONFLICT DO NOTHING;
         INSERT INTO offhook.calls AS c (org, source, call_id, contact_phone, first_received_at, started_at, ended_at, summary)
         VALUES ('demo', 'retell', '{call_id}', '{phone}', '{started}', '{started}', {ended}, {summary})
         ON CONFLICT (org, source, call_id) DO UPDATE SET ended_at = coalesce(c.ended_at, excluded.ended_at),
            summary = coalesce(c.summary, excluded.summary);",
        started = started.to_rfc3339(),
    );
    let body = json!({ "source": "retell", "call_id": call_id, "branch": "main", "contact_phone": phone }).to_string();
    let envelope = Envelope {
        org: "demo".parse().expect("an org id"),
        source: Source::LOG_WORKER,
        channel: String::new(),
        id: format!("contact.recorded:{phone}:{call_id}:{time}"),
        kind: EventType::ContactRecorded,
        subject: Some(phone.to_owned()),
        time: started,
        received_at: started,
        content_type: "application/json".to_owned(),
        fault: None,
    };
    Step { before, input: Input { envelope, body: Bytes::from(body) } }
}
