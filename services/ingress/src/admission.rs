//! How much may be in flight: requests, and bytes of their bodies. What does not fit is refused at once, never queued.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{handle::BODY_BYTES_MAX, refusal::Refusal};

/// Requests in flight.
const REQUESTS_MAX: usize = 1024;
/// Bodies in flight, in KiB.
const BODIES_MAX_KIB: u32 = 256 * 1024;

/// The places that are left.
pub(crate) struct Admission {
    requests: Arc<Semaphore>,
    kib: Arc<Semaphore>,
}

/// A place; given back when dropped.
pub(crate) struct Place {
    _request: OwnedSemaphorePermit,
    _kib: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new() -> Self {
        Self {
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
            kib: Arc::new(Semaphore::new(BODIES_MAX_KIB as usize)),
        }
    }

    /// A place for a request that announces a body of `length` bytes; without an announcement room is made for the largest.
    pub(crate) fn admit(&self, length: Option<u64>) -> Result<Place, Refusal> {
        let length = length.unwrap_or(BODY_BYTES_MAX as u64);
        if length > BODY_BYTES_MAX as u64 {
            return Err(Refusal::BodyTooLarge);
        }
        let kib = u32::try_from(length.div_ceil(1024)).unwrap_or(BODIES_MAX_KIB);
        let request = Arc::clone(&self.requests).try_acquire_owned().map_err(|_| Refusal::Overloaded)?;
        let kib = Arc::clone(&self.kib).try_acquire_many_owned(kib).map_err(|_| Refusal::Overloaded)?;
        Ok(Place { _request: request, _kib: kib })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_run_out_by_count_and_by_bytes_and_come_back() {
        let admission = Admission::new();
        let small: Vec<_> = (0..REQUESTS_MAX).map(|_| admission.admit(Some(1)).unwrap()).collect();
        assert_eq!(admission.admit(Some(1)).err(), Some(Refusal::Overloaded));
        drop(small);
        let unannounced: Vec<_> = (0..32).map(|_| admission.admit(None).unwrap()).collect();
        assert_eq!(admission.admit(Some(1)).err(), Some(Refusal::Overloaded));
        drop(unannounced);
        assert!(admission.admit(None).is_ok());
        assert_eq!(admission.admit(Some(BODY_BYTES_MAX as u64 + 1)).err(), Some(Refusal::BodyTooLarge));
    }
}
