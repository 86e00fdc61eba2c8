//! The counters of one test: the metrics of its thread, which are its caches' alone.

use std::collections::BTreeMap;

use metrics::LocalRecorderGuard;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Counts while it is held.
pub(crate) struct Counters {
    handle: PrometheusHandle,
    _recording: LocalRecorderGuard<'static>,
}

impl Counters {
    pub(crate) fn start() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // The guard borrows the recorder, and a test ends with its process.
        let recording = metrics::set_default_local_recorder(Box::leak(Box::new(recorder)));
        Self { handle, _recording: recording }
    }

    /// How often each `result` of a counter was counted, of those that were at all.
    pub(crate) fn results(&self, name: &str) -> BTreeMap<String, u64> {
        let mut results = BTreeMap::new();
        for (labels, number) in self.lines(name).into_iter().filter(|(_, number)| *number > 0.0) {
            let result = labels.split("result=\"").nth(1).and_then(|rest| rest.split('"').next());
            *results.entry(result.unwrap_or_default().to_owned()).or_default() += number as u64;
        }
        results
    }

    /// The sum of a metric over its labels.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.lines(name).iter().map(|(_, number)| number).sum()
    }

    fn lines(&self, name: &str) -> Vec<(String, f64)> {
        let text = self.handle.render();
        let of_name = text.lines().filter_map(|line| line.strip_prefix(name));
        let whole = of_name.filter(|rest| rest.starts_with(['{', ' ']));
        whole
            .filter_map(|rest| rest.rsplit_once(' '))
            .map(|(labels, number)| (labels.to_owned(), number.parse().expect("a number")))
            .collect()
    }
}
