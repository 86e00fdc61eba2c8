//! Hit rates from the counters at the reads, summed over the services that are asked.
//!
//! Counts nothing by itself: what a service does not count did not happen.

use std::{collections::BTreeMap, time::Duration};

use ::cache::{Parts, Settings};
use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use crate::output::{Output, table};

/// The counter of reads.
const READS: &str = "offhook_cache_reads_total{";
/// What one service may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// Results that came from a cache; the others waited for a load.
const HITS: [&str; 4] = ["fresh-l1", "fresh-l2", "stale", "negative"];
const WAITS: [&str; 4] = ["coalesced", "miss", "error", "left"];

/// Settings of `cache stats`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Stats {
    /// Where services serve `/metrics`; several may be given, comma-separated
    #[arg(long, env = "OFFHOOK_ADMIN_URL", value_delimiter = ',', default_value = "http://127.0.0.1:9090")]
    admin_url: Vec<String>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Serialize)]
struct Report {
    kinds: BTreeMap<String, Kind>,
    /// Services that did not answer, and why.
    silent: BTreeMap<String, String>,
    redis: Option<BTreeMap<String, String>>,
}

#[derive(Default, Serialize)]
struct Kind {
    reads: u64,
    /// Of all reads, those that did not wait for a load, in percent.
    hit_percent: f64,
    results: BTreeMap<String, u64>,
}

impl Stats {
    /// 0, or 1 when no service answered.
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<u8> {
        let client = reqwest::Client::builder().timeout(ANSWER_MAX).build()?;
        let mut report = Report { kinds: BTreeMap::new(), silent: BTreeMap::new(), redis: None };
        for url in &self.admin_url {
            match metrics(&client, url).await {
                Ok(text) => text.lines().filter_map(read).for_each(|(kind, result, reads)| {
                    *report.kinds.entry(kind).or_default().results.entry(result).or_default() += reads;
                }),
                Err(error) => drop(report.silent.insert(url.clone(), format!("{error:#}"))),
            }
        }
        report.kinds.values_mut().for_each(Kind::sum_up);
        report.kinds.retain(|_, kind| kind.reads > 0);
        if self.settings.redis_url.is_some() {
            report.redis = self.redis().await?;
        }
        let nobody = report.silent.len() == self.admin_url.len();
        output.result(report.text(), &report);
        Ok(u8::from(nobody))
    }

    async fn redis(&self) -> anyhow::Result<Option<BTreeMap<String, String>>> {
        let cache = super::connected(&self.settings, Parts::default()).await;
        Ok(match cache {
            Ok(cache) => cache.redis_figures().await,
            Err(_) => None,
        })
    }
}

async fn metrics(client: &reqwest::Client, url: &str) -> anyhow::Result<String> {
    let url = format!("{}/metrics", url.trim_end_matches('/'));
    let answer = client.get(&url).send().await.and_then(reqwest::Response::error_for_status);
    answer.with_context(|| url.clone())?.text().await.context(url)
}

/// Kind, result and number of a line of the counter.
fn read(line: &str) -> Option<(String, String, u64)> {
    let (labels, number) = line.strip_prefix(READS)?.rsplit_once("} ")?;
    let label = |name: &str| {
        let rest = labels.split(',').find_map(|label| label.strip_prefix(name)?.strip_prefix("=\""))?;
        rest.strip_suffix('"').map(str::to_owned)
    };
    Some((label("kind")?, label("result")?, number.trim().parse().ok()?))
}

impl Kind {
    fn sum_up(&mut self) {
        let of = |names: &[&str]| names.iter().filter_map(|name| self.results.get(*name)).sum::<u64>();
        self.reads = self.results.values().sum();
        self.hit_percent = of(&HITS) as f64 * 100.0 / self.reads.max(1) as f64;
    }
}

impl Report {
    fn text(&self) -> String {
        let results: Vec<&str> = HITS.into_iter().chain(WAITS).collect();
        let header: Vec<String> =
            ["KIND", "READS", "HIT %"].into_iter().chain(results.iter().copied()).map(str::to_uppercase).collect();
        let rows = self.kinds.iter().map(|(name, kind)| {
            let counts = results.iter().map(|name| kind.results.get(*name).copied().unwrap_or(0).to_string());
            [name.clone(), kind.reads.to_string(), format!("{:.1}", kind.hit_percent)]
                .into_iter()
                .chain(counts)
                .collect()
        });
        let mut text = table(&header.iter().map(String::as_str).collect::<Vec<_>>(), rows);
        for (url, why) in &self.silent {
            text.push_str(&format!("\nno figures of {url}: {why}"));
        }
        for (name, figure) in self.redis.iter().flatten() {
            text.push_str(&format!("\nredis {name} {figure}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_counter_is_read_and_others_are_not() {
        let line = r#"offhook_cache_reads_total{kind="contact",result="fresh-l1"} 12"#;
        assert_eq!(read(line), Some(("contact".to_owned(), "fresh-l1".to_owned(), 12)));
        assert_eq!(read("offhook_cache_fills_total{kind=\"contact\",result=\"kept\"} 3"), None);
        let results = [("fresh-l1", 6), ("negative", 3), ("miss", 1)].map(|(name, n)| (name.to_owned(), n)).into();
        let mut kind = Kind { results, ..Kind::default() };
        kind.sum_up();
        assert_eq!((kind.reads, kind.hit_percent), (10, 90.0));
    }
}
