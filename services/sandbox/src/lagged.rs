//! A value that others see a while after it was written: the index behind a vendor's searches and lists.

use std::time::Duration;

use tokio::time::Instant;

/// The newest value, and what is still seen instead of it.
#[derive(Debug, Clone)]
pub(crate) struct Lagged<T> {
    newest: T,
    before: Option<T>,
    settled_at: Instant,
}

impl<T: Clone> Lagged<T> {
    pub(crate) fn new(value: T, now: Instant, lag: Duration) -> Self {
        Self { newest: value, before: None, settled_at: now + lag }
    }

    pub(crate) fn set(&mut self, value: T, now: Instant, lag: Duration) {
        let before = self.seen(now).cloned();
        *self = Self { newest: value, before, settled_at: now + lag };
    }

    /// What a search or list finds.
    pub(crate) fn seen(&self, now: Instant) -> Option<&T> {
        if now >= self.settled_at { Some(&self.newest) } else { self.before.as_ref() }
    }

    /// What a read by id gives.
    pub(crate) fn newest(&self) -> &T {
        &self.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_seen_after_the_lag_and_what_was_before_until_then() {
        let (start, lag) = (Instant::now(), Duration::from_secs(10));
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut value = Lagged::new(1, start, lag);
        assert_eq!((value.newest(), value.seen(after(9)), value.seen(after(10))), (&1, None, Some(&1)));
        value.set(2, after(20), lag);
        value.set(3, after(25), lag);
        assert_eq!((value.newest(), value.seen(after(30)), value.seen(after(35))), (&3, Some(&1), Some(&3)));
    }
}
