//! Every event five times, in any order, while the worker dies: the same rows as once, in order, in peace.

use rustix::process::Signal;
use testkit::{Input, LIMIT, World, booking, chat, differences, story, until};

use crate::count;

const TIMES: usize = 5;
const EACH: usize = 12;
const SEED: u64 = 20_261_121;

fn events() -> Vec<Input> {
    let calls = (0..EACH).flat_map(|nth| story("call", nth));
    calls
        .chain((0..EACH).flat_map(|nth| booking("visit", nth)))
        .chain((0..EACH).flat_map(|nth| chat("message", nth)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_five_times_across_a_crash_leaves_the_rows_of_once() {
    let events = events();
    let peace = World::start().await;
    let worker = peace.log_worker();
    for event in &events {
        peace.publish(event).await;
    }
    peace.settled(log_worker::NAME).await;
    let expected = peace.log_rows().await;
    worker.stop().await;
    peace.end().await;

    eprintln!("seed {SEED}");
    let mut again: Vec<Input> = events.iter().flat_map(|event| vec![event.clone(); TIMES]).collect();
    fastrand::Rng::with_seed(SEED).shuffle(&mut again);
    let world = World::start().await;
    let (first, second) = again.split_at(again.len() / 2);
    let mut worker = world.process(&[log_worker::NAME], &[]);
    world.publish_past_the_window(first).await;
    until("it is at work", async || (count(&world.pool, "SELECT count(*) FROM offhook.inbox").await > 0).then_some(()))
        .await;
    worker.signal(Signal::KILL);
    worker.ended(LIMIT).await;
    world.publish_past_the_window(second).await;
    let worker = world.log_worker();
    world.settled(log_worker::NAME).await;
    let found = world.log_rows().await;
    assert!(found == expected, "{}", differences(&expected, &found).join("\n"));
    worker.stop().await;
    world.end().await;
}
