//! A look at the stream, for people and their tools; no service decides anything by it.

use std::{collections::VecDeque, time::Duration};

use async_nats::jetstream::{
    Message,
    consumer::{AckPolicy, Consumer, Info, pull},
    context::ConsumerInfoErrorKind,
    message::StreamMessage,
    stream::{ConsumerError, ConsumerErrorKind, DirectGetErrorKind},
};
use bytes::Bytes;
use contract::{Envelope, Timestamp};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::time::timeout;

use crate::{Bus, BusError, EVENTS, connection::REQUEST_MAX, oversee, topology::DEAD};

/// Letters in one pull of a listing; their bodies stay at the broker.
const LETTERS_MAX: usize = 500;
/// How long the broker keeps the consumer of a listing that was broken off.
const LISTING_MAX: Duration = Duration::from_secs(30);

/// An event as it stands in the stream.
#[derive(Debug, Clone)]
pub struct Stored {
    /// What is known of it.
    pub envelope: Envelope,
    /// Its place in the stream; not an identity.
    pub sequence: u64,
}

/// A rejected event as it is kept.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// What is known of the event.
    pub envelope: Envelope,
    /// Why its worker rejected it.
    pub reason: String,
    /// The event's body, verbatim.
    pub body: Bytes,
}

/// What a worker has still to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Events that nobody has pulled yet.
    pub pending: u64,
    /// Events that are pulled, or wait for another try.
    pub unacked: u64,
}

/// The broker as a whole.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The server's version.
    pub version: String,
    /// Every stream, by name.
    pub streams: Vec<StreamLook>,
    /// Every consumer of the event stream, by name.
    pub consumers: Vec<ConsumerLook>,
    /// Rejected events; `None` without a stream for them.
    pub dead_letters: Option<u64>,
}

/// How full a stream is.
#[derive(Debug, Clone)]
pub struct StreamLook {
    /// Its name.
    pub name: String,
    /// Messages in it.
    pub messages: u64,
    /// What they occupy, in bytes.
    pub bytes: u64,
    /// What they may occupy; `None` without a limit.
    pub bytes_max: Option<u64>,
}

/// How far a consumer of the event stream is.
#[derive(Debug, Clone)]
pub struct ConsumerLook {
    /// Its name, which is its worker's.
    pub name: String,
    /// What it has still to do.
    pub lag: Lag,
    /// Unacknowledged events that were delivered more than once.
    pub redelivered: u64,
    /// When the oldest event that it has not finished was stored.
    pub oldest: Option<Timestamp>,
    /// Whether the broker holds it back.
    pub paused: bool,
}

/// A message of the dead letters without its body; it need not be an event.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its place among the dead letters.
    pub sequence: u64,
    /// When it was rejected.
    pub at: Timestamp,
    /// Who rejected it.
    pub worker: String,
    /// Why.
    pub reason: String,
    /// What is known of the event; `None` if its headers are no envelope of ours.
    pub envelope: Option<Envelope>,
    /// Its headers, in no particular order.
    pub headers: Vec<(String, String)>,
}

impl Bus {
    /// The whole broker: its version, its streams, the consumers of the event stream.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn overview(&self) -> Result<Overview, BusError> {
        let mut streams: Vec<StreamLook> = Vec::new();
        let mut infos = self.jetstream.streams();
        while let Some(info) = infos.try_next().await.map_err(unavailable)? {
            let bytes_max = u64::try_from(info.config.max_bytes).ok().filter(|max| *max > 0);
            let (messages, bytes) = (info.state.messages, info.state.bytes);
            streams.push(StreamLook { name: info.config.name, messages, bytes, bytes_max });
        }
        streams.sort_by(|a, b| a.name.cmp(&b.name));
        let mut consumers = Vec::new();
        if streams.iter().any(|stream| stream.name == EVENTS) {
            let events = self.jetstream.get_stream_no_info(EVENTS).await.map_err(unavailable)?;
            let mut infos = events.consumers();
            while let Some(info) = infos.try_next().await.map_err(unavailable)? {
                let oldest = oversee::oldest(&events, &info).await;
                consumers.push(consumer_look(info, oldest));
            }
        }
        consumers.sort_by(|a, b| a.name.cmp(&b.name));
        let dead_letters = streams.iter().find(|stream| stream.name == DEAD).map(|stream| stream.messages);
        Ok(Overview { version: self.client.server_info().version, streams, consumers, dead_letters })
    }

    /// The newest `limit` dead letters of `worker`, or of all, that are `wanted`; the newest first. Reads headers only.
    ///
    /// # Errors
    /// When the broker does not answer, or the worker's name can be none.
    pub async fn letters(
        &self,
        worker: Option<&str>,
        limit: usize,
        wanted: impl Fn(&Letter) -> bool,
    ) -> Result<Vec<Letter>, BusError> {
        let stream = self.jetstream.get_stream_no_info(DEAD).await.map_err(unavailable)?;
        let config = pull::Config {
            description: Some("a listing of dead letters".to_owned()),
            filter_subject: format!("dead.{}", worker.unwrap_or(">")),
            ack_policy: AckPolicy::None,
            headers_only: true,
            inactive_threshold: LISTING_MAX,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer: Consumer<pull::Config> = stream.create_consumer(config).await.map_err(not_listed)?;
        let mut newest = VecDeque::new();
        // What is rejected while we read belongs to the next listing.
        let mut left = consumer.cached_info().num_pending;
        while left > 0 {
            let fetched = consumer.fetch().max_messages(LETTERS_MAX).messages().await.map_err(unavailable)?;
            tokio::pin!(fetched);
            let before = left;
            while let Some(message) = timeout(REQUEST_MAX, fetched.next()).await.map_err(unavailable)? {
                left = left.saturating_sub(1);
                let letter = letter(&message.map_err(unavailable)?)?;
                if wanted(&letter) {
                    newest.push_front(letter);
                    newest.truncate(limit);
                }
            }
            if left == before {
                break;
            }
        }
        stream.delete_consumer(&consumer.cached_info().name).await.ok();
        Ok(newest.into())
    }

    /// The body of a dead letter, verbatim; `None` if it is gone.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn letter_body(&self, sequence: u64) -> Result<Option<Bytes>, BusError> {
        let stream = self.jetstream.get_stream_no_info(DEAD).await.map_err(unavailable)?;
        match stream.direct_get(sequence).await {
            Ok(message) => Ok(Some(message.payload)),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// What the worker has still to do; `None` if its consumer does not exist.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn lag(&self, worker: &str) -> Result<Option<Lag>, BusError> {
        let stream = self.jetstream.get_stream_no_info(EVENTS).await.map_err(unavailable)?;
        match stream.consumer_info(worker).await {
            Ok(info) => Ok(Some(lag(&info))),
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// How many dead letters there are.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn dead_letters(&self) -> Result<u64, BusError> {
        let stream = self.jetstream.get_stream(DEAD).await.map_err(unavailable)?;
        Ok(stream.cached_info().state.messages)
    }

    /// The newest event under `subject`, if there is one.
    ///
    /// # Errors
    /// When the broker does not answer, or the message is not ours.
    pub async fn latest(&self, subject: &str) -> Result<Option<Stored>, BusError> {
        let Some(message) = self.newest(EVENTS, subject).await? else { return Ok(None) };
        Ok(Some(Stored { envelope: envelope(&message)?, sequence: message.sequence }))
    }

    /// The newest dead letter of a worker, if there is one.
    ///
    /// # Errors
    /// When the broker does not answer, or the message never was an event.
    pub async fn latest_dead(&self, worker: &str) -> Result<Option<DeadLetter>, BusError> {
        let Some(message) = self.newest(DEAD, &format!("dead.{worker}")).await? else { return Ok(None) };
        let reason = message.headers.get("offhook-reason").map(ToString::to_string).unwrap_or_default();
        Ok(Some(DeadLetter { envelope: envelope(&message)?, reason, body: message.payload }))
    }

    async fn newest(&self, stream: &str, subject: &str) -> Result<Option<StreamMessage>, BusError> {
        let stream = self.jetstream.get_stream_no_info(stream).await.map_err(unavailable)?;
        match stream.direct_get_last_for_subject(subject).await {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }
}

fn envelope(message: &StreamMessage) -> Result<Envelope, BusError> {
    let envelope = Envelope::from_headers(|name| message.headers.get(name).map(async_nats::HeaderValue::as_str));
    envelope.map_err(|error| BusError::Refused(error.to_string()))
}

fn letter(message: &Message) -> Result<Letter, BusError> {
    let info = message.info().map_err(unavailable)?;
    let (sequence, at) = (info.stream_sequence, info.published);
    let none = async_nats::HeaderMap::new();
    let headers = message.headers.as_ref().unwrap_or(&none);
    let get = |name: &str| headers.get(name).map(async_nats::HeaderValue::as_str);
    let text = |name: &str| get(name).unwrap_or_default().to_owned();
    let each = |(name, values): (&async_nats::HeaderName, &Vec<async_nats::HeaderValue>)| {
        values.iter().map(|value| (name.to_string(), value.to_string())).collect::<Vec<_>>()
    };
    Ok(Letter {
        sequence,
        at,
        worker: text("offhook-worker"),
        reason: text("offhook-reason"),
        envelope: Envelope::from_headers(get).ok(),
        headers: headers.iter().flat_map(each).collect(),
    })
}

fn lag(info: &Info) -> Lag {
    Lag { pending: info.num_pending, unacked: info.num_ack_pending as u64 }
}

fn consumer_look(info: Info, oldest: Option<Timestamp>) -> ConsumerLook {
    let (lag, redelivered, paused) = (lag(&info), info.num_redelivered as u64, info.paused);
    ConsumerLook { name: info.name, lag, redelivered, oldest, paused }
}

fn not_listed(error: ConsumerError) -> BusError {
    match error.kind() {
        ConsumerErrorKind::TimedOut | ConsumerErrorKind::Request => unavailable(error),
        _ => BusError::Refused(error.to_string()),
    }
}

pub(crate) fn unavailable(error: impl std::fmt::Display) -> BusError {
    BusError::Unavailable(error.to_string())
}
