//! Calls, bookings and chats to load and to try services with: no two alike, and each the same in every run.

use serde_json::{Value, json};

use crate::Input;

/// The life of the `nth` of many calls, told in three events that leave out, repeat and correct each other: callers that
/// come again, change their number or hide it, three branches, both directions, several days.
#[must_use]
pub fn story(prefix: &str, nth: usize) -> Vec<Input> {
    let every = |count: usize| nth.is_multiple_of(count);
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

fn caller(nth: usize) -> String {
    format!("+1500555{:04}", 2000 + nth % 17)
}

/// The life of the `nth` of many appointments, told in three events, by one calendar or the other: moved, to a new id or under
/// the old one, and then called off, missed or moved once more.
#[must_use]
pub fn booking(prefix: &str, nth: usize) -> Vec<Input> {
    let at = |seconds: usize| format!("2026-11-01T{:02}:{:02}:00.{:03}Z", seconds / 60, seconds % 60, nth % 1000);
    let start = |days: usize| format!("2026-12-{:02}T{:02}:00:00Z", 1 + (nth + days) % 28, 9 + nth % 8);
    if nth % 3 == 2 {
        let tell = |event: &str, status: &str, changed: usize, days: usize| {
            Input::highlevel(json!({ "type": event, "webhookId": format!("{prefix}_{nth}_{changed}"), "locationId": "loc", "appointment": {
                "id": format!("{prefix}_{nth}"), "calendarId": "cal7", "contactId": "c1", "title": format!("no. {changed}"),
                "appointmentStatus": status, "startTime": start(days), "dateUpdated": at(changed) } }).to_string())
        };
        return vec![
            tell("AppointmentCreate", "confirmed", 0, 0),
            tell("AppointmentUpdate", "new", 1, nth % 2),
            tell("AppointmentUpdate", if nth.is_multiple_of(2) { "noshow" } else { "cancelled" }, 2, 2),
        ];
    }
    let tell = |event: &str, id: &str, changed: usize, more: Value| {
        let booking = json!({ "uid": format!("{prefix}_{nth}{id}"), "eventTypeId": 88, "startTime": start(changed),
            "attendees": [{ "name": format!("Booked {nth}"), "phoneNumber": caller(nth) }] });
        let body = json!({ "triggerEvent": event, "createdAt": at(changed), "payload": with(&booking, more) });
        Input::calcom(body.to_string())
    };
    let moved = |from: &str, changed: usize| json!({ "rescheduleUid": format!("{prefix}_{nth}{from}"), "rescheduleStartTime": start(changed - 1) });
    let last = match nth % 4 {
        0 => tell("BOOKING_CANCELLED", "b", 2, json!({ "startTime": start(1), "cancellationReason": "ill" })),
        1 => tell(
            "BOOKING_NO_SHOW_UPDATED",
            "b",
            2,
            json!({ "bookingUid": format!("{prefix}_{nth}b"), "attendees": [{ "noShow": true }] }),
        ),
        2 => tell("BOOKING_CANCELLED", "", 2, json!({ "startTime": start(0) })),
        _ => tell("BOOKING_RESCHEDULED", "c", 2, moved("b", 2)),
    };
    vec![
        tell("BOOKING_CREATED", "", 0, json!({ "status": "ACCEPTED" })),
        tell("BOOKING_RESCHEDULED", "b", 1, moved("", 1)),
        last,
    ]
}

/// Two messages of the `nth` of many chats, in three events: what a person writes, and what we do, which is told twice.
#[must_use]
pub fn chat(prefix: &str, nth: usize) -> Vec<Input> {
    let number = caller(nth).trim_start_matches('+').to_owned();
    // Some hide their number; some of those not always.
    let hidden = nth.is_multiple_of(3);
    let jid = if hidden { format!("{nth}@lid") } else { format!("{number}@s.whatsapp.net") };
    let tell = |event: &str, ours: bool, told: bool, seconds: usize| {
        let alt = told.then(|| format!("{number}@s.whatsapp.net"));
        let key =
            json!({ "id": format!("{prefix}_{nth}_{ours}"), "remoteJid": jid, "fromMe": ours, "remoteJidAlt": alt });
        let body = json!({ "event": event, "instance": "clinic-01", "data": { "key": key, "pushName": format!("Shown {nth}"),
            "message": { "conversation": format!("no. {nth} {event}") }, "messageTimestamp": 1_793_500_000 + nth * 60 + seconds } });
        Input::whatsapp("clinic-01", body.to_string())
    };
    vec![
        tell("messages.upsert", false, nth.is_multiple_of(2), 0),
        tell("send.message", true, false, 1),
        tell("messages.upsert", true, nth.is_multiple_of(2), 2),
    ]
}

/// The same call with more, or other, fields.
fn with(call: &Value, more: Value) -> Value {
    let mut call = call.clone();
    if let (Value::Object(call), Value::Object(more)) = (&mut call, more) {
        call.extend(more);
    }
    call
}
