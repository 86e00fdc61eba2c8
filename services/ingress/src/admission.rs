//! How much may be in flight: requests, and bytes of their bodies. What does not fit is refused at once, never queued.
//!
//! Room for a body is taken as it arrives, not as it is announced: else a few idle connections could fill it. Large bodies have
//! a part of the room: else a few recordings could keep out all events of calls.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{door::BODY_BYTES_MAX, refusal::Refusal};

/// Requests in flight.
const REQUESTS_MAX: usize = 1024;
/// Bodies in flight, in bytes.
const BODIES_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What is beyond the usual size in all bodies in flight together, in bytes.
const LARGE_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The places that are left.
pub(crate) struct Admission {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// A request's place, and the room of its body so far; given back when dropped.
pub(crate) struct Place {
    _request: OwnedSemaphorePermit,
    bytes: Room,
    large: Room,
}

/// What is taken of a room, in bytes.
struct Room {
    taken: OwnedSemaphorePermit,
    of: Arc<Semaphore>,
}

impl Admission {
    pub(crate) fn new() -> Self {
        let room = |size| Arc::new(Semaphore::new(size));
        Self { requests: room(REQUESTS_MAX), bytes: room(BODIES_BYTES_MAX), large: room(LARGE_BYTES_MAX) }
    }

    /// A place for one more request.
    pub(crate) fn admit(&self) -> Result<Place, Refusal> {
        let request = Arc::clone(&self.requests).try_acquire_owned().map_err(|_| Refusal::Overloaded)?;
        Ok(Place { _request: request, bytes: Room::of(&self.bytes)?, large: Room::of(&self.large)? })
    }
}

impl Place {
    /// Room for a body of so many bytes; it keeps what it has.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.bytes.grow_to(bytes)?;
        self.large.grow_to(bytes.saturating_sub(BODY_BYTES_MAX))
    }
}

impl Room {
    fn of(room: &Arc<Semaphore>) -> Result<Self, Refusal> {
        let taken = Arc::clone(room).try_acquire_many_owned(0).map_err(|_| Refusal::Overloaded)?;
        Ok(Self { taken, of: Arc::clone(room) })
    }

    fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.taken.num_permits());
        let more = u32::try_from(more).map_err(|_| Refusal::BodyTooLarge)?;
        self.taken.merge(Arc::clone(&self.of).try_acquire_many_owned(more).map_err(|_| Refusal::Overloaded)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_run_out_by_count_and_by_bytes_and_come_back() {
        let admission = Admission::new();
        let mut places: Vec<_> = (0..REQUESTS_MAX).map(|_| admission.admit().unwrap()).collect();
        assert_eq!(admission.admit().err(), Some(Refusal::Overloaded));
        let usual = BODIES_BYTES_MAX / BODY_BYTES_MAX;
        places[..usual].iter_mut().for_each(|place| place.grow_to(BODY_BYTES_MAX).unwrap());
        places[0].grow_to(BODY_BYTES_MAX).unwrap();
        assert_eq!(places[usual].grow_to(1), Err(Refusal::Overloaded));
        drop(places);
        let mut places: Vec<_> = (0..usual).map(|_| admission.admit().unwrap()).collect();
        places.iter_mut().for_each(|place| place.grow_to(BODY_BYTES_MAX).unwrap());
    }

    #[test]
    fn large_bodies_leave_room_for_the_usual_ones() {
        let admission = Admission::new();
        let mut places: Vec<_> = (0..4).map(|_| admission.admit().unwrap()).collect();
        let large = LARGE_BYTES_MAX / 2 + BODY_BYTES_MAX;
        places[..2].iter_mut().for_each(|place| place.grow_to(large).unwrap());
        places[2].grow_to(BODY_BYTES_MAX).unwrap();
        assert_eq!(places[2].grow_to(BODY_BYTES_MAX + 1), Err(Refusal::Overloaded));
        places[3].grow_to(BODY_BYTES_MAX).unwrap();
    }
}
