//! The life of one event, in the ten steps of the README.

use contract::{EventType, OrgId, Source};
use serde_json::json;
use testkit::{Delivery, KEY, World, until};

use crate::{call, count, row, with};

#[tokio::test(flavor = "multi_thread")]
async fn one_event_from_door_to_door() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let worker = world.log_worker();
    let ended = with(
        call("call_one"),
        json!({ "call_status": "ended", "end_timestamp": 1_795_000_093_800_i64, "duration_ms": 92_600 }),
    );

    // 1. Retell signs the body with the org's key and posts it.
    let delivery = Delivery::event("call_ended", &ended);
    assert!(
        sources::retell::verify(
            [KEY],
            delivery.header().as_deref(),
            json!({ "event": "call_ended", "call": ended }).to_string().as_bytes(),
            chrono::Utc::now()
        )
        .is_ok()
    );
    // 2. Ingress finds the org of the URL in memory, reads the body within its limits, and verifies it.
    // 3. It names the event: type, id, call, time. 4. It publishes the bytes under the event's key.
    // 5. The stream acknowledges, and only then ingress does.
    delivery.clone().acknowledged(&url).await;
    let demo: OrgId = "demo".parse().unwrap();
    let stored = world
        .bus
        .latest(&EventType::CallEnded.subject(&demo, Source::RETELL))
        .await
        .unwrap()
        .expect("acknowledged means stored");
    assert_eq!((stored.envelope.id.as_str(), stored.sequence), ("retell:call_ended:call_one", 1));
    // A repeated delivery is acknowledged like the first and is no second event.
    delivery.acknowledged(&url).await;

    // 6. The worker pulls a batch. 7. It decodes each event. 8. It claims and merges in one transaction.
    let row = until("the row", async || row(&world.pool, "call_one").await).await;
    assert_eq!(
        (&row["status"], &row["branch"], &row["contact_phone"]),
        (&json!("ended"), &json!("main"), &json!("+15005550006"))
    );
    assert_eq!((&row["org"], &row["duration_ms"]), (&json!("demo"), &json!(92_600)));

    // 9. After the commit it publishes what follows: the call and its contact are recorded.
    for kind in [EventType::CallRecorded, EventType::ContactRecorded] {
        let subject = kind.subject(&demo, Source::LOG_WORKER);
        until("the follow-up", async || world.bus.latest(&subject).await.unwrap()).await;
    }
    // 10. Then it acknowledges: the broker has nothing left for it.
    world.settled(log_worker::NAME).await;
    assert_eq!(
        count(&world.pool, "SELECT count(*) FROM offhook.events WHERE event_id = 'retell:call_ended:call_one'").await,
        1
    );
    assert_eq!(
        count(&world.pool, "SELECT total_calls FROM offhook.contacts WHERE (org, phone) = ('demo', '+15005550006')")
            .await,
        1
    );

    ingress.stop().await;
    worker.stop().await;
    world.end().await;
}
