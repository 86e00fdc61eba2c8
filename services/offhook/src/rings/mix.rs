//! Who calls when: pure, and the same for the same seed.

use std::time::Duration;

use fastrand::Rng;

/// The sandbox's contacts come first among those who call again.
const SEEDED: [&str; 4] = ["+15005550006", "+15005550010", "+15005550011", "+15005550012"];
/// How a network tells that a number is withheld.
const WITHHELD: &str = "anonymous";
/// The numbers of those who call again, and of those who have never called: +1500 and seven digits.
const CALLERS: u32 = 6_000_000;
const STRANGERS: std::ops::Range<u32> = 7_000_000..10_000_000;

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ring {
    /// From the one before.
    pub(super) after: Duration,
    /// To which org, by its place.
    pub(super) line: usize,
    /// The caller's number as the network tells it.
    pub(super) from: String,
}

/// An endless row of calls.
pub(super) struct Mix {
    rng: Rng,
    /// The sum of the first callers' weights; the caller of rank `n` calls `1/n` as often as the first.
    weights: Vec<f64>,
    known: f64,
    rate: u32,
    lines: usize,
}

impl Mix {
    /// So many callers who call again, with this share of the calls.
    pub(super) fn new(seed: u64, callers: u32, known: f64, rate: u32, lines: usize) -> Self {
        let ranks = 1..=callers.max(1);
        let weights = ranks.scan(0.0, |sum, rank| {
            *sum += 1.0 / f64::from(rank);
            Some(*sum)
        });
        Self { rng: Rng::with_seed(seed), weights: weights.collect(), known, rate, lines }
    }

    /// The next call. Arrivals of many independent callers: the gaps between them are exponential.
    pub(super) fn next(&mut self) -> Ring {
        let after = Duration::from_secs_f64(-(1.0 - self.rng.f64()).ln() / f64::from(self.rate));
        let from = if self.rng.f64() < self.known {
            self.caller()
        } else if self.rng.bool() {
            WITHHELD.to_owned()
        } else {
            format!("+1500{}", self.rng.u32(STRANGERS))
        };
        Ring { after, line: self.rng.usize(..self.lines), from }
    }

    /// One of those who call again.
    fn caller(&mut self) -> String {
        let drawn = self.rng.f64() * self.weights.last().copied().unwrap_or_default();
        let rank = self.weights.partition_point(|sum| *sum <= drawn);
        SEEDED.get(rank).map_or_else(|| format!("+1500{}", CALLERS as usize + rank), |number| (*number).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn rings(known: f64) -> Vec<Ring> {
        let mut mix = Mix::new(7, 50, known, 100, 2);
        (0..4_000).map(|_| mix.next()).collect()
    }

    #[test]
    fn a_seed_decides_everything_and_calls_come_at_the_rate() {
        let rings = rings(0.7);
        assert_eq!(rings, self::rings(0.7));
        let lasts: Duration = rings.iter().map(|ring| ring.after).sum();
        assert!((lasts.as_secs_f64() - 40.0).abs() < 4.0, "4000 calls at 100/s last {lasts:?}");
        assert!(rings.iter().filter(|ring| ring.line == 1).count().abs_diff(2_000) < 200);
    }

    #[test]
    fn a_few_callers_call_most_and_some_are_nobody() {
        let rings = rings(0.7);
        let mut calls: HashMap<&str, usize> = HashMap::new();
        rings.iter().for_each(|ring| *calls.entry(&ring.from).or_default() += 1);
        assert!(calls[WITHHELD].abs_diff(600) < 100, "{}", calls[WITHHELD]);
        let of_first = calls[SEEDED[0]];
        assert!(of_first.abs_diff(2 * calls[SEEDED[1]]) < of_first / 3, "the second calls half as often as the first");
        let strangers = calls.values().filter(|calls| **calls == 1).count();
        assert!(strangers.abs_diff(600) < 120, "{strangers}");
        assert!(self::rings(1.0).iter().all(|ring| ring.from.starts_with("+1500")));
    }
}
