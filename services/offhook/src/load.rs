//! `offhook simulate load`: many calls at a given rate, then the verdict from Postgres: what is lost, what counts double.
//!
//! Acknowledgements alone prove nothing here; every acknowledged event is looked up where it has to be.

pub(crate) mod arguments;
mod plan;
mod sender;
mod store;
mod tally;
mod verdict;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use clap::{Args, CommandFactory as _, error::ErrorKind};
use serde_json::json;

use self::{
    arguments::{EX_USAGE, Org, Sender, percent, wait},
    plan::{EVENTS, Plan, Shape},
    tally::Tally,
    verdict::Verdict,
};
use crate::{cli::Cli, output::Output};

/// Settings of `simulate load`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Load {
    /// How many calls; three events each
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    calls: u32,
    /// Events per second, sent whether or not earlier ones were answered
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// The share of events that is sent a second time later, such as `5%`
    #[arg(long, default_value = "0%", value_parser = percent)]
    duplicates: f64,
    /// Send each call's events in any order
    #[arg(long)]
    shuffle: bool,
    /// The same seed gives the same load, but for call ids and times
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the ingress is
    #[arg(long, env = "OFFHOOK_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Whose calls, as `ORG` or `ORG=KEY`; repeat it to share the calls out between orgs
    #[arg(long = "org", value_name = "ORG[=KEY]", default_value = "demo")]
    orgs: Vec<Org>,
    /// The key to sign with, for orgs that name none
    #[arg(long, env = "DEMO_RETELL_API_KEY", hide_env_values = true)]
    secret: Option<String>,
    /// The database that holds the truth
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// How long after the last answer everything may take to be in Postgres
    #[arg(long, default_value = "60s", value_parser = wait)]
    wait: Duration,
}

impl Load {
    /// Sends the load and judges it: 0, or 1 when something is lost, doubled or left incomplete.
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<u8> {
        let common = self.secret.as_deref();
        let senders: Vec<Sender> = match self.orgs.iter().map(|org| org.with_key(common)).collect() {
            Ok(senders) => senders,
            Err(missing) => {
                Cli::command().error(ErrorKind::MissingRequiredArgument, missing).print().ok();
                return Ok(EX_USAGE);
            }
        };
        let pool = postgres::connect(&self.database_url, "offhook simulate load")?;
        let run = uuid::Uuid::now_v7().simple().to_string();
        let shape = Shape {
            calls: self.calls as usize,
            rate: self.rate,
            duplicates: self.duplicates,
            shuffle: self.shuffle,
            orgs: senders.len(),
        };
        let plan = Arc::new(Plan::new(&shape, self.seed, &run, Utc::now()));
        output.line(format_args!(
            "load {run}: {} calls, {} events, {} duplicates at {}/s, seed {}",
            plan.calls.len(),
            plan.calls.len() * EVENTS,
            plan.duplicates(),
            self.rate,
            self.seed
        ));
        let sent = sender::send(&plan, &self.url, &senders, output).await?;
        let began = Instant::now();
        let expected = verdict::expected(&plan, &senders, &sent);
        let verdict = verdict::reach(&pool, &expected, self.wait, output).await?;
        pool.close().await;
        self.report(&plan, &run, &sent, verdict, began.elapsed(), output);
        Ok(u8::from(!verdict.holds()))
    }

    fn report(&self, plan: &Plan, run: &str, sent: &Tally, verdict: Verdict, waited: Duration, output: Output) {
        let Tally { sent: deliveries, acknowledged, refused, retried, delayed, .. } = *sent;
        let ms = |quantile: f64| sent.ack_ms(quantile);
        let (p50, p95, p99, max) = (ms(0.5), ms(0.95), ms(0.99), ms(1.0));
        let Verdict { complete, incomplete, lost, doubled, uncounted } = verdict;
        let calls = plan.calls.len();
        let why = sent.refusal.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let lag = if uncounted > 0 {
            format!("\n  {uncounted} sums of daily figures lag behind; is metrics-worker running?")
        } else {
            String::new()
        };
        output.result(
            format_args!(
                "  sent {deliveries}, acknowledged {acknowledged}, refused {refused}{why}, retried {retried}, delayed {delayed}\n  \
                 acknowledged within ms: p50 {p50:.1}, p95 {p95:.1}, p99 {p99:.1}, max {max:.1}\n  \
                 in Postgres {:.1} s after the last answer: complete {complete} of {calls}, lost {lost}, doubled {doubled}{lag}",
                waited.as_secs_f64(),
            ),
            &json!({
                "run": run, "seed": self.seed, "calls": calls, "events": calls * EVENTS, "duplicates": plan.duplicates(),
                "sent": deliveries, "acknowledged": acknowledged, "refused": refused, "refusal": sent.refusal,
                "retried": retried, "delayed": delayed,
                "complete": complete, "incomplete": incomplete, "lost": lost, "doubled": doubled, "uncounted": uncounted,
                "ack_ms": { "p50": p50, "p95": p95, "p99": p99, "max": max },
                "waited_s": waited.as_secs_f64(),
            }),
        );
    }
}
