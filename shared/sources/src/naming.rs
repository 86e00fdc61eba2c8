//! What naming has in common from source to source: times that are none, ids that are rubbish, bodies that can't be read.

use aws_lc_rs::digest;
use chrono::DateTime;
use contract::{EventType, Timestamp};

use crate::{LENGTH_MS_MAX, Name, SUBJECT_BYTES_MAX};

/// The longest name of a provider's event that is believed, in bytes.
pub(crate) const EVENT_BYTES_MAX: usize = 64;
/// The longest reason that is kept, in bytes: a parser may quote the whole value it stumbled over.
pub(crate) const FAULT_BYTES_MAX: usize = 200;
/// Outside this a provider's milliseconds are rubbish: 2000-01-01 to 2100-01-01.
const TIME_MS: std::ops::Range<i64> = 946_684_800_000..4_102_444_800_000;

/// Milliseconds since the epoch as a moment, if they are one.
pub(crate) fn moment_of_ms(ms: f64) -> Option<Timestamp> {
    let ms = ms as i64;
    TIME_MS.contains(&ms).then(|| DateTime::from_timestamp_millis(ms)).flatten()
}

/// Seconds since the epoch as a moment, if they are one.
pub(crate) fn moment_of_s(s: f64) -> Option<Timestamp> {
    moment_of_ms(s * 1000.0)
}

/// Milliseconds as the length of a call or a recording, if it can be one.
pub(crate) fn length_of_ms(ms: f64) -> Option<i64> {
    let ms = ms as i64;
    (0..=LENGTH_MS_MAX).contains(&ms).then_some(ms)
}

/// A text of RFC 3339 as a moment, if it is one.
pub(crate) fn moment_of_text(text: &str) -> Option<Timestamp> {
    let moment = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    TIME_MS.contains(&moment.timestamp_millis()).then_some(moment)
}

/// The name of a provider's event, if it may stand in an id.
///
/// # Errors
/// When it is empty or too long for one.
pub(crate) fn event(event: &str) -> Result<&str, String> {
    match event.len() {
        1..=EVENT_BYTES_MAX => Ok(event),
        bytes => Err(format!("the event has a name of {bytes} bytes, 1 to {EVENT_BYTES_MAX} are allowed")),
    }
}

/// A provider's id, if it may be a subject; an empty one is none.
///
/// # Errors
/// When it is too long for one.
pub(crate) fn subject(id: Option<String>) -> Result<Option<String>, String> {
    match id {
        Some(id) if id.len() > SUBJECT_BYTES_MAX => {
            Err(format!("the id has {} bytes, at most {SUBJECT_BYTES_MAX} are allowed", id.len()))
        }
        id => Ok(id.filter(|id| !id.is_empty())),
    }
}

/// The name of an authentic body that can't be read.
pub(crate) fn unreadable(source: &str, body: &[u8], time: Timestamp, mut fault: String) -> Name {
    fault.truncate(fault.floor_char_boundary(FAULT_BYTES_MAX));
    Name {
        id: format!("{source}:unreadable:{}", hash(body)),
        kind: EventType::OtherUnknown,
        subject: None,
        time,
        fault: Some(fault),
    }
}

/// The first 128 bits of the bytes' SHA-256, in hex.
pub(crate) fn hash(bytes: &[u8]) -> String {
    hex::encode(&digest::digest(&digest::SHA256, bytes).as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_one_of_this_century_and_a_length_no_month() {
        assert_eq!(moment_of_s(1_795_000_000.0), moment_of_ms(1_795_000_000_000.0));
        assert_eq!(moment_of_text("2026-11-20T11:00:00.123+01:00").unwrap().timestamp_millis(), 1_795_168_800_123);
        for none in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300] {
            assert_eq!((moment_of_s(none), moment_of_ms(none)), (None, None), "{none}");
        }
        assert_eq!(
            [0.9, 61_000.0, LENGTH_MS_MAX as f64].map(length_of_ms),
            [Some(0), Some(61_000), Some(LENGTH_MS_MAX)]
        );
        assert_eq!([-1.0, 1e300, f64::INFINITY, LENGTH_MS_MAX as f64 + 1.0].map(length_of_ms), [None; 4]);
        for none in ["", "soon", "2026-11-20", "0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z"] {
            assert_eq!(moment_of_text(none), None, "{none}");
        }
    }
}
