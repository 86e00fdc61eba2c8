//! One load per key at a time in this process: who comes later waits for the one that is under way.
//!
//! A flight is a task of its own, so a reader that gives up does not take the others' load with it.

use std::{collections::HashMap, sync::Arc, time::Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{kind::Identity, load::LoadError, local::Copy};

/// How a flight ended.
#[derive(Clone)]
pub(crate) enum Landed {
    /// With a value; whether it is good for a reader, its `as_of` says.
    Value(Copy),
    /// With an error, at that moment. Who began to read later asks again.
    Failed(LoadError, Instant),
    /// Without either: another process is at it, and this flight was not worth waiting.
    Elsewhere,
}

/// The flights under way.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<Identity, watch::Receiver<Option<Landed>>>>);

/// A flight that this reader is to carry out; ends when it is dropped.
pub(crate) struct Departure {
    flights: Arc<Flights>,
    identity: Identity,
    arrivals: watch::Sender<Option<Landed>>,
    landed: Option<Landed>,
}

/// A flight that is waited for.
pub(crate) struct Arrival(watch::Receiver<Option<Landed>>);

impl Flights {
    /// Joins the flight under way for this key, or departs with a new one.
    pub(crate) fn join(self: &Arc<Self>, identity: &Identity) -> (Arrival, Option<Departure>) {
        let mut flights = self.0.lock();
        if let Some(landed) = flights.get(identity) {
            return (Arrival(landed.clone()), None);
        }
        let (arrivals, arrival) = watch::channel(None);
        flights.insert(identity.clone(), arrival.clone());
        let (flights, identity) = (Arc::clone(self), identity.clone());
        (Arrival(arrival), Some(Departure { flights, identity, arrivals, landed: None }))
    }
}

impl Departure {
    /// Ends the flight and tells everybody how.
    pub(crate) fn land(mut self, landed: Landed) {
        self.landed = Some(landed);
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        // First: nobody may join a flight that has landed.
        self.flights.0.lock().remove(&self.identity);
        self.arrivals.send_replace(self.landed.take());
    }
}

impl Arrival {
    /// How the flight ended; `None` if it was never brought to an end.
    pub(crate) async fn landed(mut self) -> Option<Landed> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::{Key, Life, Piece, Spec};

    const SPEC: Spec = Spec {
        name: "thing",
        about: "",
        shape: 1,
        pieces: &[Piece::Part("name")],
        life: Life { fresh: TIME, stale: TIME, in_process: TIME, absent: TIME },
        compress_over: 0,
        load_max: TIME,
    };
    const TIME: std::time::Duration = std::time::Duration::from_secs(1);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_was_told_of_a_landing_joins_another_flight() {
        let flights = Arc::new(Flights::default());
        let org = "demo".parse().expect("an org id");
        let identity = Key::of(&org).part("a").identity(&SPEC);
        for _ in 0..5_000 {
            let (arrival, departure) = flights.join(&identity);
            let departure = departure.expect("no flight is under way");
            tokio::spawn(async move { departure.land(Landed::Elsewhere) });
            arrival.landed().await.expect("it has landed");
            let (_, departure) = flights.join(&identity);
            assert!(departure.is_some(), "it had landed and was still there to be joined");
        }
    }
}
