//! The storm: a load of calls while workers are killed, and broker and PostgreSQL crash; nothing acknowledged is lost or doubled.
//!
//! Seeded. What happens when depends on the machine too, so a seed says which storm it was, not how it ended.

mod answers;
mod load;
mod storm;

use std::collections::BTreeSet;

use load::{Ledger, Load};
use serde_json::Value;
use storm::Storm;
use testkit::{Input, World, WorldOptions, differences, story};
use tokio::task::LocalSet;

const SEEDS: [u64; 1] = [20_261_121];
const CALLS: usize = 620;
/// One event in so many is delivered twice.
const TWICE_EVERY: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_while_everything_crashes() {
    for seed in SEEDS {
        eprintln!("seed {seed}");
        LocalSet::new().run_until(weather(seed)).await;
    }
}

async fn weather(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut world = World::with(WorldOptions { own_postgres: true, ..WorldOptions::default() }).await;
    let mut storm = Storm::begin(&world, random.fork()).await;
    let mut load = Load::new(deliveries(&mut random), storm.urls().await);
    storm.rage(&mut world, &mut load).await;
    let ledger = load.finish().await;
    eprintln!("{} events acknowledged, {} deliveries given up", ledger.acknowledged.len(), ledger.given_up);
    world.settled(log_worker::NAME).await;
    world.settled(metrics_worker::NAME).await;
    storm.end().await;
    judge(&world, ledger).await;
    world.end().await;
}

/// The events of all calls, some of them twice, in any order.
fn deliveries(random: &mut fastrand::Rng) -> Vec<Input> {
    let mut deliveries: Vec<Input> = (0..CALLS).flat_map(|nth| story("call", nth)).collect();
    let twice: Vec<Input> = deliveries.iter().filter(|_| random.usize(..TWICE_EVERY) == 0).cloned().collect();
    deliveries.extend(twice);
    random.shuffle(&mut deliveries);
    deliveries
}

/// Fails unless the rows are those of each acknowledged event once, in a world where all is calm.
async fn judge(world: &World, ledger: Ledger) {
    let archived = world.rows("SELECT to_jsonb(event_id) FROM offhook.events").await;
    let archived: Vec<&str> = archived.iter().filter_map(Value::as_str).collect();
    let known: BTreeSet<&str> = archived.iter().copied().collect();
    assert_eq!(archived.len(), known.len(), "an event is archived twice");
    let lost: Vec<&String> = ledger.acknowledged.iter().filter(|id| !known.contains(id.as_str())).collect();
    assert!(lost.is_empty(), "{} events were acknowledged and are lost: {lost:?}", lost.len());
    world.assert_recount().await;
    // A delivery that was given up may have been stored all the same, so the archive says what to expect.
    let calm = World::start().await;
    let workers = [calm.log_worker(), calm.metrics_worker()];
    for (_, input) in ledger.sent.iter().filter(|(id, _)| known.contains(id.as_str())) {
        calm.publish(input).await;
    }
    calm.settled(log_worker::NAME).await;
    calm.settled(metrics_worker::NAME).await;
    for (expected, found) in
        [(calm.log_rows().await, world.log_rows().await), (calm.metrics_rows().await, world.metrics_rows().await)]
    {
        assert!(found == expected, "{}", differences(&expected, &found).join("\n"));
    }
    for worker in workers {
        worker.stop().await;
    }
    calm.end().await;
}
