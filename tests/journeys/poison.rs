//! An event that Postgres will never take, or that panics its worker: everything else flows, and it is kept with its reason.

use std::sync::{Arc, Mutex};

use bus::{Event, Outcome};
use serde_json::json;
use testkit::{Delivery, Service, World, until};
use worker::Verb;

use crate::{call, count, with};

#[tokio::test(flavor = "multi_thread")]
async fn one_poisonous_event_is_a_dead_letter_and_its_neighbours_are_recorded() {
    let refuses = "ALTER TABLE offhook.calls ADD CONSTRAINT no_poison CHECK (transcript <> 'poison')";
    all_but_one_are_recorded(refuses, "poison", "no_poison").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_for_an_index_is_a_dead_letter_too() {
    // Letters without an order, as an index is compressed.
    let mut random = fastrand::Rng::with_seed(7);
    let long: String = (0..5_000).map(|_| random.alphanumeric()).collect();
    all_but_one_are_recorded("CREATE INDEX short_texts ON offhook.calls (transcript)", &long, "short_texts").await;
}

/// Of fifty events in one batch Postgres refuses the one with this transcript.
async fn all_but_one_are_recorded(refuses: &'static str, poison: &str, reason: &str) {
    let world = World::start().await;
    sqlx::query(refuses).execute(&world.pool).await.unwrap();
    let (ingress, url) = world.ingress().await;
    for nth in 0..50 {
        let transcript = if nth == 23 { poison } else { "harmless" };
        Delivery::event("call_ended", &with(call(&format!("call_{nth}")), json!({ "transcript": transcript })))
            .acknowledged(&url)
            .await;
    }
    // All fifty wait, so that they come as one batch.
    let worker = world.log_worker();
    world.settled(log_worker::NAME).await;
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.calls").await, 49);
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.inbox").await, 49, "what was rejected is not claimed");
    let letter = until("the dead letter", async || world.bus.latest_dead(log_worker::NAME).await.unwrap()).await;
    assert_eq!(letter.envelope.subject.as_deref(), Some("call_23"));
    assert!(letter.reason.contains(reason), "{}", letter.reason);
    assert!(String::from_utf8_lossy(&letter.body).contains(poison), "the letter is whole");
    ingress.stop().await;
    worker.stop().await;
    world.end_with_dead_letters(1).await;
}

/// A worker that can't stand the word "boom".
struct Fragile {
    handled: Arc<Mutex<Vec<String>>>,
}

impl Verb for Fragile {
    const NAME: &'static str = log_worker::NAME;

    async fn handle(&self, events: &[Event]) -> Vec<Outcome> {
        let ids = events.iter().filter_map(|event| event.envelope.subject.clone());
        assert!(!events.iter().any(|event| String::from_utf8_lossy(&event.body).contains("boom")), "boom");
        self.handled.lock().expect("never poisoned while held").extend(ids);
        events.iter().map(|_| Outcome::Done).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_panics_the_worker_again_and_again_is_parked_and_nobody_else_is() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    for nth in 0..10 {
        let transcript = if nth == 4 { "boom" } else { "harmless" };
        let call = with(call(&format!("call_{nth}")), json!({ "transcript": transcript }));
        Delivery::event("call_ended", &call).acknowledged(&url).await;
    }
    let handled = Arc::new(Mutex::new(Vec::new()));
    let (servers, seen) = (world.servers(), Arc::clone(&handled));
    let fragile = Service::start(|runtime| worker::run(servers, runtime, async |_, _| Ok(Fragile { handled: seen })));
    let letter = until("the dead letter", async || world.bus.latest_dead(log_worker::NAME).await.unwrap()).await;
    assert_eq!(letter.envelope.subject.as_deref(), Some("call_4"));
    assert!(letter.reason.contains("3 attempts"), "{}", letter.reason);
    world.settled(log_worker::NAME).await;
    let mut handled = handled.lock().expect("never poisoned while held").clone();
    handled.sort();
    handled.dedup();
    assert_eq!(handled.len(), 9, "everybody else was handled: {handled:?}");
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.attempts").await, 0, "no mark stays");
    ingress.stop().await;
    fragile.stop().await;
    world.end_with_dead_letters(1).await;
}
