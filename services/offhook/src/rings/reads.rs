//! The read counters of a service's cache, as its `/metrics` shows them.

use std::{collections::BTreeMap, fmt};

use anyhow::Context as _;
use reqwest::Client;

const COUNTER: &str = "offhook_cache_reads_total{";
/// Results for which nobody outside of the cache was asked or waited for.
const HITS: [&str; 4] = ["fresh-l1", "fresh-l2", "stale", "negative"];

/// Reads by result.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reads(BTreeMap<String, u64>);

impl Reads {
    /// As they are now; `None` without an address.
    pub(super) async fn of(client: &Client, admin_url: Option<&str>) -> anyhow::Result<Option<Self>> {
        let Some(url) = admin_url else { return Ok(None) };
        let response = client.get(format!("{}/metrics", url.trim_end_matches('/'))).send().await;
        let text = response.and_then(reqwest::Response::error_for_status).context("no metrics")?.text().await?;
        Ok(Some(Self::read(&text)))
    }

    fn read(text: &str) -> Self {
        let mut reads = Self::default();
        for line in text.lines().filter_map(|line| line.strip_prefix(COUNTER)) {
            let result = line.split("result=\"").nth(1).and_then(|rest| rest.split('"').next());
            let count = line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok());
            if let Some((result, count)) = result.zip(count) {
                *reads.0.entry(result.to_owned()).or_default() += count;
            }
        }
        reads
    }

    /// Those since then.
    pub(super) fn since(&self, before: &Self) -> Self {
        let of = |(result, count): (&String, &u64)| {
            (result.clone(), count.saturating_sub(before.0.get(result).copied().unwrap_or_default()))
        };
        Self(self.0.iter().map(of).collect())
    }

    pub(super) fn all(&self) -> u64 {
        self.0.values().sum()
    }

    pub(super) fn hits(&self) -> u64 {
        HITS.iter().filter_map(|result| self.0.get(*result)).sum()
    }

    /// Of all reads, the share that the cache answered by itself; `None` without reads.
    pub(super) fn hit_rate(&self) -> Option<f64> {
        (self.all() > 0).then(|| self.hits() as f64 / self.all() as f64)
    }
}

impl fmt::Display for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.hit_rate().unwrap_or_default() * 100.0;
        write!(f, "out of the cache: {} of {} reads, {percent:.1} %", self.hits(), self.all())
    }
}

#[test]
fn hits_are_told_from_loads_by_their_result() {
    let text = "# TYPE offhook_cache_reads_total counter\n\
        offhook_cache_reads_total{kind=\"contact\",result=\"fresh-l1\"} 6\n\
        offhook_cache_reads_total{kind=\"memory\",result=\"fresh-l1\"} 2\n\
        offhook_cache_reads_total{kind=\"memory\",result=\"negative\"} 1\n\
        offhook_cache_reads_total{kind=\"memory\",result=\"miss\"} 1\nother_total 7\n";
    let reads = Reads::read(text);
    assert_eq!((reads.all(), reads.hits(), reads.hit_rate()), (10, 9, Some(0.9)));
    assert_eq!(reads.since(&reads).hit_rate(), None);
}
