//! What refresh-worker is fed with: calls that are over and wait for their summary, and `call.recorded` of them.

use bytes::Bytes;
use chrono::Utc;
use contract::{Envelope, EventType, Source};
use serde_json::json;
use testkit::Input;

use crate::spec::Step;

/// Each call is told of three times; only once it is over there is something to remember.
pub(crate) fn steps(count: usize) -> Vec<Step> {
    let told = (0..).flat_map(|nth| (1..=3).map(move |time| step(&format!("call_{nth}"), nth, time)));
    told.take(count).collect()
}

/// A call that may not be remembered.
pub(crate) fn poison() -> (Step, &'static str) {
    let constraint = "ALTER TABLE offhook.memories ADD CONSTRAINT no_poison CHECK (call_id <> 'call_poison')";
    (step("call_poison", 1, 3), constraint)
}

fn step(call_id: &str, nth: usize, time: usize) -> Step {
    // Some never have a number or a transcript.
    let phone = if nth % 5 == 4 { "NULL".to_owned() } else { format!("'+1500555{:04}'", 2000 + nth % 17) };
    let transcript = if nth % 7 == 6 { "NULL" } else { "'Agent: Hello\nUser: Bye'" };
    let (ended, transcript) = if time > 1 { ("now()", transcript) } else { ("NULL", "NULL") };
    let before = format!(
        "INSERT INTO offhook.calls AS c (org, source, call_id, first_received_at, contact_phone, ended_at, transcript)
         VALUES ('demo', 'retell', '{call_id}', now(), {phone}, {ended}, {transcript})
         ON CONFLICT (org, source, call_id) DO UPDATE SET ended_at = coalesce(c.ended_at, excluded.ended_at),
            transcript = coalesce(c.transcript, excluded.transcript);"
    );
    let body = json!({ "source": "retell", "call_id": call_id, "branch": "main", "contact_phone": null }).to_string();
    let now = Utc::now();
    let envelope = Envelope {
        org: "demo".parse().expect("an org id"),
        source: Source::LOG_WORKER,
        channel: String::new(),
        id: format!("call.recorded:{call_id}:{time}"),
        kind: EventType::CallRecorded,
        subject: Some(call_id.to_owned()),
        time: now,
        received_at: now,
        content_type: "application/json".to_owned(),
        fault: None,
    };
    Step { before, input: Input { envelope, body: Bytes::from(body) } }
}
