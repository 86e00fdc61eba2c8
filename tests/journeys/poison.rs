//! An event that Postgres will never take: everything else flows, and it is kept with its reason.

use serde_json::json;
use testkit::{Delivery, World, until};

use crate::{call, count, with};

#[tokio::test(flavor = "multi_thread")]
async fn one_poisonous_event_is_a_dead_letter_and_its_neighbours_are_recorded() {
    let world = World::start().await;
    sqlx::query("ALTER TABLE offhook.calls ADD CONSTRAINT no_poison CHECK (transcript <> 'poison')")
        .execute(&world.pool)
        .await
        .unwrap();
    let (ingress, url) = world.ingress().await;
    for nth in 0..50 {
        let transcript = if nth == 23 { "poison" } else { "harmless" };
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
    assert!(letter.reason.contains("no_poison"), "{}", letter.reason);
    assert!(String::from_utf8_lossy(&letter.body).contains("poison"), "the letter is whole");
    ingress.stop().await;
    worker.stop().await;
    world.end_with_dead_letters(1).await;
}
