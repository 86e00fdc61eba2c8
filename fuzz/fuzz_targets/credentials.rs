//! Any text as the headers of a delivery: nothing may panic, and nothing that we have not signed may pass.

#![no_main]

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use sources::{calcom, elevenlabs, retell, webhook, whatsapp};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fuzz_target!(|text: &str| {
    let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap_or_default();
    let (one, other) = text.split_once('\n').unwrap_or((text, ""));
    let (id, body) = (Some(other), text.as_bytes());
    assert!(retell::verify([SECRET], Some(one), body, now).is_err());
    assert!(elevenlabs::verify([SECRET], Some(one), body, now).is_err());
    assert!(calcom::verify([SECRET], Some(one), body, now).is_err());
    let headers = webhook::Headers { id, timestamp: Some("1795000000"), signature: Some(one) };
    assert!(webhook::verify([SECRET], headers, body, now).is_err());
    // The secret itself is what this source shows.
    if !text.contains(SECRET) {
        assert!(whatsapp::verify([SECRET], Some(one), Some(other), now).is_err());
        assert!(elevenlabs::verify_initiation([SECRET], Some(one)).is_err());
    }
});
