//! Any multiset and order of events, split over two of each worker that crash at will, leaves the rows of each event once.
//!
//! A crash before the commit is a handler that is cut off, one behind it a handler that is run and not believed; either way
//! the batch comes again. Batches of the two overlap, so that both have the same event in hand.

use std::{cell::Cell, time::Duration};

use bus::{Event, Outcome};
use log_worker::LogWorker;
use metrics_worker::MetricsWorker;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};
use testkit::{Input, World, booking, chat, differences, story, until};
use tokio::runtime::Runtime;
use worker::Verb;

const SEED: [u8; 32] = *b"offhook, any multiset, any order";
const CASES: u32 = 24;
const CALLS: usize = 6;
const BOOKINGS: usize = 4;
const CHATS: usize = 4;
const EVENTS: usize = (CALLS + BOOKINGS + CHATS) * 3;
const RECORDED: &str = "events.*.call.recorded.log-worker";

/// What happens at the first delivery of a batch.
#[derive(Debug, Clone, Copy)]
enum First {
    Acknowledged,
    DiesAfterTheCommit,
    CutOffAfter(u64),
}

#[derive(Debug, Clone)]
struct Case {
    /// Which event is delivered, and whether to the first, to the second, or to both.
    deliveries: Vec<(usize, u8)>,
    together: usize,
    firsts: Vec<First>,
}

fn case() -> impl Strategy<Value = Case> {
    let first = prop_oneof![
        Just(First::Acknowledged),
        Just(First::DiesAfterTheCommit),
        (0..20u64).prop_map(First::CutOffAfter)
    ];
    (vec((0..EVENTS, 0..3u8), 1..70), 1..8usize, vec(first, 5)).prop_map(|(deliveries, together, firsts)| Case {
        deliveries,
        together,
        firsts,
    })
}

/// A world with two of each worker, whose handlers are called by hand.
struct Pair {
    world: World,
    log: [LogWorker; 2],
    metrics: [MetricsWorker; 2],
    /// The last follow-up that has been seen.
    seen: Cell<u64>,
}

impl Pair {
    async fn start() -> Self {
        let world = World::start().await;
        let pool = |name: &str| postgres::connect(&world.database_url, name).expect("an address");
        let log = [(); 2].map(|()| LogWorker::new(pool(log_worker::NAME), world.bus.clone(), log_worker::ARCHIVE_DAYS));
        let metrics = [(); 2].map(|()| MetricsWorker::new(pool(metrics_worker::NAME)));
        Self { world, log, metrics, seen: Cell::new(0) }
    }

    /// Empties all tables.
    async fn clear(&self) {
        self.world
            .sql("TRUNCATE offhook.inbox, offhook.events, offhook.calls, offhook.contacts, offhook.appointments, offhook.conversations, offhook.messages, offhook.call_contributions, offhook.daily_metrics")
            .await;
    }

    async fn rows(&self) -> Value {
        json!({ "log": self.world.log_rows().await, "metrics": self.world.metrics_rows().await })
    }

    /// Each event once, in order, with nobody beside.
    async fn calmly(&self, events: &[Event]) -> Value {
        self.clear().await;
        for event in events {
            deliver(&self.log[0], std::slice::from_ref(event), First::Acknowledged).await;
        }
        for (place, recorded) in self.world.stored(RECORDED, self.seen.get()).await {
            deliver(&self.metrics[0], &[recorded.event()], First::Acknowledged).await;
            self.seen.set(place);
        }
        self.rows().await
    }

    /// All four at once.
    async fn wildly(&self, case: &Case, events: &[Event]) -> Value {
        self.clear().await;
        let logged = Cell::new(0);
        let log = async |nth: usize| {
            let mine = case.deliveries.iter().filter(|(_, to)| usize::from(*to) != nth);
            let mine: Vec<Event> = mine.map(|(event, _)| events[*event].clone()).collect();
            deliver_all(&self.log[nth], &mine, case).await;
            logged.set(logged.get() + 1);
        };
        let metrics = async |nth: u64| {
            let mut seen = self.seen.get();
            loop {
                let (last, stored) = until("call.recorded", async || {
                    let last = logged.get() == 2;
                    let stored = self.world.stored(RECORDED, seen).await;
                    (last || !stored.is_empty()).then_some((last, stored))
                })
                .await;
                seen = stored.last().map_or(seen, |(place, _)| *place);
                // Two of three each, so that every third has both.
                let mine = stored.iter().filter(|(place, _)| place % 3 != nth);
                let mine: Vec<Event> = mine.map(|(_, input): &(u64, Input)| input.event()).collect();
                deliver_all(&self.metrics[usize::try_from(nth).expect("0 or 1")], &mine, case).await;
                if last {
                    return seen;
                }
            }
        };
        let ((), (), seen, _) = tokio::join!(log(0), log(1), metrics(0), metrics(1));
        self.seen.set(seen);
        self.rows().await
    }
}

async fn deliver_all(worker: &impl Verb, events: &[Event], case: &Case) {
    for (batch, first) in events.chunks(case.together).zip(case.firsts.iter().cycle()) {
        deliver(worker, batch, *first).await;
    }
}

/// Delivers a batch until it is acknowledged.
async fn deliver(worker: &impl Verb, batch: &[Event], first: First) {
    match first {
        First::Acknowledged => {}
        First::DiesAfterTheCommit => drop(worker.handle(batch).await),
        First::CutOffAfter(ms) => drop(tokio::time::timeout(Duration::from_millis(ms), worker.handle(batch)).await),
    }
    let outcomes = worker.handle(batch).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "{outcomes:?}");
}

#[test]
fn any_multiset_and_order_split_over_two_of_each_leaves_the_same_rows() {
    eprintln!("seed {}", String::from_utf8_lossy(&SEED));
    let runtime = Runtime::new().expect("a runtime");
    let (calm, wild) = runtime.block_on(async { (Pair::start().await, Pair::start().await) });
    let config = Config { cases: CASES, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &SEED));
    let nth = Cell::new(0);
    let verdict = runner.run(&case(), |case| {
        nth.set(nth.get() + 1);
        // Ids of their own, since the broker remembers the follow-ups of the last case.
        let prefix = format!("call_{}", nth.get());
        let calls = (0..CALLS).flat_map(|nth| story(&prefix, nth));
        // One of each sort.
        let bookings = (3..3 + BOOKINGS).flat_map(|nth| booking(&prefix, nth));
        let chats = (0..CHATS).flat_map(|nth| chat(&prefix, nth));
        let events: Vec<Event> = calls.chain(bookings).chain(chats).map(|input| input.event()).collect();
        let once: Vec<Event> = (0..EVENTS)
            .filter(|nth| case.deliveries.iter().any(|(event, _)| event == nth))
            .map(|nth| events[nth].clone())
            .collect();
        let (expected, found) =
            runtime.block_on(async { (calm.calmly(&once).await, wild.wildly(&case, &events).await) });
        prop_assert!(found == expected, "{}", differences(&expected, &found).join("\n"));
        Ok(())
    });
    verdict.unwrap_or_else(|failure| panic!("{failure}"));
    runtime.block_on(async {
        wild.world.end_with_dead_letters(0).await;
        calm.world.end_with_dead_letters(0).await;
    });
}
