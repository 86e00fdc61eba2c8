//! Bodies that are too large for a message: stored before their event, read by workers, missed when they are gone.

use std::sync::{Arc, Mutex};

use bus::{BodyError, Bus, Event, Outcome};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use log_worker::LogWorker;
use serde_json::{Value, json};
use sources::elevenlabs;
use testkit::{Input, Service, World, until};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
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

/// The digests of the bodies that are stored apart.
async fn bodies(world: &World) -> Vec<String> {
    let ever = DateTime::UNIX_EPOCH..Utc::now() + TimeDelta::minutes(1);
    world.bus.bodies_of(ever).await.expect("the broker answers")
}

/// So many bodies are stored apart.
async fn stored_apart(world: &World) -> usize {
    bodies(world).await.len()
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
    let later = Utc::now() + TimeDelta::minutes(1);
    world.bus.forget_body(&bodies(&world).await[0], later).await.expect("the broker forgets it");
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

    // What is rejected is in no archive, and its dead letter refers to its body.
    world.sql("ALTER TABLE offhook.calls ADD CONSTRAINT no_dead CHECK (call_id <> 'call_dead')").await;
    world.publish(&large("call_dead")).await;
    until("it is rejected", async || world.bus.latest_dead(log_worker::NAME).await.ok().flatten()).await;

    // As if the process had died between body and event.
    let orphan = large("call_orphan");
    world.publish(&Input { envelope: orphan.envelope.clone(), body: orphan.body.clone() }).await;
    world.settled(log_worker::NAME).await;
    world.sql("DELETE FROM offhook.events WHERE subject = 'call_orphan'").await;
    assert_eq!(stored_apart(&world).await, 3);
    let sweeper = LogWorker::new(world.pool.clone(), world.bus.clone(), log_worker::ARCHIVE_DAYS);
    let later = Utc::now() + TimeDelta::days(1);
    assert_eq!(sweeper.sweep(later).await, Ok(0), "the archive has not come so far yet");
    postgres::keep_position(&world.pool, log_worker::NAME, later).await.expect("the database answers");
    assert_eq!(sweeper.sweep(later).await, Ok(1));
    assert_eq!(stored_apart(&world).await, 2, "what an event or a dead letter refers to stays");
    worker.stop().await;
    world.end_with_dead_letters(1).await;
}

/// Sends the sound of a call of org `demo`, base64 as ElevenLabs has it, so that the body has `bytes` bytes, without
/// announcing its length; what came back.
async fn send_sound(url: &str, conversation: &str, bytes: usize) -> String {
    let data = format!(r#"{{"agent_id":"a","conversation_id":"{conversation}","full_audio":""#);
    let [begin, end] = [format!(r#"{{"type":"post_call_audio","data":{data}"#), r#""}}"#.to_owned()];
    let body = [begin.as_str(), &"A".repeat(bytes - begin.len() - end.len()), &end].concat();
    let signature = elevenlabs::sign(KEY, body.as_bytes(), Utc::now());
    let head = format!(
        "POST /v1/demo/elevenlabs/events HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n{}: {signature}\r\n\r\n",
        elevenlabs::SIGNATURE_HEADER
    );
    let mut sender = TcpStream::connect(url.trim_start_matches("http://")).await.expect("ingress listens");
    for part in [head.as_str(), &format!("{bytes:x}\r\n"), &body, "\r\n0\r\n\r\n"] {
        sender.write_all(part.as_bytes()).await.expect("all of it is taken");
    }
    let mut answer = vec![0; 2048];
    let bytes = sender.read(&mut answer).await.expect("an answer");
    String::from_utf8_lossy(&answer[..bytes]).into_owned()
}

const KEY: &str = "wsec_of_the_sound";

#[tokio::test(flavor = "multi_thread")]
async fn the_sound_of_a_call_is_stored_by_reference_and_a_larger_one_not_at_all() {
    let world = World::start().await;
    world.write_key("sound", KEY);
    let source = format!("[org.source.elevenlabs]\nsecrets = [\"file:{}\"]\n", world.path("sound.key").display());
    let file = world.orgs_file().replacen("[org.source.retell]", &format!("{source}[org.source.retell]"), 1);
    world.apply_orgs(&file).await;
    let (ingress, url) = world.ingress().await;
    let taken = |answer: String| assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    taken(send_sound(&url, "conv_1", BYTES).await);
    let (headers, payload) = world.raw_event("events.demo.call.audio_received.elevenlabs").await;
    assert!(payload.is_empty() && headers.iter().any(|(name, _)| name == "ce-dataref"), "{headers:?}");
    let read = Bodies::default();
    let reader = reader(&world, &read);
    until("it is read", async || (!read.lock().expect("never poisoned").is_empty()).then_some(())).await;
    let (_, body) = read.lock().expect("never poisoned").remove(0);
    let body: Value = serde_json::from_slice(&body.expect("it is there")).expect("JSON");
    assert_eq!(body["data"]["conversation_id"], "conv_1");
    assert_eq!((body.to_string().len(), stored_apart(&world).await), (BYTES, 1));

    let refused = send_sound(&url, "conv_2", ingress::SOUND_BYTES_MAX + 1).await;
    assert!(refused.starts_with("HTTP/1.1 413") && refused.contains("body_too_large"), "{refused}");
    assert_eq!(stored_apart(&world).await, 1, "nothing of it is stored");
    assert_eq!(world.stored("events.demo.>", 0).await.len(), 1);
    // The limit itself is taken.
    taken(send_sound(&url, "conv_3", ingress::SOUND_BYTES_MAX).await);
    assert_eq!(stored_apart(&world).await, 2);
    ingress.stop().await;
    world.settled(log_worker::NAME).await;
    reader.stop().await;
    world.end_with_dead_letters(0).await;
}
