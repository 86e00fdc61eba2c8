//! How much may be in flight: requests, and bytes of their bodies. What does not fit is refused at once, never queued.
//!
//! Room for a body is taken as it arrives, not as it is announced: else a few idle connections could fill it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refusal::Refusal;

/// Requests in flight.
const REQUESTS_MAX: usize = 1024;
/// Bodies in flight, in bytes.
const BODIES_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The places that are left.
pub(crate) struct Admission {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// A request's place, and the room of its body so far; given back when dropped.
pub(crate) struct Place {
    _request: OwnedSemaphorePermit,
    bytes: OwnedSemaphorePermit,
    room: Arc<Semaphore>,
}

impl Admission {
    pub(crate) fn new() -> Self {
        Self { requests: Arc::new(Semaphore::new(REQUESTS_MAX)), bytes: Arc::new(Semaphore::new(BODIES_BYTES_MAX)) }
    }

    /// A place for one more request.
    pub(crate) fn admit(&self) -> Result<Place, Refusal> {
        let request = Arc::clone(&self.requests).try_acquire_owned().map_err(|_| Refusal::Overloaded)?;
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(0).map_err(|_| Refusal::Overloaded)?;
        Ok(Place { _request: request, bytes, room: Arc::clone(&self.bytes) })
    }
}

impl Place {
    /// Room for so many more bytes of the body.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let bytes = u32::try_from(bytes).map_err(|_| Refusal::BodyTooLarge)?;
        let more = Arc::clone(&self.room).try_acquire_many_owned(bytes).map_err(|_| Refusal::Overloaded)?;
        self.bytes.merge(more);
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
        places[0].grow(BODIES_BYTES_MAX).unwrap();
        assert_eq!(places[1].grow(1), Err(Refusal::Overloaded));
        drop(places);
        admission.admit().unwrap().grow(BODIES_BYTES_MAX).unwrap();
    }
}
