//! Benchmarks, typed `make bench`: each figure beside a baseline of the same run, since machines are shared and noisy.
//!
//! Asserts nothing about time. Runs on private servers, loopback only, in about five minutes; `answer --seconds=10` is shorter.

mod answer;
mod bare;
mod cache;
mod figures;
mod http;
mod loops;
mod memory;
mod outage;
mod peer;

use std::time::Duration;

use testkit::{World, WorldOptions};

/// How long the open loop of `answer` lasts.
const SECONDS: u64 = 60;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let seconds = std::env::args().find_map(|word| word.strip_prefix("--seconds=")?.parse().ok());
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if std::env::args().any(|word| word == bare::WORD) {
        return executor.block_on(bare::serve());
    }
    executor.block_on(async {
        let mut world = World::with(WorldOptions { bare: true, ..WorldOptions::default() }).await;
        if wants("cache") {
            cache::run(&world).await;
        }
        if wants("memory") {
            memory::run().await;
        }
        if wants("outage") {
            outage::run(&mut world).await;
        }
        world.abandon();
        if wants("answer") {
            answer::run(Duration::from_secs(seconds.unwrap_or(SECONDS))).await;
        }
    });
}
