//! Any interleaving of reads, loads, invalidations, clocks, crashes and a Redis that comes and goes keeps the cache's promises.
//!
//! Once with two processes in this one, which is fast, and once with real ones. The same cases each time;
//! `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for more and others.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngSeed, TestRunner, contextualize_config},
};
use testkit::World;
use tokio::runtime::Runtime;

use crate::{
    model::Seen,
    node::Outcome,
    peer::Place,
    stage::{Away, Case, Step, Who, play},
};

const CASES: u32 = 120;
const CASES_OF_CHILDREN: u32 = 20;
/// What so many cases must have seen to be worth anything.
const WORTH: [&str; 9] = [
    "from Process",
    "from Redis",
    "from Postgres",
    "from Origin",
    "stale",
    "absence known",
    "load shared",
    "failed",
    "not bumped",
];

/// How far clocks go: a second, the life of an absence, a fresh life and a stale life, each with a little more, and all but a
/// little of a life.
const FORWARD_MS: [u64; 7] = [1_100, 31_000, 61_000, 601_000, 29_800, 59_800, 599_800];
const A_SECOND: Duration = Duration::from_millis(1_100);
const A_LITTLE: Duration = Duration::from_millis(300);

fn read() -> impl Strategy<Value = Step> {
    let key = prop_oneof![4 => 0..1usize, 2 => 1..3usize];
    (0..2usize, key).prop_map(|(process, key)| Step::Read { process, key })
}

fn bump() -> impl Strategy<Value = Step> {
    (0..2usize, 0..2usize).prop_map(|(process, tag)| Step::Bump { process, tag })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![5 => Just(Outcome::Found), 2 => Just(Outcome::Absent), 3 => Just(Outcome::Failed)]
}

fn step() -> impl Strategy<Value = Step> {
    let forward = (0..FORWARD_MS.len())
        .prop_map(|nth| Step::Advance { who: Who::Both, by: Duration::from_millis(FORWARD_MS[nth]) });
    let who = prop_oneof![Just(Who::Both), Just(Who::One(0)), Just(Who::One(1))];
    prop_oneof![
        440 => read(),
        320 => (0..4usize, outcome()).prop_map(|(nth, with)| Step::Finish { nth, with }),
        180 => bump(),
        80 => Just(Step::Hear),
        24 => Just(Step::Lose),
        32 => (0..4usize).prop_map(|nth| Step::GiveUp { nth }),
        96 => forward,
        40 => who.prop_map(|who| Step::Advance { who, by: A_LITTLE }),
        48 => Just(Step::Flush),
        20 => Just(Step::Leave(Away::Killed)),
        48 => Just(Step::Return),
        // These cost a second or two each.
        1 => Just(Step::Leave(Away::Frozen)),
        1 => (0..2usize).prop_map(|process| Step::Crash { process }),
    ]
}

/// One step, or what is rare where every step is by chance.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let finish = |nth, with| Step::Finish { nth, with };
    let found = finish(0, Outcome::Found);
    let of = |process, key| Step::Read { process, key };
    let forward = |by| Step::Advance { who: Who::Both, by };
    let almost = prop_oneof![Just(29_800), Just(59_800), Just(599_800)].prop_map(Duration::from_millis);
    prop_oneof![
        36 => step().prop_map(|step| vec![step]),
        // A load is kept.
        3 => read().prop_map(move |read| vec![read, found]),
        // A load is overtaken by an invalidation.
        3 => (read(), bump()).prop_map(move |(read, bump)| vec![read, bump, found]),
        // A life ends while a process has its own copy.
        1 => (read(), almost).prop_map(move |(read, by)| vec![read, found, forward(by), read, forward(A_LITTLE), read]),
        // A load is overtaken, and another key's has begun anew what tells them apart.
        1 => (0..2usize, 0..2usize).prop_map(move |(one, tag)| {
            let bump = Step::Bump { process: 1 - one, tag };
            vec![of(one, 0), bump, of(one, 1 + tag), finish(1, Outcome::Found), forward(A_SECOND), of(one, 0)]
        }),
        // A load that has lost its lease ends while another one holds it.
        1 => (0..2usize, 0..3usize, outcome()).prop_map(move |(one, key, with)| {
            vec![of(one, key), Step::Flush, of(1 - one, key), finish(1, with), of(one, key)]
        }),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let cut_off = prop_oneof![4 => Just(None), 1 => (0..2usize).prop_map(Some)];
    (cut_off, vec(steps(), 8..32)).prop_map(|(cut_off, steps)| Case { cut_off, steps: steps.concat() })
}

fn holds(place: Place, seed: u64, cases: u32) {
    let config = Config { cases, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let config = contextualize_config(Config { max_shrink_iters: 300, ..config });
    let cases = config.cases;
    eprintln!("seed {}, {cases} cases", config.rng_seed);
    let runtime = Runtime::new().expect("a runtime");
    let world = RefCell::new(runtime.block_on(World::start()));
    let (nth, seen) = (Cell::new(0), RefCell::new(Seen::default()));
    let verdict = TestRunner::new(config).run(&case(), |case| {
        nth.set(nth.get() + 1);
        let (world, seen) = (&mut *world.borrow_mut(), &mut *seen.borrow_mut());
        runtime.block_on(play(world, place, nth.get(), &case, seen)).map_err(TestCaseError::fail)
    });
    verdict.unwrap_or_else(|failure| panic!("{failure}"));
    runtime.block_on(world.into_inner().end_with_dead_letters(0));
    let seen = seen.into_inner().0;
    eprintln!("{seen:?}");
    let unseen: Vec<_> = WORTH.into_iter().filter(|what| !seen.contains_key(*what)).collect();
    assert!(cases < CASES || unseen.is_empty(), "the cases were too tame; never seen: {unseen:?}");
}

#[test]
fn any_interleaving_over_two_processes_keeps_every_promise() {
    holds(Place::Here, 1, CASES);
}

#[test]
fn any_interleaving_over_two_real_processes_keeps_every_promise() {
    holds(Place::Child, 2, CASES_OF_CHILDREN);
}
