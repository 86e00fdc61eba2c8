//! The broker looked over for an installation's check-up: everything that `nats/` declares, found or not, each with its fault.
//!
//! Stops at no fault: where [`Bus::verify`] names the first, this names all. Changes nothing.

use async_nats::jetstream::{
    consumer, context::ConsumerInfoErrorKind, context::GetStreamErrorKind, stream::Info as StreamInfo,
};
use chrono::Utc;
use contract::Timestamp;
use serde::Deserialize;

use crate::{Bus, BusError, EVENTS, Lag, oversee, topology};

/// The broker and all that has to be in it.
#[derive(Debug, Clone)]
pub struct Checkup {
    /// The server's version.
    pub version: String,
    /// Whether it is too old for what we rely on.
    pub is_too_old: bool,
    /// The largest message it takes, in bytes.
    pub payload_bytes_max: usize,
    /// The largest message that a declared stream has to take, in bytes.
    pub payload_bytes_needed: usize,
    /// How far its clock is ahead of ours, in milliseconds, and how exactly that is known; `None` without the event stream.
    pub clock_ahead_ms: Option<(i64, i64)>,
    /// What all streams may occupy together, in bytes; `None` without a limit on the account.
    pub storage_bytes_max: Option<u64>,
    /// What the streams' own limits add up to, in bytes.
    pub storage_bytes_reserved: u64,
    /// The declared streams, in order of declaration.
    pub streams: Vec<StreamCheckup>,
    /// The declared consumers, in order of declaration.
    pub consumers: Vec<ConsumerCheckup>,
}

/// A declared stream.
#[derive(Debug, Clone)]
pub struct StreamCheckup {
    /// Its name.
    pub name: String,
    /// That it is missing or lacks what safety needs, with the cure.
    pub fault: Option<String>,
    /// How many copies it has; 0 if it is missing.
    pub copies: usize,
    /// Servers whose copy is away or behind.
    pub copies_behind: Vec<String>,
    /// What it occupies, in bytes.
    pub bytes: u64,
    /// What it may occupy, in bytes; `None` without a limit.
    pub bytes_max: Option<u64>,
}

/// A declared consumer.
#[derive(Debug, Clone)]
pub struct ConsumerCheckup {
    /// Its name, which is its worker's.
    pub name: String,
    /// That it is missing or lacks what safety needs, with the cure.
    pub fault: Option<String>,
    /// Whether it exists.
    pub exists: bool,
    /// Whether somebody waits for its next event at this moment.
    pub is_awaited: bool,
    /// When an event was last given out or acknowledged.
    pub active_at: Option<Timestamp>,
    /// What it has still to do.
    pub lag: Lag,
    /// When the oldest event that it has not finished was stored.
    pub oldest: Option<Timestamp>,
    /// Whether the broker holds it back.
    pub paused: bool,
}

impl Bus {
    /// Looks over the server, the declared streams and the declared consumers.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn checkup(&self) -> Result<Checkup, BusError> {
        let account = self.jetstream.query_account().await.map_err(unavailable)?;
        let (server, declared) = (self.client.server_info(), topology::streams());
        let (major, minor, patch) = topology::SERVER_MIN;
        let largest = declared.iter().map(|stream| stream.max_message_size.max(0).unsigned_abs()).max();
        let mut streams = Vec::with_capacity(declared.len());
        for wanted in &declared {
            streams.push(match self.jetstream.get_stream(&wanted.name).await {
                Ok(stream) => found(stream.cached_info(), wanted),
                Err(error) if is_missing(&error.kind()) => StreamCheckup::missing(&wanted.name),
                Err(error) => return Err(unavailable(error)),
            });
        }
        let has_events = streams.iter().any(|stream| stream.name == EVENTS && stream.copies > 0);
        Ok(Checkup {
            version: server.version,
            is_too_old: !self.client.is_server_compatible(major, minor, patch),
            payload_bytes_max: server.max_payload,
            payload_bytes_needed: largest.unwrap_or_default() as usize,
            clock_ahead_ms: if has_events { Some(self.clock_ahead_ms().await?) } else { None },
            storage_bytes_max: account.limits.max_storage.and_then(|max| u64::try_from(max).ok()),
            storage_bytes_reserved: streams.iter().filter_map(|stream| stream.bytes_max).sum(),
            streams,
            consumers: self.consumers(has_events).await?,
        })
    }

    /// The declared consumers as they are now.
    ///
    /// # Errors
    /// When the broker does not answer.
    async fn consumers(&self, has_events: bool) -> Result<Vec<ConsumerCheckup>, BusError> {
        let events = self.jetstream.get_stream_no_info(EVENTS).await.map_err(unavailable)?;
        let mut consumers = Vec::new();
        for wanted in topology::consumers() {
            let name = wanted.durable_name.clone().unwrap_or_default();
            if !has_events {
                consumers.push(ConsumerCheckup::missing(name));
                continue;
            }
            consumers.push(match events.consumer_info(&name).await {
                Ok(info) => {
                    let oldest = oversee::oldest(&events, &info).await;
                    attended(name, &info, oldest, &wanted)
                }
                Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => ConsumerCheckup::missing(name),
                Err(error) => return Err(unavailable(error)),
            });
        }
        Ok(consumers)
    }

    /// How far the broker's clock is ahead of ours, in milliseconds, and half of the time that asking took.
    async fn clock_ahead_ms(&self) -> Result<(i64, i64), BusError> {
        #[derive(Deserialize)]
        struct Told {
            /// The server's time when it answered.
            ts: Timestamp,
        }
        let asked = Utc::now();
        let told = self.jetstream.request(format!("STREAM.INFO.{EVENTS}"), &()).await;
        let Told { ts } = told.map_err(unavailable)?;
        let half = (Utc::now() - asked) / 2;
        Ok(((ts - (asked + half)).num_milliseconds(), half.num_milliseconds()))
    }
}

impl StreamCheckup {
    fn missing(name: &str) -> Self {
        let fault = Some(format!("stream {name} is missing; {}", topology::CURE));
        Self { name: name.to_owned(), fault, copies: 0, copies_behind: Vec::new(), bytes: 0, bytes_max: None }
    }
}

impl ConsumerCheckup {
    fn missing(name: String) -> Self {
        Self {
            fault: Some(format!("consumer {name} is missing; {}", topology::CURE)),
            name,
            exists: false,
            is_awaited: false,
            active_at: None,
            lag: Lag { pending: 0, unacked: 0 },
            oldest: None,
            paused: false,
        }
    }
}

fn found(info: &StreamInfo, wanted: &async_nats::jetstream::stream::Config) -> StreamCheckup {
    let replicas = info.cluster.iter().flat_map(|cluster| &cluster.replicas);
    StreamCheckup {
        name: wanted.name.clone(),
        fault: topology::verify_stream(&info.config, wanted).err().map(|error| error.to_string()),
        copies: info.config.num_replicas,
        copies_behind: replicas.filter(|copy| copy.offline || !copy.current).map(|copy| copy.name.clone()).collect(),
        bytes: info.state.bytes,
        bytes_max: u64::try_from(info.config.max_bytes).ok().filter(|max| *max > 0),
    }
}

fn attended(
    name: String,
    info: &consumer::Info,
    oldest: Option<Timestamp>,
    wanted: &consumer::Config,
) -> ConsumerCheckup {
    ConsumerCheckup {
        name,
        fault: topology::verify_consumer(&info.config, wanted).err().map(|error| error.to_string()),
        exists: true,
        is_awaited: info.num_waiting > 0,
        active_at: info.delivered.last_active.max(info.ack_floor.last_active),
        lag: Lag { pending: info.num_pending, unacked: info.num_ack_pending as u64 },
        oldest,
        paused: info.paused,
    }
}

fn is_missing(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(cause)
        if cause.error_code() == async_nats::jetstream::ErrorCode::STREAM_NOT_FOUND)
}

fn unavailable(error: impl std::fmt::Display) -> BusError {
    BusError::Unavailable(error.to_string())
}
