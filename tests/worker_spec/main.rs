//! The same trials for every worker: duplicate, reorder, crash, poison, broker cut, consumer deleted, stop mid-flight.
//!
//! A worker joins by one entry in `workers.rs`. After each trial its effect must be that of each event once, in order.

mod crm;
mod invalidate;
mod metrics;
mod property;
mod refresh;
mod spec;
mod trials;
mod vendors;
mod workers;

use spec::{Trial, every};

#[tokio::test(flavor = "multi_thread")]
async fn duplicate() {
    every(Trial::Duplicate, trials::duplicate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reorder() {
    every(Trial::Reorder, trials::reorder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_between_commit_and_acknowledgement() {
    every(Trial::Crash, trials::crash).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn poison() {
    every(Trial::Poison, trials::poison).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_cut() {
    every(Trial::BrokerCut, trials::broker_cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consumer_deleted() {
    every(Trial::ConsumerDeleted, trials::consumer_deleted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_mid_flight() {
    every(Trial::StopMidFlight, trials::stop_mid_flight).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vendor_says_429_or_500_or_hangs() {
    // At once: they do little but wait.
    tokio::join!(
        every(Trial::Vendor429, trials::vendor_429),
        every(Trial::Vendor500, trials::vendor_500),
        every(Trial::VendorHangs, trials::vendor_hangs),
    );
}

#[test]
fn every_exemption_is_made_once_and_has_a_reason() {
    for worker in workers::WORKERS {
        for (nth, (trial, why)) in worker.not_applicable.iter().enumerate() {
            assert!(!why.is_empty(), "{}: say why {trial:?} does not apply", worker.name);
            let again = worker.not_applicable[..nth].iter().any(|(known, _)| known == trial);
            assert!(!again, "{}: {trial:?} stands there twice", worker.name);
        }
    }
}
