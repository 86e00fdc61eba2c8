//! Any bytes, as if they were an authentic body of each source: named, decoded, read as a question. Nothing may panic, and what
//! becomes a header stays within its limits.

#![no_main]

use chrono::DateTime;
use contract::{EventType, Source};
use libfuzzer_sys::fuzz_target;
use sources::{SUBJECT_BYTES_MAX, calcom, elevenlabs, retell, webhook, whatsapp};

/// The longest id there is: what an envelope allows.
const ID_BYTES_MAX: usize = 512;

fuzz_target!(|body: &[u8]| {
    let now = DateTime::UNIX_EPOCH;
    let named = [
        (Source::RETELL, retell::name(body, now)),
        (Source::ELEVENLABS, elevenlabs::name(body, now)),
        (Source::WHATSAPP, whatsapp::name(body, now)),
        (Source::CALCOM, calcom::name(body, now)),
        (Source::WEBHOOK, webhook::name("msg_1", Some("event.type"), body, now)),
    ];
    for (source, name) in named {
        assert!(!name.id.is_empty() && name.id.len() <= ID_BYTES_MAX, "{name:?}");
        assert!(name.subject.is_none_or(|subject| !subject.is_empty() && subject.len() <= SUBJECT_BYTES_MAX));
        for kind in EventType::ALL {
            let _ = sources::decode(source, *kind, body);
        }
    }
    let _ = retell::inbound(body);
    let _ = elevenlabs::initiation(body);
});
