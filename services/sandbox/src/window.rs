//! How many requests an account made within any ten seconds: the measure of rate budgets, and HighLevel's burst limit.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use serde::Serialize;
use tokio::time::Instant;

use crate::vendor::Vendor;

/// The length of a window.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);
/// Accounts that are told apart; further ones count as one.
const ACCOUNTS_MAX: usize = 10_000;
/// Requests of one account that are remembered; more than these within one window are not told apart.
const REQUESTS_MAX: usize = 100_000;
/// The account of those that are not told apart.
const OTHERS: &str = "(others)";

/// One account's last ten seconds.
#[derive(Default)]
struct Window {
    arrived: VecDeque<Instant>,
    passed: VecDeque<Instant>,
    most: usize,
    total: u64,
}

/// The windows of all accounts.
#[derive(Default)]
pub(crate) struct Windows(HashMap<(Vendor, String), Window>);

/// The busiest ten seconds of one account.
#[derive(Serialize)]
pub(crate) struct Busiest<'a> {
    vendor: Vendor,
    account: &'a str,
    requests: u64,
    most_in_10_s: usize,
}

/// Where an account stands after its request.
pub(crate) struct Standing {
    /// Whether the request is within the limit.
    pub(crate) passes: bool,
    /// What is left of the limit.
    pub(crate) left: u64,
    /// All requests of the account so far.
    pub(crate) total: u64,
}

impl Windows {
    /// Counts one request; only what passes uses up the `limit`.
    pub(crate) fn note(&mut self, vendor: Vendor, account: &str, now: Instant, limit: u64) -> Standing {
        let key = (vendor, account.to_owned());
        let crowded = self.0.len() >= ACCOUNTS_MAX && !self.0.contains_key(&key);
        let key = if crowded { (vendor, OTHERS.to_owned()) } else { key };
        let window = self.0.entry(key).or_default();
        window.total += 1;
        push(&mut window.arrived, now);
        window.most = window.most.max(window.arrived.len());
        forget(&mut window.passed, now);
        let passes = (window.passed.len() as u64) < limit;
        if passes {
            push(&mut window.passed, now);
        }
        Standing { passes, left: limit.saturating_sub(window.passed.len() as u64), total: window.total }
    }

    pub(crate) fn busiest(&self) -> Vec<Busiest<'_>> {
        let all = self.0.iter().map(|((vendor, account), window)| Busiest {
            vendor: *vendor,
            account,
            requests: window.total,
            most_in_10_s: window.most,
        });
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|busiest| (busiest.vendor, busiest.account));
        all
    }
}

fn push(times: &mut VecDeque<Instant>, now: Instant) {
    forget(times, now);
    if times.len() >= REQUESTS_MAX {
        times.pop_front();
    }
    times.push_back(now);
}

fn forget(times: &mut VecDeque<Instant>, now: Instant) {
    while times.front().is_some_and(|time| now.duration_since(*time) >= WINDOW) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_slides_and_what_is_refused_uses_up_nothing() {
        let (mut windows, start) = (Windows::default(), Instant::now());
        let mut note = |ms| windows.note(Vendor::Highlevel, "loc", start + Duration::from_millis(ms), 2);
        assert_eq!((note(0).left, note(6000).left), (1, 0));
        assert!(!note(9999).passes);
        assert!(note(10_000).passes, "the first is ten seconds ago");
        assert!(!note(15_999).passes);
        assert!(note(16_000).passes);
        let busiest = windows.busiest();
        assert_eq!((busiest[0].requests, busiest[0].most_in_10_s), (6, 4));
    }

    #[test]
    fn accounts_beyond_the_limit_count_as_one() {
        let (mut windows, now) = (Windows::default(), Instant::now());
        for account in 0..ACCOUNTS_MAX + 5 {
            windows.note(Vendor::Zep, &account.to_string(), now, 1);
        }
        assert_eq!(windows.0.len(), ACCOUNTS_MAX + 1);
        assert_eq!(windows.0[&(Vendor::Zep, OTHERS.to_owned())].total, 5);
    }
}
