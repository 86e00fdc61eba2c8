//! The count of a load: what was sent, what was answered, and how long that took.

use std::collections::BTreeSet;

use hdrhistogram::Histogram;

/// The longest time that is told apart, in microseconds: ten minutes.
const ACK_US_MAX: u64 = 600_000_000;
/// Significant digits of a time.
const DIGITS: u8 = 3;

/// What became of one delivery.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Of which call.
    pub(super) call: usize,
    /// The event's id.
    pub(super) id: String,
    /// How often it was sent again.
    pub(super) retries: u64,
    /// Microseconds from when it was due to its acknowledgement, or why there is none.
    pub(super) answer: Result<u64, String>,
}

/// What became of all deliveries.
#[derive(Debug)]
pub(super) struct Tally {
    /// Deliveries, duplicates included, retries not.
    pub(super) sent: u64,
    /// Deliveries that were acknowledged.
    pub(super) acknowledged: u64,
    /// Deliveries that were refused to the end.
    pub(super) refused: u64,
    /// Requests that were made again.
    pub(super) retried: u64,
    /// Deliveries that were due and had to wait for a place in flight.
    pub(super) delayed: u64,
    /// Why the first refused one was.
    pub(super) refusal: Option<String>,
    /// The ids of the acknowledged events of each call.
    pub(super) events: Vec<BTreeSet<String>>,
    acks_us: Histogram<u64>,
}

impl Tally {
    /// Nothing yet, of so many calls.
    pub(super) fn new(calls: usize) -> Self {
        let acks_us = Histogram::new_with_bounds(1, ACK_US_MAX, DIGITS).expect("the bounds are constants");
        let events = vec![BTreeSet::new(); calls];
        Self { sent: 0, acknowledged: 0, refused: 0, retried: 0, delayed: 0, refusal: None, events, acks_us }
    }

    /// Counts one delivery.
    pub(super) fn add(&mut self, outcome: Outcome) {
        let Outcome { call, id, retries, answer } = outcome;
        self.sent += 1;
        self.retried += retries;
        match answer {
            Ok(us) => {
                self.acknowledged += 1;
                self.acks_us.saturating_record(us);
                self.events[call].insert(id);
            }
            Err(why) => {
                self.refused += 1;
                self.refusal.get_or_insert(why);
            }
        }
    }

    /// The time within which this share of the acknowledged deliveries was, in milliseconds.
    pub(super) fn ack_ms(&self, quantile: f64) -> f64 {
        self.acks_us.value_at_quantile(quantile) as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_event_is_two_deliveries_and_one_event() {
        let mut tally = Tally::new(1);
        let outcome = |answer| Outcome { call: 0, id: "a".to_owned(), retries: 1, answer };
        for answer in [Ok(1_000), Ok(3_000), Err("503 broker_unavailable".to_owned()), Err("later".to_owned())] {
            tally.add(outcome(answer));
        }
        assert_eq!((tally.sent, tally.acknowledged, tally.refused, tally.retried), (4, 2, 2, 4));
        assert_eq!((tally.events[0].len(), tally.refusal.as_deref()), (1, Some("503 broker_unavailable")));
        assert!((tally.ack_ms(0.5) - 1.0).abs() < 0.01 && (tally.ack_ms(1.0) - 3.0).abs() < 0.01);
    }
}
