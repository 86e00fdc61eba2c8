//! One connection to the broker, and whether it is fit to be used.
//!
//! Connects in the background and for ever; a caller learns the state from [`Bus::state`], never from a panic.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::{Client, ConnectOptions, jetstream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::topology;

/// A dead peer is noticed after two unanswered pings.
const PING_EVERY: Duration = Duration::from_secs(5);
/// One attempt to reach a server.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// One JetStream API request.
pub(crate) const REQUEST_MAX: Duration = Duration::from_secs(2);
/// The stream's answer to one publish attempt.
pub(crate) const PUB_ACK_MAX: Duration = Duration::from_secs(2);
/// Publishes that may await their PubAck on one connection.
const ACKS_IN_FLIGHT_MAX: usize = 4096;
/// Between two looks at the streams: while all is well, and while not.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_millis(50));
/// Longest pause between two attempts to reconnect.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_millis(500);

/// A broker operation that failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BusError {
    /// The broker can't be reached or did not answer; trying again may help.
    #[error("broker unavailable: {0}")]
    Unavailable(String),
    /// A stream, consumer or server setting lacks what safety needs; the text names the cure.
    #[error("{0}")]
    Refused(String),
}

/// Whether the broker can take events now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Connected, and the streams are as they must be.
    Ready,
    /// Usable by workers, but without room for new events from outside; the reason is readable.
    Full(String),
    /// Not connected, or no answer; the reason is readable.
    Away(String),
    /// Connected to streams or a server that must not be used; the text names the cure.
    Refused(String),
}

impl State {
    /// Why new events can't be taken.
    ///
    /// # Errors
    /// The reason, unless the broker is ready.
    pub fn accepts(&self) -> Result<(), String> {
        match self {
            Self::Ready => Ok(()),
            Self::Full(reason) | Self::Away(reason) | Self::Refused(reason) => Err(reason.clone()),
        }
    }

    /// Why workers can't work.
    ///
    /// # Errors
    /// The reason, unless the broker is ready, or merely full.
    pub(crate) fn serves(&self) -> Result<(), String> {
        match self {
            Self::Ready | Self::Full(_) => Ok(()),
            Self::Away(reason) | Self::Refused(reason) => Err(reason.clone()),
        }
    }
}

/// A cheap handle on one broker connection.
#[derive(Clone)]
pub struct Bus {
    pub(crate) client: Client,
    pub(crate) jetstream: jetstream::Context,
    state: watch::Receiver<State>,
    verified: Arc<AtomicBool>,
    stop: Arc<tokio_util::sync::DropGuard>,
}

impl Bus {
    /// Opens a connection named `name` to `url`. Returns at once; the broker may still be away.
    ///
    /// # Errors
    /// When `url` is no broker address.
    pub async fn connect(url: &str, name: &str) -> Result<Self, BusError> {
        let options = ConnectOptions::new()
            .name(name)
            .retry_on_initial_connect()
            .connection_timeout(CONNECT_MAX)
            .ping_interval(PING_EVERY)
            .reconnect_delay_callback(|attempt| RECONNECT_PAUSE_MAX.min(Duration::from_millis(20 * attempt as u64)))
            .event_callback(|event| async move { tracing::info!(%event, "broker connection") });
        let client = options.connect(url).await.map_err(|error| BusError::Refused(format!("NATS_URL: {error}")))?;
        let jetstream = jetstream::context::ContextBuilder::new()
            .timeout(REQUEST_MAX)
            .ack_timeout(PUB_ACK_MAX)
            .max_ack_inflight(ACKS_IN_FLIGHT_MAX)
            .backpressure_on_inflight(true)
            .build(client.clone());
        let (sender, state) = watch::channel(State::Away("not yet connected".to_owned()));
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let verified = Arc::new(AtomicBool::new(false));
        tokio::spawn(look_after(client.clone(), jetstream.clone(), sender, Arc::clone(&verified), stopped));
        Ok(Self { client, jetstream, state, verified, stop: Arc::new(stop.drop_guard()) })
    }

    /// Whether the broker can take events now; looked at every two seconds, more often while it is away.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Whether the streams were ever seen to be as they must be; until then nothing is put into them.
    pub(crate) fn verified(&self) -> bool {
        self.verified.load(Ordering::Acquire)
    }

    /// The state and each change of it.
    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Waits until the broker is ready.
    ///
    /// # Errors
    /// When it is not ready within `limit`; the error says why.
    pub async fn ready(&self, limit: Duration) -> Result<(), BusError> {
        let mut state = self.state.clone();
        let ready = tokio::time::timeout(limit, state.wait_for(|state| *state == State::Ready)).await;
        match ready {
            Ok(Ok(_)) => Ok(()),
            _ => Err(match self.state() {
                State::Refused(reason) => BusError::Refused(reason),
                state => BusError::Unavailable(state.accepts().err().unwrap_or_else(|| "closed".to_owned())),
            }),
        }
    }

    /// Sends what is buffered (acknowledgements too), then closes the connection.
    pub async fn close(self) {
        if let Err(error) = tokio::time::timeout(REQUEST_MAX, self.client.flush()).await {
            tracing::warn!(%error, "the broker took no last words");
        }
        drop(self.stop);
        self.client.drain().await.ok();
    }
}

/// Looks at the server and the streams again and again, so that a stream edited under us stops us too.
async fn look_after(
    client: Client,
    jetstream: jetstream::Context,
    state: watch::Sender<State>,
    verified: Arc<AtomicBool>,
    stop: CancellationToken,
) {
    loop {
        let seen = match topology::verify(&client, &jetstream).await {
            Ok(None) => State::Ready,
            Ok(Some(full)) => State::Full(full),
            Err(BusError::Unavailable(reason)) => State::Away(reason),
            Err(BusError::Refused(reason)) => State::Refused(reason),
        };
        if seen.serves().is_ok() {
            verified.store(true, Ordering::Release);
        }
        let pause = if seen == State::Ready { LOOK_EVERY.0 } else { LOOK_EVERY.1 };
        state.send_if_modified(|known| {
            let changed = *known != seen;
            if changed {
                tracing::info!(state = ?seen, "broker");
                *known = seen;
            }
            changed
        });
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
    }
}
