//! `call.inbound` events, published beside the answer and never before it.
//!
//! A bounded number waits for the broker, and few are under way at once: the next answers go first. What does not fit is
//! dropped and counted.

use std::{sync::Arc, time::Duration};

use bus::Bus;
use bytes::Bytes;
use contract::Envelope;
use metrics::counter;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// Events that wait for the broker at once.
const WAITING_MAX: usize = 1024;
/// Of them, those that it has been sent. It writes one after the other, so more would only make it busy while callers wait.
const SENT_MAX: usize = 32;
/// How long one waits for its turn. While the broker is away, each turn takes as long as a publish may.
const TURN_MAX: Duration = Duration::from_secs(60);
/// What shutdown waits for them.
const FINISH_MAX: Duration = Duration::from_secs(5);

/// Room for one event that waits.
pub(crate) type Place = OwnedSemaphorePermit;

/// Publishes in the background. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Emitter {
    bus: Bus,
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Emitter {
    pub(crate) fn new(bus: Bus) -> Self {
        let (places, turns) = (Semaphore::new(WAITING_MAX), Semaphore::new(SENT_MAX));
        Self { bus, places: Arc::new(places), turns: Arc::new(turns), tasks: TaskTracker::new() }
    }

    /// Room for one more event; without it the event is lost and counted, and need not be made.
    pub(crate) fn place(&self) -> Option<Place> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        if place.is_none() {
            counter!("offhook_answer_events_lost_total", "why" => "too_many_waiting").increment(1);
        }
        place
    }

    /// Publishes when its turn comes, within the time that any publish has from then on.
    pub(crate) fn emit(&self, place: Place, envelope: Envelope, body: Bytes) {
        let (bus, turns) = (self.bus.clone(), Arc::clone(&self.turns));
        let publish = async move {
            let published = match timeout(TURN_MAX, turns.acquire()).await {
                Ok(_turn) => bus.publish(&envelope, body).await.map(drop).map_err(|error| error.to_string()),
                Err(_) => Err(format!("not sent within {} s", TURN_MAX.as_secs())),
            };
            if let Err(error) = published {
                tracing::warn!(event.id = envelope.id, %error, "event of an answer is lost");
                counter!("offhook_answer_events_lost_total", "why" => "broker").increment(1);
            }
            drop(place);
        };
        self.tasks.spawn(publish.in_current_span());
    }

    /// Waits for what is under way.
    pub(crate) async fn finish(&self) {
        self.tasks.close();
        if timeout(FINISH_MAX, self.tasks.wait()).await.is_err() {
            counter!("offhook_answer_events_lost_total", "why" => "shutdown").increment(self.tasks.len() as u64);
            tracing::warn!(limit_s = FINISH_MAX.as_secs(), "events of answers were cut off by shutdown");
        }
    }
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

    #[tokio::test]
    async fn few_events_are_on_their_way_at_once_and_the_others_wait() {
        let bus = Bus::connect("nats://127.0.0.1:1", "test").await.expect("an address of a broker");
        let emitter = Emitter::new(bus);
        for nth in 0..=SENT_MAX {
            let place = emitter.place().expect("there is room");
            emitter.emit(place, envelope(nth), Bytes::new());
        }
        let taken = async {
            while emitter.turns.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), taken).await.expect("each that is on its way has taken a turn");
        assert_eq!(emitter.tasks.len(), SENT_MAX + 1, "one more waits");
    }

    fn envelope(nth: usize) -> Envelope {
        Envelope {
            org: "demo".parse().expect("an org"),
            source: contract::Source::ANSWER,
            channel: String::new(),
            id: format!("call_inbound:{nth}"),
            kind: contract::EventType::CallInbound,
            subject: None,
            time: chrono::Utc::now(),
            received_at: chrono::Utc::now(),
            content_type: "application/json".to_owned(),
            fault: None,
        }
    }
}
