//! What a worker tells of itself to be tried, and how a trial is run for all of them at once.

use std::{future::Future, pin::Pin};

use serde_json::{Value, json};
use testkit::{Input, Service, World, differences, until};
use tokio::task::LocalSet;

use crate::{vendors::world, workers::WORKERS};

/// Everything that a worker has to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trial {
    Duplicate,
    Reorder,
    Crash,
    Poison,
    BrokerCut,
    ConsumerDeleted,
    StopMidFlight,
    Vendor429,
    Vendor500,
    VendorHangs,
}

/// A worker as the trials see it.
pub(crate) struct Worker {
    /// Its consumer, and its name behind `offhook run`.
    pub(crate) name: &'static str,
    /// Starts it in this process.
    pub(crate) start: fn(&World) -> Service,
    /// So many distinct events for it, in the order in which they would come.
    pub(crate) steps: fn(usize) -> Vec<Step>,
    /// An event that its table refuses once the constraint `no_poison` is added by this statement.
    pub(crate) poison: fn() -> (Step, &'static str),
    /// What it has written, without what differs from run to run.
    pub(crate) rows: for<'a> fn(&'a World) -> Rows<'a>,
    /// A table that it writes for every event.
    pub(crate) table: &'static str,
    /// What it publishes for every event, if it does.
    pub(crate) emits: Option<&'static str>,
    /// The trials that it need not stand, each with the reason.
    pub(crate) not_applicable: &'static [(Trial, &'static str)],
}

/// Rows that are being read.
pub(crate) type Rows<'a> = Pin<Box<dyn Future<Output = Value> + Send + 'a>>;

/// One event and what stands in Postgres before it is published.
#[derive(Clone)]
pub(crate) struct Step {
    /// Statements whose order does not matter; may be empty.
    pub(crate) before: String,
    pub(crate) input: Input,
}

impl Worker {
    /// All that came of the events: rows, and the ids of what was published.
    pub(crate) async fn effect(&self, world: &World) -> Value {
        let mut emitted: Vec<String> = match self.emits {
            Some(subject) => world.stored(subject, 0).await.into_iter().map(|(_, input)| input.envelope.id).collect(),
            None => Vec::new(),
        };
        emitted.sort();
        json!({ "rows": (self.rows)(world).await, "emitted": emitted })
    }

    /// The effect of each step once, in order, in a world without trouble.
    pub(crate) async fn untroubled(&self, steps: &[Step]) -> Value {
        let world = world().await;
        feed(&world, steps).await;
        let worker = (self.start)(&world);
        world.settled(self.name).await;
        let effect = self.effect(&world).await;
        worker.stop().await;
        world.end_with_dead_letters(0).await;
        effect
    }

    /// Waits until the worker has written something new.
    pub(crate) async fn went_on(&self, world: &World, before: &Value) {
        until(&format!("{} goes on", self.name), async || ((self.rows)(world).await != *before).then_some(())).await;
    }

    /// Waits until the worker has kept a position to start from when its consumer is lost.
    pub(crate) async fn has_position(&self, world: &World) {
        until(&format!("{} has a position", self.name), async || {
            postgres::position(&world.pool, self.name).await.ok().flatten()
        })
        .await;
    }

    /// Fails unless everything is settled and the effect is the expected one.
    pub(crate) async fn assert_effect(&self, world: &World, expected: &Value) {
        world.settled(self.name).await;
        let found = self.effect(world).await;
        assert!(found == *expected, "{}", differences(expected, &found).join("\n"));
    }
}

/// Publishes the steps one after the other.
pub(crate) async fn feed(world: &World, steps: &[Step]) {
    for Step { before, input } in steps {
        world.sql(before).await;
        world.publish(input).await;
    }
}

/// Runs a trial for every worker that has to stand it, all at once, and names those that fail.
pub(crate) async fn every<F>(trial: Trial, run: fn(&'static Worker) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let (trials, mut runs) = (LocalSet::new(), Vec::new());
    for worker in WORKERS {
        match worker.not_applicable.iter().find(|(exempt, _)| *exempt == trial) {
            Some((_, why)) => eprintln!("{}: {trial:?} does not apply: {why}", worker.name),
            None => runs.push((worker.name, trials.spawn_local(run(worker)))),
        }
    }
    trials.await;
    let mut failed = Vec::new();
    for (name, run) in runs {
        if run.await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{trial:?} is too much for {}; see above", failed.join(", "));
}
