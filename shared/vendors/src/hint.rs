//! How long a vendor that says "too many" (429) is left alone.
//!
//! `Retry-After` is seconds or a date (RFC 9110 § 10.2.3). Without it: HighLevel names its interval and what is left of the day,
//! Zep when its window ends, in seconds since 1970; Cal.com in how many seconds it ends, under a name that ends with its limit's
//! own (`X-RateLimit-Reset-Default`); HubSpot its interval, and in the body (`policyName`) whether the limit is the
//! day's, the ten seconds' or a search's second. No jitter: after the pause the budget lets calls through one by one.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

/// When the vendor does not say: HighLevel's interval, the longest of those we know.
const PAUSE_USUAL: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest that [`cache::Cache::pause`] grants; also for a day's rate that is used up, which is then asked about so often.
const PAUSE_MAX: Duration = Duration::from_mins(10);

/// How long to leave the account alone, from the headers and the body of its 429.
pub(crate) fn pause(headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> Duration {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |name: &str| text(name).and_then(|text| text.parse::<u64>().ok());
    let until = |time: DateTime<Utc>| (time - now).to_std().unwrap_or_default();
    let after = || {
        let date = || DateTime::parse_from_rfc2822(text(RETRY_AFTER.as_str())?).ok();
        number(RETRY_AFTER.as_str()).map(Duration::from_secs).or_else(|| Some(until(date()?.to_utc())))
    };
    let policy = serde_json::from_slice::<Value>(body).unwrap_or_default()["policyName"].as_str().map(str::to_owned);
    // Said so plainly that no number beside it counts.
    if policy.as_deref() == Some("DAILY") {
        return PAUSE_MAX;
    }
    let of_day = || number("x-ratelimit-daily-remaining").or_else(|| number("x-hubspot-ratelimit-daily-remaining"));
    let day = || (of_day()? == 0).then_some(PAUSE_MAX);
    let second = || (policy.as_deref() == Some("SECONDLY")).then_some(PAUSE_MIN);
    let reset = || {
        let seconds = i64::try_from(number("x-ratelimit-reset")?).ok()?;
        DateTime::from_timestamp(seconds, 0).filter(|time| *time > now).map(until)
    };
    // A third party's page says that Cal.com too counts from 1970; its source does not. Of several limits the longest counts.
    let window = || {
        let ends = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-ratelimit-reset-"));
        let seconds = ends.filter_map(|(_, value)| value.to_str().ok()?.trim().parse::<u64>().ok()).max()?;
        let epoch = u64::try_from(now.timestamp()).unwrap_or_default();
        Some(Duration::from_secs(seconds.checked_sub(epoch).unwrap_or(seconds)))
    };
    let interval = || {
        let of_hubspot = || number("x-hubspot-ratelimit-interval-milliseconds");
        number("x-ratelimit-interval-milliseconds").or_else(of_hubspot).map(Duration::from_millis)
    };
    let pause = after().or_else(day).or_else(second).or_else(reset).or_else(window).or_else(interval);
    pause.unwrap_or(PAUSE_USUAL).clamp(PAUSE_MIN, PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clearest_hint_counts_and_no_pause_is_endless_or_nothing() {
        let now = DateTime::parse_from_rfc3339("2026-11-20T15:00:00Z").unwrap().to_utc();
        let with = |headers: &[(&'static str, &str)], body: &str| {
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            pause(&headers.collect::<HeaderMap>(), body.as_bytes(), now).as_secs()
        };
        let of = |headers: &[(&'static str, &str)]| with(headers, "");
        assert_eq!(of(&[]), 10);
        assert_eq!(of(&[("retry-after", "7"), ("x-ratelimit-daily-remaining", "0")]), 7);
        assert_eq!(of(&[("retry-after", "Fri, 20 Nov 2026 15:00:30 GMT")]), 30);
        assert_eq!(of(&[("retry-after", "Fri, 20 Nov 2026 14:00:30 GMT")]), 1, "a date that is past");
        assert_eq!(of(&[("retry-after", "soon"), ("x-ratelimit-interval-milliseconds", "5000")]), 5);
        assert_eq!(of(&[("x-ratelimit-daily-remaining", "0"), ("x-ratelimit-interval-milliseconds", "10000")]), 600);
        let interval = ("x-hubspot-ratelimit-interval-milliseconds", "5000");
        assert_eq!(with(&[interval], r#"{"policyName":"TEN_SECONDLY_ROLLING"}"#), 5);
        assert_eq!(with(&[interval, ("retry-after", "7")], r#"{"policyName":"DAILY"}"#), 600);
        assert_eq!(with(&[interval, ("x-hubspot-ratelimit-daily-remaining", "0")], ""), 600);
        assert_eq!(with(&[], r#"{"policyName":"SECONDLY"}"#), 1);
        let end = (now.timestamp() + 42).to_string();
        assert_eq!(of(&[("x-ratelimit-reset", &end)]), 42);
        assert_eq!(of(&[("x-ratelimit-reset", "42")]), 10, "no moment in time");
        assert_eq!(of(&[("x-ratelimit-reset-default", "42"), ("x-ratelimit-reset-long", "50")]), 50);
        assert_eq!(of(&[("x-ratelimit-reset-default", &end)]), 42, "if it counts from 1970 after all");
        assert_eq!(of(&[("x-ratelimit-reset-default", "0")]), 1);
        assert_eq!(of(&[("retry-after", "0")]), 1);
        assert_eq!(of(&[("retry-after", "999999999999")]), 600);
        assert_eq!(of(&[("retry-after", "99999999999999999999999")]), 10);
    }
}
