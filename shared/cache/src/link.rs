//! The connection to Redis, and the breaker around it: while there is no good connection, there is none.
//!
//! The first failure takes the connection away from everybody; one task looks for another, and nobody waits for it. Refuses a
//! server that does not take writes: its answers may be old.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult, aio::MultiplexedConnection};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::entry::LAYOUT;

/// Looking for a server, from connecting to its first write.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Between two looks for a server that is away.
const LOOK_EVERY: std::ops::RangeInclusive<Duration> = Duration::from_millis(20)..=Duration::from_secs(1);
/// How often a connection that nobody uses is tried.
const BEAT: Duration = Duration::from_secs(1);
/// Life of the key that shows that the server takes writes.
const BEAT_KEPT_MS: u64 = 10_000;

/// Why Redis gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Away {
    /// Nobody tried.
    #[error("no connection to Redis")]
    Disconnected,
    /// The limit of one operation has passed.
    #[error("Redis is silent")]
    Silent,
    /// It answered, and would not, or the connection broke.
    #[error("Redis: {0}")]
    Failed(String),
}

/// A connection and what names are prefixed with on it.
pub(crate) struct Connected {
    connection: MultiplexedConnection,
    /// Holds the version of an entry's layout, and the server's run id: what a restarted server brings back from its disk, old values with old generations, has
    /// names that nobody asks for.
    prefix: String,
    /// When it came in the place of another one; `None` for a process's first.
    returned: Option<Instant>,
}

impl Connected {
    pub(crate) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// Whether it is another one than before, and not older than this.
    pub(crate) fn has_returned_within(&self, time: Duration) -> bool {
        self.returned.is_some_and(|returned| returned.elapsed() < time)
    }

    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// The way to Redis.
pub(crate) struct Link {
    state: Arc<State>,
    operation_max: Duration,
    _keeper: DropGuard,
}

#[derive(Default)]
struct State {
    connected: ArcSwapOption<Connected>,
    lost: Notify,
}

impl Link {
    /// Begins to look for the server; returns at once. One operation may take `operation_max`.
    ///
    /// # Errors
    /// When the address is none of Redis.
    pub(crate) fn start(url: &str, operation_max: Duration) -> RedisResult<Self> {
        let client = Client::open(url)?;
        let (state, stop) = (Arc::new(State::default()), CancellationToken::new());
        let keeper = keep(client, Arc::clone(&state), operation_max);
        tokio::spawn(stop.clone().run_until_cancelled_owned(keeper));
        Ok(Self { state, operation_max, _keeper: stop.drop_guard() })
    }

    /// The connection, if there is one.
    pub(crate) fn connected(&self) -> Result<Arc<Connected>, Away> {
        self.state.connected.load_full().ok_or(Away::Disconnected)
    }

    /// Waits for an answer on `connected`, as long as one operation may take. A failure takes the connection away.
    pub(crate) async fn answer<T>(
        &self,
        connected: &Arc<Connected>,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Away> {
        let error = match timeout(self.operation_max, answer).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if is_full(&error) => return Err(Away::Failed(error.to_string())),
            Ok(Err(error)) => Away::Failed(error.to_string()),
            Err(_) => Away::Silent,
        };
        self.state.lose(connected, &error);
        Err(error)
    }
}

impl State {
    /// Takes this connection away, unless another one has taken its place.
    fn lose(&self, connected: &Arc<Connected>, why: &Away) {
        let before = self.connected.compare_and_swap(connected, None);
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, connected)) {
            tracing::warn!(%why, "the cache goes on without Redis");
            metrics::gauge!("offhook_cache_redis_connected").set(0);
            self.lost.notify_one();
        }
    }
}

/// A full server still answers reads and takes deletions.
fn is_full(error: &RedisError) -> bool {
    error.code() == Some("OOM")
}

/// Looks for the server while there is no connection, and tries the connection while there is one.
async fn keep(client: Client, state: Arc<State>, operation_max: Duration) {
    let mut is_first = true;
    loop {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(*LOOK_EVERY.start())
            .with_max_delay(*LOOK_EVERY.end())
            .with_jitter()
            .without_max_times()
            .build();
        let mut told = false;
        let connected = loop {
            match timeout(CONNECT_MAX, connect(&client)).await {
                Ok(Ok(connected)) => {
                    let returned = (!is_first).then(Instant::now);
                    break Arc::new(Connected { returned, ..connected });
                }
                Ok(Err(error)) if !told => tracing::warn!(%error, "no connection to Redis"),
                Err(_) if !told => tracing::warn!(limit_s = CONNECT_MAX.as_secs(), "no connection to Redis in time"),
                _ => {}
            }
            told = true;
            sleep(pauses.next().unwrap_or(*LOOK_EVERY.end())).await;
        };
        is_first = false;
        state.connected.store(Some(Arc::clone(&connected)));
        metrics::gauge!("offhook_cache_redis_connected").set(1);
        tracing::info!("the cache is connected to Redis");
        while state.connected.load().is_some() {
            tokio::select! {
                () = state.lost.notified() => {}
                () = sleep(BEAT) => match timeout(operation_max, beat(&connected)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) if is_full(&error) => {}
                    Ok(Err(error)) => state.lose(&connected, &Away::Failed(error.to_string())),
                    Err(_) => state.lose(&connected, &Away::Silent),
                },
            }
        }
    }
}

/// A connection to a server that takes writes.
async fn connect(client: &Client) -> RedisResult<Connected> {
    // The limits are ours: they count from when an operation is asked for, not from when it is sent.
    let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
    let run = info.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap_or("0").get(..8).unwrap_or("0");
    let connected = Connected { connection, prefix: format!("offhook:{LAYOUT}:{run}:"), returned: None };
    match beat(&connected).await {
        Err(error) if !is_full(&error) => Err(error),
        _ => Ok(connected),
    }
}

/// Writes a key.
async fn beat(connected: &Connected) -> RedisResult<()> {
    let mut set = redis::cmd("SET");
    set.arg(connected.name("beat")).arg(1).arg("PX").arg(BEAT_KEPT_MS);
    set.query_async(&mut connected.connection()).await
}
