//! How reads went, counted for each kind. The counters are looked up once, not at each read.

use metrics::{Counter, counter};

use crate::local::Copy;

/// How a read went.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// Told by the process's own copy.
    FreshL1,
    /// Told by Redis, or by what stands in for it.
    FreshL2,
    /// Told past its fresh time.
    Stale,
    /// Told that there is no such thing.
    Negative,
    /// Loaded.
    Miss,
    /// Loaded by another reader at the same time.
    Coalesced,
    /// Neither told nor loaded.
    Error,
    /// Given up by its reader.
    Left,
}

impl Outcome {
    const ALL: [(Self, &str); 8] = [
        (Self::FreshL1, "fresh-l1"),
        (Self::FreshL2, "fresh-l2"),
        (Self::Stale, "stale"),
        (Self::Negative, "negative"),
        (Self::Miss, "miss"),
        (Self::Coalesced, "coalesced"),
        (Self::Error, "error"),
        (Self::Left, "left"),
    ];
}

/// The counters of one kind.
pub(crate) struct Reads {
    results: [Counter; Outcome::ALL.len()],
    warmed: Counter,
}

/// A read that is not counted yet: one that its reader gives up is counted as left.
pub(crate) struct Uncounted<'a>(&'a Reads);

impl Reads {
    pub(crate) fn of(kind: &'static str) -> Self {
        let result = |(_, name)| counter!("offhook_cache_reads_total", "kind" => kind, "result" => name);
        Self { results: Outcome::ALL.map(result), warmed: counter!("offhook_cache_warmed_reads_total", "kind" => kind) }
    }

    /// A read begins.
    pub(crate) fn begin(&self) -> Uncounted<'_> {
        Uncounted(self)
    }

    /// A fresh copy of this process was told.
    pub(crate) fn near(&self, copy: &Copy) {
        self.count(if copy.value.is_none() { Outcome::Negative } else { Outcome::FreshL1 }, copy.warmed);
    }

    fn count(&self, outcome: Outcome, warmed: bool) {
        self.results[outcome as usize].increment(1);
        if warmed {
            self.warmed.increment(1);
        }
    }
}

impl Uncounted<'_> {
    /// The read ended; `warmed` if it found what was loaded ahead of it.
    pub(crate) fn end(self, outcome: Outcome, warmed: bool) {
        self.0.count(outcome, warmed);
        std::mem::forget(self);
    }
}

impl Drop for Uncounted<'_> {
    fn drop(&mut self) {
        self.0.count(Outcome::Left, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_listed_in_their_order() {
        for (at, (outcome, name)) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, at, "{name}");
        }
    }
}
