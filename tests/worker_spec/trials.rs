//! The trials. Each begins with the untroubled effect and ends with the same effect in a troubled world.

use rustix::process::Signal;
use serde_json::{Value, json};
use testkit::{LIMIT, Process, differences, until};

use crate::{
    spec::{Step, Worker, feed},
    vendors::{self, world},
};

/// Enough for three full batches.
const STEPS: usize = 240;
/// For a vendor that allows ten requests in a second.
const VENDOR_STEPS: usize = 12;
/// What has still to be brought to a vendor.
const DUE: &str = "SELECT to_jsonb(count(*)) FROM offhook.crm_contacts WHERE due_at IS NOT NULL";
/// How often a blow is struck in one trial.
const BLOWS: usize = 3;
const SEEDS: [u64; 2] = [20_261_121, 7];

fn parts(steps: &[Step]) -> impl Iterator<Item = &[Step]> {
    steps.chunks(steps.len().div_ceil(BLOWS))
}

/// Every event is there twice, and then all of them are delivered again.
pub(crate) async fn duplicate(subject: &'static Worker) {
    let steps = (subject.steps)(STEPS);
    let expected = subject.untroubled(&steps).await;
    let world = world().await;
    let worker = world.process(&[subject.name], &[]);
    feed(&world, &steps).await;
    feed(&world, &steps).await;
    let inputs: Vec<_> = steps.iter().map(|step| step.input.clone()).collect();
    world.publish_past_the_window(&inputs).await;
    handled(subject, &worker, 2 * STEPS).await;
    subject.has_position(&world).await;
    world.delete_consumer(subject.name).await;
    handled(subject, &worker, 4 * STEPS).await;
    subject.assert_effect(&world, &expected).await;
    assert!(worker.terminate().await.success());
    world.end_with_dead_letters(0).await;
}

/// The counter of the events that the worker has handled.
fn done(subject: &Worker) -> String {
    format!("offhook_worker_events_total{{worker=\"{}\",outcome=\"done\"}}", subject.name)
}

/// Waits until the worker has really been given so many events.
async fn handled(subject: &Worker, process: &Process, events: usize) {
    until(&format!("{} has handled {events} events", subject.name), async || {
        (process.metric(&done(subject)).await >= events as f64).then_some(())
    })
    .await;
}

/// Any order, two of the worker side by side.
pub(crate) async fn reorder(subject: &'static Worker) {
    let mut steps = (subject.steps)(STEPS);
    let expected = subject.untroubled(&steps).await;
    for seed in SEEDS {
        eprintln!("{}: seed {seed}", subject.name);
        fastrand::Rng::with_seed(seed).shuffle(&mut steps);
        let world = world().await;
        let workers = [(subject.start)(&world), (subject.start)(&world)];
        feed(&world, &steps).await;
        subject.assert_effect(&world, &expected).await;
        for worker in workers {
            worker.stop().await;
        }
        world.end_with_dead_letters(0).await;
    }
}

/// The worker is killed before its commit, or behind it while nobody can hear that it is done.
pub(crate) async fn crash(subject: &'static Worker) {
    let steps = (subject.steps)(STEPS);
    let expected = subject.untroubled(&steps).await;
    let mut world = world().await;
    for (part, committed) in parts(&steps).zip([true, false, true]) {
        feed(&world, part).await;
        let before = (subject.rows)(&world).await;
        let hold = world.hold(subject.table).await;
        let mut worker = world.process(&[subject.name], &[]);
        world.held_up(subject.name, subject.table).await;
        if committed {
            world.nats.kill().await.expect("nats-server can be killed");
            hold.rollback().await.expect("the database answers");
            subject.went_on(&world, &before).await;
            worker.signal(Signal::KILL);
            worker.ended(LIMIT).await;
            world.nats.restart().await.expect("nats-server starts");
        } else {
            worker.signal(Signal::KILL);
            worker.ended(LIMIT).await;
            world.alone(subject.name).await;
            hold.rollback().await.expect("the database answers");
        }
    }
    let worker = (subject.start)(&world);
    subject.assert_effect(&world, &expected).await;
    worker.stop().await;
    world.end_with_dead_letters(0).await;
}

/// One event in the middle of a batch is refused by Postgres for ever.
pub(crate) async fn poison(subject: &'static Worker) {
    let mut steps = (subject.steps)(STEPS);
    let expected = subject.untroubled(&steps).await;
    let (poison, constraint) = (subject.poison)();
    let id = poison.input.envelope.id.clone();
    steps.insert(50, poison);
    let world = world().await;
    world.sql(constraint).await;
    // All wait, so that they come as full batches.
    feed(&world, &steps).await;
    let worker = (subject.start)(&world);
    let letter = until("the dead letter", async || world.bus.latest_dead(subject.name).await.ok().flatten()).await;
    assert_eq!(letter.envelope.id, id);
    assert!(letter.reason.contains("no_poison"), "the reason is kept: {}", letter.reason);
    assert_eq!(letter.body, steps[50].input.body, "the letter is whole");
    subject.assert_effect(&world, &expected).await;
    worker.stop().await;
    world.end_with_dead_letters(1).await;
}

/// The broker dies under load and comes back.
pub(crate) async fn broker_cut(subject: &'static Worker) {
    let steps = (subject.steps)(STEPS);
    let expected = subject.untroubled(&steps).await;
    let mut world = world().await;
    let worker = (subject.start)(&world);
    for part in parts(&steps) {
        let before = (subject.rows)(&world).await;
        feed(&world, part).await;
        subject.went_on(&world, &before).await;
        world.nats.kill().await.expect("nats-server can be killed");
        until("the worker says why", async || (!worker.objections().is_empty()).then_some(())).await;
        world.nats.restart().await.expect("nats-server starts");
        until("the worker is back", async || worker.objections().is_empty().then_some(())).await;
    }
    subject.assert_effect(&world, &expected).await;
    worker.stop().await;
    world.end_with_dead_letters(0).await;
}

/// Somebody deletes the consumer: first of an idle worker that has seen nothing yet, then under load.
pub(crate) async fn consumer_deleted(subject: &'static Worker) {
    let steps = (subject.steps)(STEPS);
    let expected = subject.untroubled(&steps).await;
    let world = world().await;
    let worker = (subject.start)(&world);
    subject.has_position(&world).await;
    for part in parts(&steps) {
        world.delete_consumer(subject.name).await;
        feed(&world, part).await;
        until("the consumer is back", async || world.bus.lag(subject.name).await.ok().flatten()).await;
    }
    subject.assert_effect(&world, &expected).await;
    worker.stop().await;
    world.end_with_dead_letters(0).await;
}

/// A worker that is told to stop in the middle of a batch finishes it, acknowledges it and ends well; the next does the rest.
pub(crate) async fn stop_mid_flight(subject: &'static Worker) {
    let steps = (subject.steps)(STEPS);
    let expected = subject.untroubled(&steps).await;
    let world = world().await;
    feed(&world, &steps).await;
    let before = (subject.rows)(&world).await;
    let hold = world.hold(subject.table).await;
    let mut worker = world.process(&[subject.name], &[]);
    world.held_up(subject.name, subject.table).await;
    worker.signal(Signal::TERM);
    hold.rollback().await.expect("the database answers");
    assert_eq!(worker.ended(LIMIT).await.code(), Some(0));
    assert_ne!((subject.rows)(&world).await, before, "what was begun is finished");
    let next = world.process(&[subject.name], &[]);
    subject.assert_effect(&world, &expected).await;
    let came = next.metric(&done(subject)).await;
    assert!(came < STEPS as f64, "what was finished does not come again, but {came} events came");
    assert!(next.terminate().await.success());
    world.end_with_dead_letters(0).await;
}

/// A vendor that says "too many" now and then.
pub(crate) async fn vendor_429(subject: &'static Worker) {
    let operations = ["contact.upsert", "contact.tags.add", "note.create"];
    vendor(subject, &operations, json!({ "status": 429, "retry_after_s": 1, "times": 2 })).await;
}

/// A vendor that fails for a while, after having done what it was asked.
pub(crate) async fn vendor_500(subject: &'static Worker) {
    let operations = ["contact.upsert", "contact.tags.add", "note.create", "note.list"];
    vendor(subject, &operations, json!({ "status": 500, "after_effect": true, "times": 2 })).await;
}

/// A vendor that is silent for a while.
pub(crate) async fn vendor_hangs(subject: &'static Worker) {
    vendor(subject, &["contact.upsert", "note.create"], json!({ "hang": true, "times": 1 })).await;
}

/// These operations of the vendor meet this fault first. In the end it holds what it would hold without it.
async fn vendor(subject: &'static Worker, operations: &[&str], fault: Value) {
    let steps = (subject.steps)(VENDOR_STEPS);
    let mut expected = None;
    for rules in [json!([]), rules(operations, &fault)] {
        let world = world().await;
        let sandbox = world.vendors().await;
        sandbox.without_delays().await;
        sandbox.faults(rules).await;
        vendors::connect(&world, &sandbox.url).await;
        let fresh = vendors::held(&sandbox).await;
        feed(&world, &steps).await;
        let worker = (subject.start)(&world);
        world.settled(subject.name).await;
        let all = async || world.rows(DUE).await == [json!(0)] && vendors::held(&sandbox).await != fresh;
        until("everything is at the vendor", async || all().await.then_some(())).await;
        let held = vendors::held(&sandbox).await;
        let expected = expected.get_or_insert_with(|| held.clone());
        assert!(held == *expected, "{}", differences(expected, &held).join("\n"));
        worker.stop().await;
        sandbox.stop().await;
        world.end_with_dead_letters(0).await;
    }
}

/// The fault at each of these operations.
fn rules(operations: &[&str], fault: &Value) -> Value {
    let of = |operation: &&str| {
        let mut rule = fault.clone();
        (rule["vendor"], rule["operation"]) = (json!("highlevel"), json!(operation));
        rule
    };
    operations.iter().map(of).collect()
}
