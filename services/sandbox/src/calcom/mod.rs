//! Cal.com (API v2): one account with one event type, its free slots and its bookings, whatever the key.
//!
//! Only what is read is here; bookings are made at `/_sandbox/calcom/bookings`, as somebody else would make them. Refuses a
//! missing key, also where the real one asks for none, and any version but those of 2024, where the real one falls back to an
//! older API; its minute begins with its first request, and shuts out for its rest alone.

pub(crate) mod bookings;
pub(crate) mod slots;

use std::{collections::BTreeMap, time::Duration};

use axum::http::StatusCode;
use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{call::Call, lagged::Lagged, operation::Operation, reply::Reply};

use bookings::Booking;

/// The one account there is.
const ACCOUNT: &str = "cal_demo";
/// The one event type there is.
pub(crate) const EVENT_TYPE: u64 = 1001;
/// Where its host works from nine to five.
const ZONE: Tz = chrono_tz::America::New_York;
/// The version of `/v2/slots`.
const SLOTS_VERSION: &str = "2024-09-04";
/// The version of `/v2/bookings`.
const BOOKINGS_VERSION: &str = "2024-08-13";
/// The time that its limit is about.
const MINUTE: Duration = Duration::from_secs(60);

/// The account.
#[derive(Default)]
pub(crate) struct Calcom {
    /// By uid, which grows.
    bookings: BTreeMap<String, Lagged<Booking>>,
    next_id: u64,
}

impl Calcom {
    /// Everything, as it was last written.
    pub(crate) fn shown(&self) -> Value {
        json!({ "bookings": self.bookings.values().map(|kept| kept.newest().shown()).collect::<Vec<_>>() })
    }
}

/// The requests of the present minute.
#[derive(Default)]
pub(crate) struct Rate {
    began: Option<Instant>,
    requests: u64,
}

/// Where the account stands after a request.
pub(crate) struct Minute {
    pub(crate) passes: bool,
    limit: u64,
    left: u64,
    /// Until the minute ends, in seconds.
    reset: u64,
}

impl Rate {
    /// Counts one request.
    pub(crate) fn note(&mut self, now: Instant, limit: u64) -> Minute {
        let began = self.began.filter(|began| now.duration_since(*began) < MINUTE);
        self.requests = if began.is_some() { self.requests + 1 } else { 1 };
        let began = *self.began.insert(began.unwrap_or(now));
        let reset = MINUTE.saturating_sub(now.duration_since(began)).as_secs_f64().ceil();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 60")]
        let reset = reset as u64;
        Minute { passes: self.requests <= limit, limit, left: limit.saturating_sub(self.requests), reset }
    }
}

impl Minute {
    pub(crate) fn headers(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("x-ratelimit-limit-default", self.limit),
            ("x-ratelimit-remaining-default", self.left),
            ("x-ratelimit-reset-default", self.reset),
        ]
    }
}

/// Always the same.
pub(crate) fn account() -> Option<String> {
    Some(ACCOUNT.to_owned())
}

/// The gateway: the version selects the route, then the key is looked at.
pub(crate) fn admit(operation: &Operation, call: &Call) -> Result<(), Reply> {
    let wanted = if operation.path == "/v2/slots" { SLOTS_VERSION } else { BOOKINGS_VERSION };
    if call.headers.get("cal-api-version").and_then(|version| version.to_str().ok()) != Some(wanted) {
        return Err(error(StatusCode::NOT_FOUND, &format!("Cannot {} {}", call.method, call.path)));
    }
    let refusal = || error(StatusCode::UNAUTHORIZED, "ApiAuthStrategy - No authentication method provided.");
    call.credentials("Bearer").map(|_| ()).ok_or_else(refusal)
}

pub(crate) fn error(status: StatusCode, message: &str) -> Reply {
    let code = match status {
        StatusCode::BAD_REQUEST => "BadRequestException",
        StatusCode::UNAUTHORIZED => "UnauthorizedException",
        StatusCode::NOT_FOUND => "NotFoundException",
        StatusCode::TOO_MANY_REQUESTS => "ThrottlerException",
        _ => "InternalServerErrorException",
    };
    let reason = status.canonical_reason().unwrap_or_default();
    let details = json!({ "message": message, "error": reason, "statusCode": status.as_u16() });
    let body = json!({
        "status": "error", "timestamp": time(&Utc::now()), "error": { "code": code, "message": message, "details": details },
    });
    Reply::new(status, body)
}

fn success(data: &Value) -> Reply {
    Reply::ok(json!({ "status": "success", "data": data }))
}

fn invalid(message: &str) -> Reply {
    error(StatusCode::BAD_REQUEST, message)
}

/// A moment as Cal.com writes it.
fn time<Z: TimeZone>(time: &DateTime<Z>) -> String
where
    Z::Offset: std::fmt::Display,
{
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_its_limit_and_says_when_it_ends() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        let mut note = |ms| rate.note(start + Duration::from_millis(ms), 2);
        assert_eq!((note(0).left, note(500).reset), (1, 60));
        let third = note(20_000);
        assert_eq!((third.passes, third.left, third.reset), (false, 0, 40));
        assert!(!note(59_999).passes);
        assert!(note(60_000).passes);
    }
}
