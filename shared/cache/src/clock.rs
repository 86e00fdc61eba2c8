//! The time: of day for what other processes read too, steady for what stays in this one.
//!
//! The processes' clocks are expected to agree within a second; lives are counted in seconds and more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Millis(pub(crate) u64);

impl Millis {
    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// The machine's clock, which a test may put forward. Cheap to clone; clones move together.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicU64>,
}

impl Clock {
    /// Puts it forward, for whoever holds this clock.
    pub fn advance(&self, by: Duration) {
        self.ahead_ms.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// The time of day.
    pub(crate) fn wall(&self) -> Millis {
        Millis(0).after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + self.ahead())
    }

    /// Never goes back.
    pub(crate) fn steady(&self) -> Instant {
        Instant::now() + self.ahead()
    }

    fn ahead(&self) -> Duration {
        Duration::from_millis(self.ahead_ms.load(Relaxed))
    }
}
