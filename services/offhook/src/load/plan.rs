//! What a load consists of and when each delivery is due; pure, and the same for the same seed.
//!
//! Bodies are not made here: a million calls would not fit into memory at once.

use std::time::Duration;

use contract::{Direction, Timestamp};
use fastrand::Rng;
use sources::retell::Lifecycle;

/// Events of one call: started, ended, analysed.
pub(super) const EVENTS: usize = 3;
/// Turns of the shortest calls; with them an analysed call has about 2 KB.
const TURNS_MIN: f64 = 2.0;
/// Turns of the longest calls, whose bodies have about 200 KB.
const TURNS_MAX: f64 = 190.0;
/// The tail of the calls' lengths (Pareto): the smaller, the heavier.
const TAIL: f64 = 1.1;
/// Calls that are in progress at once, so that events of different calls mix.
const OVERLAP: f64 = 8.0;
/// How much later a duplicate comes than its event, at most, in calls.
const DUPLICATE_LAG: f64 = 16.0;
/// Every third call is from a new caller.
const CALLS_PER_CALLER: usize = 3;
/// The numbers that callers have: +1500 and seven digits, the first of them 2 to 9.
const CALLERS: std::ops::Range<u32> = 2_000_000..10_000_000;

/// The load's size and manner.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Calls in all.
    pub(super) calls: usize,
    /// Deliveries per second.
    pub(super) rate: u32,
    /// The share of events that comes twice, 0 to 1.
    pub(super) duplicates: f64,
    /// Whether a call's events come in any order.
    pub(super) shuffle: bool,
    /// How many orgs share the calls.
    pub(super) orgs: usize,
}

/// One call of the load.
#[derive(Debug)]
pub(super) struct Call {
    /// Which org's, by its place among the orgs.
    pub(super) org: usize,
    /// What happens in it.
    pub(super) lifecycle: Lifecycle,
}

/// One delivery that is due.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Delivery {
    /// When, from the start of the load.
    pub(super) due: Duration,
    /// Of which call.
    pub(super) call: usize,
    /// Which of its events.
    pub(super) event: usize,
}

/// The whole load.
#[derive(Debug)]
pub(super) struct Plan {
    /// Every call.
    pub(super) calls: Vec<Call>,
    /// Every delivery in the order of time, duplicates included.
    pub(super) deliveries: Vec<Delivery>,
}

impl Plan {
    /// The load of this shape and seed; `run` makes its call ids unique, and its calls end about `now`.
    pub(super) fn new(shape: &Shape, seed: u64, run: &str, now: Timestamp) -> Self {
        let mut rng = Rng::with_seed(seed);
        let callers: Vec<u32> = (0..shape.calls.div_ceil(CALLS_PER_CALLER)).map(|_| rng.u32(CALLERS)).collect();
        let calls: Vec<Call> = (0..shape.calls)
            .map(|nth| {
                let turns = turns(&mut rng);
                let lifecycle = Lifecycle {
                    call_id: format!("call_{run}_{nth}"),
                    agent_id: "agent_demo".to_owned(),
                    direction: Direction::Inbound,
                    from_number: format!("+1500{}", rng.choice(&callers).copied().unwrap_or(CALLERS.start)),
                    to_number: "+15005550001".to_owned(),
                    started_at: now - Duration::from_secs(u64::from(turns) * 7),
                    turns,
                };
                Call { org: nth % shape.orgs, lifecycle }
            })
            .collect();
        let mut order = order(shape, &mut rng);
        order.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
        // Arrivals of many independent callers: the gaps between them are exponential.
        let mut due = 0.0;
        let deliveries = order.into_iter().map(|(_, call, event)| {
            due += -(1.0 - rng.f64()).ln() / f64::from(shape.rate);
            Delivery { due: Duration::from_secs_f64(due), call, event }
        });
        Self { deliveries: deliveries.collect(), calls }
    }

    /// How many deliveries repeat an earlier one.
    pub(super) fn duplicates(&self) -> usize {
        self.deliveries.len() - self.calls.len() * EVENTS
    }
}

/// Every delivery with a number that tells its place.
fn order(shape: &Shape, rng: &mut Rng) -> Vec<(f64, usize, usize)> {
    let mut order = Vec::with_capacity(shape.calls * EVENTS);
    for call in 0..shape.calls {
        let ended = rng.f64() * OVERLAP;
        let mut places = [0.0, ended, ended + rng.f64() * OVERLAP];
        if shape.shuffle {
            rng.shuffle(&mut places);
        }
        order.extend(places.iter().enumerate().map(|(event, place)| (call as f64 + place, call, event)));
    }
    let wanted = (order.len() as f64 * shape.duplicates).round() as usize;
    let twice = rng.choose_multiple(order.iter(), wanted);
    let again: Vec<_> = twice
        .into_iter()
        .map(|(place, call, event)| (place + rng.f64().mul_add(DUPLICATE_LAG, f64::EPSILON), *call, *event))
        .collect();
    order.extend(again);
    order
}

/// How long a call is: most are short, a few very long.
fn turns(rng: &mut Rng) -> u32 {
    let drawn = TURNS_MIN * (1.0 - rng.f64()).powf(-1.0 / TAIL);
    drawn.min(TURNS_MAX) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    fn shape(calls: usize) -> Shape {
        Shape { calls, rate: 200, duplicates: 0.1, shuffle: true, orgs: 2 }
    }

    fn plan(shape: &Shape, seed: u64) -> Plan {
        Plan::new(shape, seed, "run", chrono::DateTime::from_timestamp_millis(1_795_000_000_000).unwrap())
    }

    #[test]
    fn a_seed_decides_everything() {
        let (one, same, other) = (plan(&shape(50), 7), plan(&shape(50), 7), plan(&shape(50), 8));
        assert_eq!(one.deliveries, same.deliveries);
        assert_ne!(one.deliveries, other.deliveries);
        let bodies = |plan: &Plan| plan.calls.iter().map(|call| call.lifecycle.events()).collect::<Vec<_>>();
        assert_eq!(bodies(&one), bodies(&same));
        assert!(bodies(&one) != bodies(&other));
    }

    #[test]
    fn every_event_comes_and_the_wanted_share_comes_twice() {
        let plan = plan(&shape(200), 7);
        let mut times: HashMap<(usize, usize), usize> = HashMap::new();
        for delivery in &plan.deliveries {
            *times.entry((delivery.call, delivery.event)).or_default() += 1;
        }
        assert_eq!((times.len(), plan.duplicates()), (600, 60));
        assert_eq!(times.values().filter(|times| **times == 2).count(), 60);
        assert!(plan.deliveries.is_sorted_by_key(|delivery| delivery.due));
        let lasts = plan.deliveries.last().unwrap().due.as_secs_f64();
        assert!((lasts - 3.3).abs() < 1.0, "660 deliveries at 200/s took {lasts} s");
    }

    #[test]
    fn a_calls_events_keep_their_order_unless_shuffled() {
        let ordered = |plan: &Plan| {
            (0..plan.calls.len())
                .filter(|nth| {
                    let of_call = plan.deliveries.iter().filter(|delivery| delivery.call == *nth);
                    of_call.map(|delivery| delivery.event).is_sorted()
                })
                .count()
        };
        let calm = Shape { duplicates: 0.0, shuffle: false, ..shape(100) };
        assert_eq!(ordered(&plan(&calm, 7)), 100);
        let shuffled = ordered(&plan(&Shape { shuffle: true, ..calm }, 7));
        assert!((1..50).contains(&shuffled), "{shuffled} of 100 calls in order");
    }

    #[test]
    fn bodies_are_two_kilobytes_in_the_middle_and_two_hundred_at_most() {
        let plan = plan(&shape(800), 7);
        let all = plan.calls.iter().flat_map(|call| call.lifecycle.events());
        let mut sizes: Vec<usize> = all.map(|(_, body)| body.len()).collect();
        sizes.sort_unstable();
        let (median, longest) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
        assert!((1_500..3_500).contains(&median), "median {median}");
        assert!((100_000..=200_000).contains(&longest), "longest {longest}");
    }

    #[test]
    fn callers_call_again_and_orgs_take_turns() {
        let plan = plan(&shape(90), 7);
        let callers: HashSet<&str> = plan.calls.iter().map(|call| call.lifecycle.from_number.as_str()).collect();
        assert!((10..=30).contains(&callers.len()), "{} callers", callers.len());
        assert_eq!(plan.calls.iter().filter(|call| call.org == 1).count(), 45);
    }
}
