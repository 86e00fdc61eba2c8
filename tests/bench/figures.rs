//! How long operations took: quantiles, and their ratio to a baseline's.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Durations of one kind of operation, to three digits, up to a minute.
pub(crate) struct Figures {
    name: String,
    nanoseconds: Histogram<u64>,
}

impl Figures {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        let nanoseconds = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds of a histogram");
        Self { name: name.into(), nanoseconds }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Adds `operations` that took `all` together.
    pub(crate) fn add(&mut self, all: Duration, operations: u64) {
        let each = u64::try_from(all.as_nanos()).unwrap_or(u64::MAX) / operations.max(1);
        self.nanoseconds.saturating_record_n(each.max(1), operations);
    }

    /// Adds one operation that began then and has just ended.
    pub(crate) fn since(&mut self, begun: Instant) {
        self.add(begun.elapsed(), 1);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.nanoseconds.add(&other.nanoseconds).expect("histograms of the same bounds");
    }

    fn at(&self, quantile: f64) -> f64 {
        self.nanoseconds.value_at_quantile(quantile) as f64 / 1_000.0
    }

    /// Prints quantiles in microseconds, and ratios to those of `baseline`.
    pub(crate) fn print(&self, baseline: &Self) {
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|quantile| self.at(quantile));
        let max = self.nanoseconds.max() as f64 / 1_000.0;
        let [r50, r99] = [0.5, 0.99].map(|quantile| self.at(quantile) / baseline.at(quantile));
        let (name, n) = (&self.name, self.nanoseconds.len());
        say(format_args!("{name:<44} {n:>8} {p50:>10.2} {p95:>10.2} {p99:>10.2} {max:>11.1} {r50:>7.2} {r99:>7.2}"));
    }
}

/// Prints a title and the columns of [`Figures::print`].
pub(crate) fn title(text: &str) {
    say(format_args!("\n{text}"));
    say(format_args!(
        "{:<44} {:>8} {:>10} {:>10} {:>10} {:>11} {:>7} {:>7}",
        "", "n", "p50 µs", "p95 µs", "p99 µs", "max µs", "x p50", "x p99"
    ));
}

/// Prints a line.
#[expect(clippy::print_stdout, reason = "the one place where benchmarks print")]
pub(crate) fn say(line: impl std::fmt::Display) {
    println!("{line}");
}
