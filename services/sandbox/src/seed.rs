//! What every sandbox begins with: two locations with the same callers, what is remembered of one of them, and prompts.

use std::time::Duration;

use chrono::{DateTime, Datelike as _, Days, FixedOffset, TimeDelta, TimeZone as _, Utc, Weekday};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    calcom::{self, Calcom},
    call::Moment,
    highlevel::{Appointment, Record, contacts},
    hubspot,
    state::State,
};

/// A location, its calendar, and the org whose callers it has.
const LOCATIONS: [(&str, &str, &str); 2] = [("loc_demo", "cal_main", "demo"), ("loc_other", "cal_other", "other")];
/// The known caller.
const JANE: (&str, &str) = ("+15005550006", "Jane Doe");
/// Further ones.
const OTHERS: [(&str, &str); 10] = [
    ("+15005550010", "Ana Ruiz"),
    ("+15005550011", "Ben Carter"),
    ("+15005550012", "Chloe Martin"),
    ("+15005550013", "Deepak Rao"),
    ("+15005550014", "Elif Kaya"),
    ("+15005550015", "Frank Moore"),
    ("+15005550016", "Grace Kim"),
    ("+15005550017", "Hugo Silva"),
    ("+15005550018", "Ines Weber"),
    ("+15005550019", "Jonas Berg"),
];
/// What is remembered of the known caller.
const FACTS: [&str; 2] = ["Jane Doe prefers appointments in the morning.", "Jane Doe chipped a tooth in October."];
const CUSTOM_FIELDS: [(&str, &str); 2] =
    [("cf_last_call_summary", "Last Call Summary"), ("cf_total_calls", "Total Calls")];
/// The hour of the seeded appointment, on the next weekday that is at least a day ahead.
const APPOINTMENT_HOUR: u32 = 10;

pub(crate) fn sow(state: &mut State) {
    let no = Duration::ZERO;
    let moment =
        Moment { now: Instant::now(), utc: Utc::now(), read_lag: no, hubspot_lag: no, calcom_lag: no, memory_lag: no };
    for (location_id, calendar_id, org) in LOCATIONS {
        sow_location(state, location_id, calendar_id, org, &moment);
    }
    sow_hubspot(&mut state.hubspot, &moment);
    sow_calcom(&mut state.calcom, &moment);
    // The known caller under every name that a memory may have for them: bare, and by org.
    let names = [JANE.0.to_owned(), format!("tel:{}", JANE.0)];
    for user_id in names.into_iter().chain(LOCATIONS.map(|(_, _, org)| format!("{org}:{}", JANE.0))) {
        state.zep.add_user(&user_id, &json!({ "first_name": "Jane", "last_name": "Doe" }), &moment);
        state.zep.add_thread(&format!("seed-{user_id}"), &user_id);
        for fact in FACTS {
            state.zep.add_fact(&user_id, fact, &moment);
            state.mem0.remember(&json!({ "user_id": user_id }), fact, &moment);
        }
    }
    for (name, prompt) in prompts() {
        state.langfuse.add(name, vec!["production".to_owned()], &prompt);
    }
}

fn sow_location(state: &mut State, location_id: &str, calendar_id: &str, org: &str, moment: &Moment) {
    let highlevel = &mut state.highlevel;
    highlevel.add_calendar(
        location_id,
        calendar_id,
        &record(&json!({ "name": "Main", "calendarType": "round_robin" })),
    );
    for (id, name) in CUSTOM_FIELDS {
        highlevel.open(location_id).add_custom_field(
            location_id,
            id,
            &record(&json!({ "name": name, "dataType": "TEXT" })),
        );
    }
    let mut jane = None;
    for (phone, name) in std::iter::once(JANE).chain(OTHERS) {
        let email = format!("{}@{org}.example", name.to_lowercase().replace(' ', "."));
        let contact = json!({ "phone": phone, "name": name, "email": email, "tags": ["patient"], "source": "seed" });
        let contact = contacts::add(highlevel, location_id, &record(&contact), moment);
        jane = jane.or(contact.ok().map(|contact| contact["id"].clone()));
    }
    let Some(start) = next_appointment(moment.utc) else { return };
    let id = format!("apt_{org}_jane");
    let appointment = json!({
        "id": id, "calendarId": calendar_id, "locationId": location_id, "contactId": jane, "title": "Check-up",
        "appointmentStatus": "confirmed",
    });
    let appointment =
        Appointment { record: record(&appointment), start, end: start + TimeDelta::minutes(30), added_at: moment.utc };
    highlevel.add_appointment(location_id, &id, appointment, moment);
}

/// The same callers, as people typed them in: without the unique property that an account makes for voice.
fn sow_hubspot(hubspot: &mut hubspot::HubSpot, moment: &Moment) {
    for (phone, name) in std::iter::once(JANE).chain(OTHERS) {
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        let email = format!("{}@demo.example", name.to_lowercase().replace(' ', "."));
        let contact = json!({ "firstname": first, "lastname": last, "phone": phone, "email": email });
        // Nothing in it can be refused: a fresh account, known properties, no two alike.
        let _ = hubspot::contacts::add(hubspot, &contact, moment);
    }
}

/// An event type, and the known caller's booking of it, made with a number alone.
fn sow_calcom(calcom: &mut Calcom, moment: &Moment) {
    let Some(start) = next_appointment(moment.utc) else { return };
    let booking = json!({
        "eventTypeId": calcom::EVENT_TYPE, "start": start.to_rfc3339(), "title": "Check-up between Demo Dental and Jane Doe",
        "attendee": { "name": JANE.1, "phoneNumber": JANE.0, "timeZone": "America/New_York" },
    });
    // Nothing in it can be refused: the one event type, a time to come, and nobody has booked yet.
    let _ = calcom::bookings::add(calcom, &booking, moment);
}

fn next_appointment(now: DateTime<Utc>) -> Option<DateTime<FixedOffset>> {
    let zone = chrono_tz::America::New_York;
    let mut date = now.with_timezone(&zone).date_naive().checked_add_days(Days::new(2))?;
    while matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
        date = date.succ_opt()?;
    }
    let start = zone.from_local_datetime(&date.and_hms_opt(APPOINTMENT_HOUR, 0, 0)?).earliest()?;
    Some(start.fixed_offset())
}

fn prompts() -> [(&'static str, Value); 3] {
    let known = "You are the receptionist of {{business_name}}. {{customer_name}} is calling; what we know: {{customer_facts}}.";
    let new = "You are the receptionist of {{business_name}}. You do not know the caller yet; ask for the name.";
    let chat = json!([{ "role": "system", "content": known }, { "type": "placeholder", "name": "history" }]);
    let config = json!({ "greeting": "Thank you for calling {{business_name}}." });
    [
        ("receptionist-known", json!({ "type": "text", "prompt": known, "config": config })),
        ("receptionist-new", json!({ "type": "text", "prompt": new, "config": config })),
        ("receptionist-chat", json!({ "type": "chat", "prompt": chat })),
    ]
}

fn record(value: &Value) -> Record {
    value.as_object().cloned().unwrap_or_default()
}
