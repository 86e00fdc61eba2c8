//! `call.inbound` events, published beside the answer and never before it.
//!
//! A bounded number waits for the broker. Those of a moment go together, and the next ones after a pause: whoever answers a
//! caller goes first. What does not fit is dropped and counted.

use std::{sync::Arc, time::Duration};

use bus::{Bus, Prepared, PublishError, TOGETHER_MAX};
use bytes::Bytes;
use contract::Envelope;
use metrics::counter;
use tokio::{
    sync::{
        OwnedSemaphorePermit, Semaphore,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Instant, sleep, timeout},
};

/// Events that wait for the broker at once, those under way included.
const WAITING_MAX: usize = 1024;
/// Between two publishes. Those that come meanwhile go together, which the broker has the less work with the more they are:
/// some 4,000 a second at most.
const PAUSE: Duration = Duration::from_millis(50);
/// How long one waits for a broker that is away, before the last attempt.
const BROKER_MAX: Duration = Duration::from_secs(60);
/// What shutdown waits for them.
const FINISH_MAX: Duration = Duration::from_secs(5);

/// Room for one event that waits.
pub(crate) type Place = OwnedSemaphorePermit;

/// Publishes in the background. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Emitter {
    places: Arc<Semaphore>,
    events: Sender<Waiting>,
}

/// An event that is not stored yet.
struct Waiting {
    event: Prepared,
    id: String,
    since: Instant,
    _place: Place,
}

impl Emitter {
    /// Begins to publish to this broker.
    pub(crate) fn new(bus: Bus) -> Self {
        let (events, waiting) = channel(WAITING_MAX);
        tokio::spawn(publish(bus, waiting));
        Self { places: Arc::new(Semaphore::new(WAITING_MAX)), events }
    }

    /// Room for one more event; without it the event is lost and counted, and need not be made.
    pub(crate) fn place(&self) -> Option<Place> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        if place.is_none() {
            counter!("offhook_answer_events_lost_total", "why" => "too_many_waiting").increment(1);
        }
        place
    }

    /// Publishes when its turn comes.
    pub(crate) fn emit(&self, place: Place, envelope: &Envelope, body: Bytes) {
        let sent = Prepared::new(envelope, body).and_then(|event| {
            let waiting = Waiting { event, id: envelope.id.clone(), since: Instant::now(), _place: place };
            // There is room: whoever has a place has one here.
            self.events.try_send(waiting).map_err(|error| PublishError::Unavailable(error.to_string()))
        });
        if let Err(error) = sent {
            lost(&envelope.id, &error);
        }
    }

    /// Waits for what is under way.
    pub(crate) async fn finish(&self) {
        if timeout(FINISH_MAX, self.places.acquire_many(WAITING_MAX as u32)).await.is_err() {
            let left = WAITING_MAX.saturating_sub(self.places.available_permits());
            counter!("offhook_answer_events_lost_total", "why" => "shutdown").increment(left as u64);
            tracing::warn!(limit_s = FINISH_MAX.as_secs(), left, "events of answers were cut off by shutdown");
        }
    }
}

/// Publishes what waits, as long as the process runs.
async fn publish(bus: Bus, mut events: Receiver<Waiting>) {
    let mut taken = Vec::with_capacity(TOGETHER_MAX);
    while !taken.is_empty() || events.recv_many(&mut taken, TOGETHER_MAX).await > 0 {
        let waited = taken.first().map_or(Duration::ZERO, |waiting: &Waiting| waiting.since.elapsed());
        bus.ready(BROKER_MAX.saturating_sub(waited)).await.ok();
        let together: Vec<&Prepared> = taken.iter().map(|waiting| &waiting.event).collect();
        let outcomes = bus.publish_together(&together).await;
        let mut outcomes = outcomes.into_iter();
        taken.retain(|waiting| match outcomes.next() {
            Some(Err(PublishError::Unavailable(_))) if waiting.since.elapsed() < BROKER_MAX => true,
            Some(Err(error)) => {
                lost(&waiting.id, &error);
                false
            }
            Some(Ok(())) | None => false,
        });
        sleep(PAUSE).await;
    }
}

fn lost(id: &str, error: &PublishError) {
    tracing::warn!(event.id = id, %error, "event of an answer is lost");
    counter!("offhook_answer_events_lost_total", "why" => "broker").increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_events_wait_for_the_broker_than_there_is_room_for() {
        let bus = Bus::connect("nats://127.0.0.1:1", "test").await.expect("an address of a broker");
        let emitter = Emitter::new(bus);
        let places: Vec<Place> = (0..WAITING_MAX + 3).filter_map(|_| emitter.place()).collect();
        assert_eq!(places.len(), WAITING_MAX);
        drop(places);
        assert!(emitter.place().is_some(), "what waits no longer makes room");
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_waits_a_minute_for_the_broker_and_is_given_up() {
        let bus = Bus::connect("nats://127.0.0.1:1", "test").await.expect("an address of a broker");
        let (emitter, begun) = (Emitter::new(bus), Instant::now());
        emitter.emit(emitter.place().expect("there is room"), &envelope(), Bytes::new());
        let all = emitter.places.acquire_many(WAITING_MAX as u32).await;
        assert!(all.is_ok() && begun.elapsed() >= BROKER_MAX, "{:?}", begun.elapsed());
        assert!(begun.elapsed() < 2 * BROKER_MAX, "{:?}", begun.elapsed());
    }

    fn envelope() -> Envelope {
        Envelope {
            org: "demo".parse().expect("an org"),
            source: contract::Source::ANSWER,
            channel: String::new(),
            id: "call_inbound:1".to_owned(),
            kind: contract::EventType::CallInbound,
            subject: None,
            time: chrono::Utc::now(),
            received_at: chrono::Utc::now(),
            content_type: "application/json".to_owned(),
            fault: None,
        }
    }
}
