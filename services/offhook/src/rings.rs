//! `offhook simulate rings`: many callers ring at a given rate, as their mix is in life; how fast they are answered, and how
//! much of it came out of the cache.

mod mix;
mod reads;

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use clap::{Args, CommandFactory as _, error::ErrorKind};
use hdrhistogram::Histogram;
use reqwest::Client;
use serde_json::{Value, json};
use sources::retell::{SIGNATURE_HEADER, sign};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use self::{
    mix::{Mix, Ring},
    reads::Reads,
};
use crate::{
    cli::Cli,
    load::arguments::{EX_USAGE, Org, Sender, percent},
    output::Output,
    simulate::REQUEST_MAX,
};

/// Questions in flight; under the customary limit of 1024 open files.
const IN_FLIGHT_MAX: usize = 768;
/// The longest time that is told apart, in microseconds, and its digits.
const ANSWER_US_MAX: u64 = 60_000_000;
const DIGITS: u8 = 3;

/// Settings of `simulate rings`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Rings {
    /// Calls that are counted
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    calls: u32,
    /// Calls before them that are not counted
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    warm_up: u32,
    /// Callers who call again and again, a few of them most of the time
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    callers: u32,
    /// The share of calls that is theirs; half of the rest withholds the number, half has never called before
    #[arg(long, default_value = "70%", value_parser = percent)]
    known: f64,
    /// Calls per second, made whether or not earlier ones were answered
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// The same seed gives the same calls
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the answer service is
    #[arg(long, env = "OFFHOOK_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Where its `/metrics` are, to tell how much came out of the cache; not told if unset
    #[arg(long, env = "OFFHOOK_ADMIN_URL")]
    admin_url: Option<String>,
    /// Whose calls, as `ORG` or `ORG=KEY`; repeat it to share the calls out between orgs
    #[arg(long = "org", value_name = "ORG[=KEY]", default_value = "demo")]
    orgs: Vec<Org>,
    /// Which number is called; repeat it, one for each org in turn
    #[arg(long = "to", default_value = "+15005550001")]
    to: Vec<String>,
    /// The key to sign with, for orgs that name none
    #[arg(long, env = "DEMO_RETELL_API_KEY", hide_env_values = true)]
    secret: Option<String>,
}

/// Where an org's calls go.
struct Line {
    client: Client,
    endpoint: String,
    key: String,
    to: String,
}

/// What became of the calls.
struct Tally {
    sent: u64,
    answered: u64,
    degraded: u64,
    refusal: Option<String>,
    answers_us: Histogram<u64>,
}

impl Rings {
    /// Rings and tells: 0, or 1 when a call was left without an answer.
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<u8> {
        let common = self.secret.as_deref();
        let senders: Vec<Sender> = match self.orgs.iter().map(|org| org.with_key(common)).collect() {
            Ok(senders) => senders,
            Err(missing) => {
                Cli::command().error(ErrorKind::MissingRequiredArgument, missing).print().ok();
                return Ok(EX_USAGE);
            }
        };
        let client = Client::builder().timeout(REQUEST_MAX).build()?;
        let lines: Vec<Arc<Line>> =
            senders.into_iter().enumerate().map(|(nth, sender)| Arc::new(self.line(&client, nth, sender))).collect();
        let mut mix = Mix::new(self.seed, self.callers, self.known, self.rate, lines.len());
        if self.warm_up > 0 {
            ring(&lines, &mut mix, self.warm_up, output).await?;
        }
        let before = Reads::of(&client, self.admin_url.as_deref()).await?;
        let tally = ring(&lines, &mut mix, self.calls, output).await?;
        let after = Reads::of(&client, self.admin_url.as_deref()).await?;
        let reads = before.zip(after).map(|(before, after)| after.since(&before));
        tally.report(reads.as_ref(), output);
        Ok(u8::from(tally.answered < tally.sent))
    }

    fn line(&self, client: &Client, nth: usize, sender: Sender) -> Line {
        let endpoint = format!("{}/v1/{}/retell/inbound", self.url.trim_end_matches('/'), sender.org);
        Line { client: client.clone(), endpoint, key: sender.key, to: self.to[nth % self.to.len()].clone() }
    }
}

/// Makes so many calls, each when it is due.
async fn ring(lines: &[Arc<Line>], mix: &mut Mix, calls: u32, output: Output) -> anyhow::Result<Tally> {
    let bar = output.progress(calls as usize, "rung");
    let (mut tally, mut tasks) = (Tally::new(), JoinSet::new());
    let places = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let mut due = Instant::now();
    for _ in 0..calls {
        let Ring { after, line, from } = mix.next();
        due += after;
        sleep_until(due).await;
        let place = Arc::clone(&places).acquire_owned().await?;
        let line = Arc::clone(&lines[line]);
        tasks.spawn(async move {
            let degraded = line.ask(&from).await;
            drop(place);
            (degraded, due.elapsed())
        });
        while let Some(done) = tasks.try_join_next() {
            tally.add(done?);
            bar.inc(1);
        }
    }
    while let Some(done) = tasks.join_next().await {
        tally.add(done?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(tally)
}

impl Line {
    /// Asks who is calling; whether something was missing in the answer.
    async fn ask(&self, from: &str) -> anyhow::Result<bool> {
        let body = json!({
            "event": "call_inbound",
            "event_timestamp": Utc::now().timestamp_millis(),
            "call_inbound": { "agent_id": "", "from_number": from, "to_number": self.to },
        });
        let body = body.to_string().into_bytes();
        let request = self.client.post(&self.endpoint).header(SIGNATURE_HEADER, sign(&self.key, &body, Utc::now()));
        let response = request.header("content-type", "application/json").body(body).send().await?;
        let status = response.status();
        let text = response.text().await?;
        anyhow::ensure!(status.is_success(), "{status} {}", text.trim());
        let answer: Value = serde_json::from_str(&text)?;
        let degraded = answer["call_inbound"]["dynamic_variables"]["degraded"].as_str();
        degraded.map(|parts| !parts.is_empty()).ok_or_else(|| anyhow::anyhow!("an answer without variables: {text}"))
    }
}

impl Tally {
    fn new() -> Self {
        let answers_us = Histogram::new_with_bounds(1, ANSWER_US_MAX, DIGITS).expect("the bounds are constants");
        Self { sent: 0, answered: 0, degraded: 0, refusal: None, answers_us }
    }

    /// Counts one call, from when it was due to its answer.
    fn add(&mut self, (asked, took): (anyhow::Result<bool>, Duration)) {
        self.sent += 1;
        match asked {
            Ok(degraded) => {
                self.answered += 1;
                self.degraded += u64::from(degraded);
                self.answers_us.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            }
            Err(why) => {
                self.refusal.get_or_insert(format!("{why:#}"));
            }
        }
    }

    fn report(&self, reads: Option<&Reads>, output: Output) {
        let Self { sent, answered, degraded, refusal, .. } = self;
        let ms = |quantile: f64| self.answers_us.value_at_quantile(quantile) as f64 / 1000.0;
        let (p50, p95, p99, max) = (ms(0.5), ms(0.95), ms(0.99), ms(1.0));
        let why = refusal.as_ref().map(|why| format!("; the first without: {why}")).unwrap_or_default();
        let cached = reads.map(|reads| format!("\n  {reads}")).unwrap_or_default();
        output.result(
            format_args!(
                "  rung {sent}, answered {answered}, degraded {degraded}{why}\n  \
                 answered within ms: p50 {p50:.1}, p95 {p95:.1}, p99 {p99:.1}, max {max:.1}{cached}"
            ),
            &json!({
                "sent": sent, "answered": answered, "degraded": degraded, "refusal": refusal,
                "answer_ms": { "p50": p50, "p95": p95, "p99": p99, "max": max },
                "reads": reads.map(Reads::all), "hits": reads.map(Reads::hits),
                "hit_rate": reads.and_then(Reads::hit_rate),
            }),
        );
    }
}
