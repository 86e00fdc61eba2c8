//! What metrics-worker is fed with: rows of `calls` that change, and `call.recorded` after each change.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use contract::{Envelope, EventType, Source};
use serde_json::json;
use testkit::Input;

use crate::spec::Step;

/// Each call is told of three times, with more and larger figures each time.
pub(crate) fn steps(count: usize) -> Vec<Step> {
    let told = (0..).flat_map(|nth| (1..=3).map(move |time| step(&format!("call_{nth}"), nth, time)));
    told.take(count).collect()
}

/// A call that lasts too long.
pub(crate) fn poison() -> (Step, &'static str) {
    let mut step = step("call_poison", 1, 1);
    step.before.push_str("UPDATE offhook.calls SET duration_ms = 666666 WHERE call_id = 'call_poison';");
    (step, "ALTER TABLE offhook.call_contributions ADD CONSTRAINT no_poison CHECK (duration_ms <> 666666)")
}

fn step(call_id: &str, nth: usize, time: usize) -> Step {
    let branch = ["main", "uptown", "unassigned"][nth % 3];
    let received = DateTime::from_timestamp_millis(1_794_900_000_000).expect("a time") + TimeDelta::hours(nth as i64);
    let started = if time > 1 { format!("'{}'", (received - TimeDelta::days(1)).to_rfc3339()) } else { "NULL".into() };
    // As log-worker's rows: whatever is told again or late takes nothing back.
    let before = format!(
        "INSERT INTO offhook.calls AS c
            (org, source, call_id, branch, direction, first_received_at, started_at, duration_ms, cost_cents, successful)
         VALUES ('demo', 'retell', '{call_id}', '{branch}', 'inbound', '{}', {started}, {}, {}, {})
         ON CONFLICT (org, source, call_id) DO UPDATE SET started_at = coalesce(c.started_at, excluded.started_at),
            duration_ms = greatest(c.duration_ms, excluded.duration_ms),
            cost_cents = greatest(c.cost_cents, excluded.cost_cents), successful = c.successful OR excluded.successful;",
        received.to_rfc3339(),
        (nth + 1) * time * 100,
        (nth * time) as f64 / 10.0,
        time == 3 && nth.is_multiple_of(2),
    );
    let body = json!({ "source": "retell", "call_id": call_id, "branch": branch, "contact_phone": null }).to_string();
    let envelope = Envelope {
        org: "demo".parse().expect("an org id"),
        source: Source::LOG_WORKER,
        channel: String::new(),
        id: format!("call.recorded:{call_id}:{time}"),
        kind: EventType::CallRecorded,
        subject: Some(call_id.to_owned()),
        time: received,
        received_at: received,
        content_type: "application/json".to_owned(),
        fault: None,
    };
    Step { before, input: Input { envelope, body: Bytes::from(body) } }
}
