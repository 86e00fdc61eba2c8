//! `offhook status`: whether the servers answer, how full the streams are, how far the workers.
//!
//! A server that is away or not named is a line of the answer, not the end of it.

mod report;

use std::time::Duration;

use bus::Bus;
use chrono::Utc;
use clap::Args;
use sqlx::PgPool;
use tokio::time::{sleep, timeout};

use self::report::{Consumer, Report, Server, Stream};
use crate::output::Output;

/// What one server may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// Between two looks with `--watch`.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// Settings of `status`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Status {
    /// Look again every two seconds until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// The broker's address
    #[arg(long, env = "NATS_URL")]
    nats_url: Option<String>,
    /// The database's address
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

impl Status {
    /// Looks once, or until Ctrl-C: 0 when all is well at the last look, else 1.
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<u8> {
        let bus = connected("NATS_URL", self.nats_url.as_deref(), async |url| {
            Bus::connect(url, "offhook status").await.map_err(|error| error.to_string())
        });
        let pool = connected("DATABASE_URL", self.database_url.as_deref(), async |url| {
            postgres::connect(url, "offhook status").map_err(|error| error.to_string())
        });
        let (bus, pool) = tokio::join!(bus, pool);
        let mut healthy = look(&bus, &pool, output, self.watch).await;
        if self.watch {
            let watching = async {
                loop {
                    sleep(WATCH_EVERY).await;
                    healthy = look(&bus, &pool, output, true).await;
                }
            };
            tokio::select! {
                () = watching => {}
                interrupted = tokio::signal::ctrl_c() => interrupted?,
            }
        }
        Ok(u8::from(!healthy))
    }
}

/// The connection to a server, or why there can be none.
async fn connected<T>(
    name: &str,
    url: Option<&str>,
    connect: impl AsyncFnOnce(&str) -> Result<T, String>,
) -> Result<T, String> {
    match url.filter(|url| !url.is_empty()) {
        Some(url) => connect(url).await,
        None => Err(format!("{name} is not set")),
    }
}

/// One look, printed; says whether all is well.
async fn look(bus: &Result<Bus, String>, pool: &Result<PgPool, String>, output: Output, clear: bool) -> bool {
    let mut report = Report::default();
    let (broker, database) = tokio::join!(within(bus, look_at_broker), within(pool, look_at_database));
    match broker {
        Ok(seen) => (report.nats, report.streams, report.consumers, report.dead_letters) = seen,
        Err(fault) => report.nats.fault = Some(fault),
    }
    match database {
        Ok(version) => report.postgres = Server { reachable: true, version: Some(version), fault: None },
        Err(fault) => report.postgres.fault = Some(fault),
    }
    let well = |server: &Server| server.reachable && server.fault.is_none();
    report.healthy = well(&report.nats) && well(&report.postgres);
    if clear {
        output.clear();
    }
    output.result(report.text(), &report);
    report.healthy
}

/// The server's answer within its time, or why there is none.
async fn within<T, A>(server: &Result<T, String>, ask: impl AsyncFnOnce(&T) -> Result<A, String>) -> Result<A, String> {
    let server = server.as_ref().map_err(Clone::clone)?;
    let late = || format!("no answer within {} s", ANSWER_MAX.as_secs());
    timeout(ANSWER_MAX, ask(server)).await.unwrap_or_else(|_| Err(late()))
}

type Broker = (Server, Vec<Stream>, Vec<Consumer>, Option<u64>);

async fn look_at_broker(bus: &Bus) -> Result<Broker, String> {
    let overview = bus.overview().await.map_err(|error| error.to_string())?;
    let fault = bus.verify().await.err().map(|error| error.to_string());
    let streams: Vec<Stream> = overview
        .streams
        .into_iter()
        .map(|stream| Stream {
            used_percent: stream.bytes_max.map(|max| (stream.bytes as f64 * 1000.0 / max as f64).round() / 10.0),
            name: stream.name,
            messages: stream.messages,
            bytes: stream.bytes,
            max_bytes: stream.bytes_max,
        })
        .collect();
    let age = |at: contract::Timestamp| (Utc::now() - at).num_milliseconds().max(0) as f64 / 1000.0;
    let consumers = overview.consumers.into_iter().map(|consumer| Consumer {
        name: consumer.name,
        pending: consumer.lag.pending,
        unacked: consumer.lag.unacked,
        redelivered: consumer.redelivered,
        oldest_unacked_s: consumer.oldest.map(age),
        paused: consumer.paused,
    });
    let server = Server { reachable: true, version: Some(overview.version), fault };
    Ok((server, streams, consumers.collect(), overview.dead_letters))
}

async fn look_at_database(pool: &PgPool) -> Result<String, String> {
    let version = sqlx::query_scalar("SELECT current_setting('server_version')");
    version.fetch_one(pool).await.map_err(|error| error.to_string())
}
