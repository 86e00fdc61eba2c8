//! Calls to load and to try services with: no two alike, and each the same in every run.

use serde_json::{Value, json};

use crate::Input;

/// The life of the `nth` of many calls, told in three events that leave out, repeat and correct each other: callers that
/// come again, change their number or hide it, three branches, both directions, several days.
#[must_use]
pub fn story(prefix: &str, nth: usize) -> Vec<Input> {
    let every = |count: usize| nth.is_multiple_of(count);
    let caller = |nth: usize| format!("+1500555{:04}", 2000 + nth % 17);
    let start = 1_794_900_000_000 + nth as i64 * 5_400_000;
    let ours = if every(7) { "+15005559999" } else { "+15005550001" }.to_owned();
    let (direction, from, to) = if every(5) { ("outbound", ours, caller(nth)) } else { ("inbound", caller(nth), ours) };
    let mut started = json!({ "call_id": format!("{prefix}_{nth}"), "call_type": "phone_call", "call_status": "ongoing",
        "direction": direction, "agent_id": "agent_demo", "start_timestamp": start, "from_number": from, "to_number": to,
        "transcript": "Agent: Hello" });
    if every(4) {
        started = with(&started, json!({ "agent_id": "agent_uptown", "to_number": null, "from_number": null }));
    }
    let (status, reason) = match nth % 13 {
        0 => ("not_connected", "dial_failed"),
        1..5 => ("ended", "call_transfer"),
        5..8 => ("ended", "voicemail_reached"),
        _ => ("ended", "user_hangup"),
    };
    let ended = json!({ "call_status": status, "duration_ms": 1000 + nth, "end_timestamp": start + 60_000,
        "transcript": "Agent: Hello\nUser: Bye", "disconnection_reason": reason });
    let ended = with(&started, ended);
    let heard = if every(3) { json!({ "customer_name": format!("Heard {nth}") }) } else { json!({}) };
    let analysis = json!({ "call_successful": every(2), "in_voicemail": every(6), "call_summary": format!("no. {nth}"), "custom_analysis_data": heard });
    let cost = json!({ "combined_cost": nth as f64 / 8.0 });
    let analyzed = with(&ended, json!({ "call_cost": cost, "duration_ms": null, "call_analysis": analysis }));
    match nth % 11 {
        3 => started = with(&started, json!({ "from_number": "anonymous" })),
        5 => started = with(&started, json!({ "from_number": caller(nth + 1), "start_timestamp": start - 86_400_000 })),
        _ => {}
    }
    [("call_started", started, 0), ("call_ended", ended, 60_000), ("call_analyzed", analyzed, 65_000)]
        .map(|(event, call, after)| json!({ "event": event, "event_timestamp": start + after, "call": call }))
        .map(|body| Input::retell(body.to_string()))
        .into()
}

/// The same call with more, or other, fields.
fn with(call: &Value, more: Value) -> Value {
    let mut call = call.clone();
    if let (Value::Object(call), Value::Object(more)) = (&mut call, more) {
        call.extend(more);
    }
    call
}
