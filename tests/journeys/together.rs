//! Events that are published together: each stored once, whatever keeps them from going in one batch.

use bus::{Prepared, PublishError};
use bytes::Bytes;
use contract::{Envelope, EventType, Source};
use testkit::{Input, World, WorldOptions, until};

const SUBJECT: &str = "events.demo.call.inbound.answer";

fn inputs(count: usize) -> Vec<Input> {
    let input = |nth| {
        let envelope = Envelope {
            org: "demo".parse().expect("an org"),
            source: Source::ANSWER,
            channel: String::new(),
            id: format!("call_inbound:{nth}"),
            kind: EventType::CallInbound,
            subject: None,
            time: chrono::Utc::now(),
            received_at: chrono::Utc::now(),
            content_type: "application/json".to_owned(),
            fault: None,
        };
        Input { envelope, body: Bytes::from(format!("{{\"nth\":{nth}}}")) }
    };
    (0..count).map(input).collect()
}

/// Publishes them together; what became of each.
async fn publish(world: &World, inputs: &[Input]) -> Vec<Result<(), PublishError>> {
    let prepared = inputs.iter().map(|input| Prepared::new(&input.envelope, input.body.clone()).expect("small"));
    let prepared: Vec<_> = prepared.collect();
    let outcomes = world.bus.publish_together(&prepared.iter().collect::<Vec<_>>()).await;
    assert_eq!(outcomes.len(), inputs.len());
    outcomes
}

/// Publishes them together, and expects that each is acknowledged and stored once.
async fn all_are_stored(world: &World, inputs: &[Input]) {
    for (input, outcome) in inputs.iter().zip(publish(world, inputs).await) {
        assert!(outcome.is_ok(), "{}: {outcome:?}", input.envelope.id);
    }
    let stored = world.stored(SUBJECT, 0).await.into_iter().map(|(_, input)| (input.envelope.id, input.body));
    let mut stored: Vec<_> = stored.collect();
    let mut expected: Vec<_> = inputs.iter().map(|input| (input.envelope.id.clone(), input.body.clone())).collect();
    stored.sort();
    expected.sort();
    assert_eq!(stored, expected);
}

async fn broker() -> World {
    World::with(WorldOptions { own_postgres: false, ..WorldOptions::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_go_in_one_batch_and_few_alone_and_none_is_stored_twice() {
    let world = broker().await;
    all_are_stored(&world, &inputs(3)).await;
    // Three of them are there.
    all_are_stored(&world, &inputs(40)).await;
    assert_eq!(world.stored_in_batches(SUBJECT).await, 0, "a batch is taken whole or not at all");
    world.abandon();
    let world = broker().await;
    all_are_stored(&world, &inputs(bus::TOGETHER_MAX)).await;
    assert_eq!(world.stored_in_batches(SUBJECT).await, bus::TOGETHER_MAX);
    all_are_stored(&world, &inputs(bus::TOGETHER_MAX)).await;
    world.abandon();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_takes_no_batches_gets_them_one_by_one() {
    let world = broker().await;
    world.refuse_batches().await;
    all_are_stored(&world, &inputs(100)).await;
    assert_eq!(world.stored_in_batches(SUBJECT).await, 0);
    // Whoever deploys applies the streams.
    world.bus.apply(1).await.expect("the streams are applied");
    let outcomes = publish(&world, &inputs(200)[100..]).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(world.stored_in_batches(SUBJECT).await, 100);
    world.abandon();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_is_away_none_is_said_to_be_stored() {
    let mut world = broker().await;
    world.nats.kill().await.expect("nats-server can be killed");
    assert!(publish(&world, &inputs(20)).await.iter().all(Result::is_err));
    world.nats.restart().await.expect("nats-server starts");
    until("the broker takes them", async || publish(&world, &inputs(20)).await.iter().all(Result::is_ok).then_some(()))
        .await;
    all_are_stored(&world, &inputs(20)).await;
    world.abandon();
}

#[test]
fn what_is_too_long_goes_with_no_others() {
    let input = inputs(1).remove(0);
    assert!(Prepared::new(&input.envelope, vec![b' '; 512 * 1024].into()).is_ok());
    assert!(Prepared::new(&input.envelope, vec![b' '; 512 * 1024 + 1].into()).is_err());
}
