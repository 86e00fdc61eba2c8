//! One load per key at a time in this process: who comes later waits for the one that is under way.
//!
//! A flight is a task of its own, so a reader that gives up does not take the others' load with it.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{kind::Identity, load::LoadError, local::Copy};

/// How a flight ended.
#[derive(Clone)]
pub(crate) enum Landed {
    /// With a value; whether it is good for a reader, its `as_of` says.
    Value(Copy),
    /// With an error.
    Failed(LoadError),
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
    landed: watch::Sender<Option<Landed>>,
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
        let (landed, arrival) = watch::channel(None);
        flights.insert(identity.clone(), arrival.clone());
        (Arrival(arrival), Some(Departure { flights: Arc::clone(self), identity: identity.clone(), landed }))
    }
}

impl Departure {
    /// Ends the flight and tells everybody how.
    pub(crate) fn land(self, landed: Landed) {
        self.landed.send_replace(Some(landed));
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.flights.0.lock().remove(&self.identity);
    }
}

impl Arrival {
    /// How the flight ended; `None` if it was never brought to an end.
    pub(crate) async fn landed(mut self) -> Option<Landed> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}
