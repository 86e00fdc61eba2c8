//! Bodies that are too large for a message: stored before their event, read by workers, missed when they are gone.

use std::sync::{Arc, Mutex};

use bus::{BodyError, Bus, Event, Outcome};
use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use log_worker::LogWorker;
use serde_json::json;
use testkit::{Input, Service, World, until};
use worker::Verb;

use crate::call;

const BYTES: usize = 6 * 1024 * 1024;

/// A worker that reads the bodies of what it is given.
struct Reader {
    bus: Bus,
    read: Bodies,
}

type Bodies = Arc<Mutex<Vec<(Event, Result<Bytes, BodyError>)>>>;

impl Verb for Reader {
    const NAME: &'static str = log_worker::NAME;

    async fn handle(&self, events: &[Event]) -> Vec<Outcome> {
        for event in events {
            let body = self.bus.body(event).await;
            self.read.lock().expect("never poisoned").push((event.clone(), body));
        }
        events.iter().map(|_| Outcome::Done).collect()
    }
}

fn reader(world: &World, read: &Bodies) -> Service {
    let (servers, read) = (world.servers(), Arc::clone(read));
    Service::start(|runtime| worker::run(servers, runtime, async |_, bus| Ok(Reader { bus, read })))
}

fn large(call_id: &str) -> Input {
    let mut call = call(call_id);
    call["transcript"] = "word ".repeat(BYTES / 5).into();
    Input::retell(json!({ "event": "call_ended", "call": call }).to_string())
}

/// So many bodies are stored apart.
async fn stored_apart(world: &World) -> usize {
    world.bus.bodies_before(Utc::now() + TimeDelta::minutes(1)).await.expect("the broker answers").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_six_mebibytes_is_stored_once_and_read_whole() {
    let world = World::start().await;
    let (read, input) = (Bodies::default(), large("call_large"));
    world.publish(&input).await;
    world.publish(&input).await;
    world.publish(&Input { envelope: large("call_other").envelope, body: input.body.clone() }).await;
    assert_eq!(stored_apart(&world).await, 1, "one digest, one body");
    let (headers, payload) = world.raw_event("events.demo.call.ended.retell").await;
    assert!(payload.is_empty(), "the message is small");
    assert!(headers.iter().any(|(name, value)| name == "ce-dataref" && value.starts_with("bodies/")), "{headers:?}");
    let reader = reader(&world, &read);
    until("both are read", async || (read.lock().expect("never poisoned").len() == 2).then_some(())).await;
    for (event, body) in read.lock().expect("never poisoned").iter() {
        let apart = event.apart.as_ref().expect("it says where the body is");
        assert_eq!(apart.bytes, input.body.len() as u64);
        assert!(body.as_ref().is_ok_and(|body| *body == input.body), "every byte is there");
    }
    reader.stop().await;
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_gone_is_said_to_be_lost_and_a_small_one_is_not_stored_apart() {
    let world = World::start().await;
    let read = Bodies::default();
    world.publish(&large("call_large")).await;
    let bodies = world.bus.bodies_before(Utc::now() + TimeDelta::minutes(1)).await.expect("the broker answers");
    world.bus.forget_body(&bodies[0]).await.expect("the broker forgets it");
    world.publish(&Input::retell(json!({ "event": "call_ended", "call": call("call_small") }).to_string())).await;
    assert_eq!(stored_apart(&world).await, 0);
    let reader = reader(&world, &read);
    until("both are read", async || (read.lock().expect("never poisoned").len() == 2).then_some(())).await;
    let read = std::mem::take(&mut *read.lock().expect("never poisoned"));
    let of = |id: &str| read.iter().find(|(event, _)| event.envelope.subject.as_deref() == Some(id)).expect("it came");
    assert!(matches!(of("call_large").1, Err(BodyError::Lost(_))), "{:?}", of("call_large").1);
    assert!(of("call_small").1.is_ok() && of("call_small").0.apart.is_none());
    reader.stop().await;
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_a_large_body_is_recorded_and_only_a_body_without_an_event_is_swept() {
    let world = World::start().await;
    let worker = world.log_worker();
    let input = large("call_large");
    world.publish(&input).await;
    world.settled(log_worker::NAME).await;
    let row = "SELECT jsonb_build_array(length(transcript), (SELECT jsonb_build_array(octet_length(body), body_bytes) FROM offhook.events)) FROM offhook.calls";
    let transcript = BYTES / 5 * 5;
    assert_eq!(
        world.rows(row).await,
        [json!([transcript, [0, input.body.len()]])],
        "decoded, and archived by reference"
    );

    // As if the process had died between body and event.
    let orphan = large("call_orphan");
    world.publish(&Input { envelope: orphan.envelope.clone(), body: orphan.body.clone() }).await;
    world.settled(log_worker::NAME).await;
    world.sql("DELETE FROM offhook.events WHERE subject = 'call_orphan'").await;
    assert_eq!(stored_apart(&world).await, 2);
    let sweeper = LogWorker::new(world.pool.clone(), world.bus.clone(), log_worker::ARCHIVE_DAYS);
    let later = Utc::now() + TimeDelta::days(1);
    assert_eq!(sweeper.sweep(later).await, Ok(0), "the archive has not come so far yet");
    postgres::keep_position(&world.pool, log_worker::NAME, later).await.expect("the database answers");
    assert_eq!(sweeper.sweep(later).await, Ok(1));
    assert_eq!(stored_apart(&world).await, 1, "what an event refers to stays");
    worker.stop().await;
    world.end_with_dead_letters(0).await;
}
