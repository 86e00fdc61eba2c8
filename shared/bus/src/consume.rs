//! The one consume loop: attach to the worker's consumer, pull, hand out batches, and start over whenever that breaks.
//!
//! Nothing ends it but shutdown. A stream error, a silent server, a paused or deleted consumer and a store that is down
//! all lead back to `attach`, which goes on only when broker, consumer and store are fit for work.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_nats::jetstream::{
    self,
    consumer::{DeliverPolicy, PullConsumer, pull},
    context::ConsumerInfoErrorKind,
};
use chrono::Utc;
use contract::Timestamp;
use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use metrics::gauge;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{Bus, EVENTS, Worker, connection::REQUEST_MAX, message::Delivery, settle, topology};

/// Events in one batch.
const BATCH_EVENTS_MAX: usize = 100;
/// Batches that one process handles at a time: one waits for Postgres while the other computes.
const BATCHES_MAX: usize = 2;
/// Bytes asked for in one pull; more than the largest event, so that it can arrive at all.
const PULL_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long one pull may stay open at the server.
const PULL_MAX: Duration = Duration::from_secs(5);
/// The server's sign of life on an idle pull; two missing ones mean silence.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// An event that was delivered more often than this runs alone, so that a poisonous neighbour can't hold it back.
const TOGETHER_MAX: u64 = 2;
/// Between two looks at the consumer's lag.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// How far before the kept position a lost consumer starts again: clocks differ, and the inbox removes what is repeated.
const POSITION_MARGIN: Duration = Duration::from_mins(2);
/// Pauses between two attempts to attach.
const ATTACH_PAUSE: Duration = Duration::from_millis(250);

/// What the loop is doing, for `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consumption {
    /// Attached and pulling.
    Pulling,
    /// Not pulling, and why.
    Waiting(String),
}

/// Consumes the worker's events until `shutdown`, then finishes what was begun and gives back the rest.
pub async fn consume<W: Worker>(
    bus: Bus,
    worker: Arc<W>,
    status: watch::Sender<Consumption>,
    shutdown: CancellationToken,
) {
    let mut looper = Loop { bus, worker, status, shutdown };
    while let Some(consumer) = looper.attach().await {
        let why = looper.pump(&consumer).await;
        looper.say(Consumption::Waiting(why));
    }
}

struct Loop<W> {
    bus: Bus,
    worker: Arc<W>,
    status: watch::Sender<Consumption>,
    shutdown: CancellationToken,
}

impl<W: Worker> Loop<W> {
    /// Waits until store and consumer answer; `None` on shutdown.
    async fn attach(&mut self) -> Option<PullConsumer> {
        let shutdown = self.shutdown.clone();
        loop {
            let attached = shutdown.run_until_cancelled(self.try_attach()).await?;
            match attached {
                Ok(consumer) => return Some(consumer),
                Err(why) => self.say(Consumption::Waiting(why)),
            }
            shutdown.run_until_cancelled(tokio::time::sleep(ATTACH_PAUSE)).await?;
        }
    }

    async fn try_attach(&self) -> Result<PullConsumer, String> {
        let ready = async { Ok(self.worker.store_ready().await) };
        if !settle::within(REQUEST_MAX, "store", ready).await? {
            return Err("store is down".to_owned());
        }
        let name = self.worker.name();
        let wanted =
            topology::declared_consumer(name).ok_or_else(|| format!("nats/consumers/{name}.json does not exist"))?;
        let stream = self.bus.jetstream.get_stream_no_info(EVENTS).await.map_err(|error| error.to_string())?;
        match stream.consumer_info(name).await {
            Ok(info) => topology::verify_consumer(&info.config, &wanted).map_err(|error| error.to_string())?,
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => self.recreate(wanted).await?,
            Err(error) => return Err(error.to_string()),
        }
        let consumer = stream.get_consumer::<pull::Config>(name).await.map_err(|error| error.to_string())?;
        self.look(&consumer).await?;
        Ok(consumer)
    }

    /// Makes a deleted consumer again, from where this worker was certainly finished.
    async fn recreate(&self, mut wanted: jetstream::consumer::Config) -> Result<(), String> {
        let name = self.worker.name();
        let position = self.worker.position().await?;
        let position = position.ok_or_else(|| format!("consumer {name} is missing; run `offhook streams apply`"))?;
        let start = position - POSITION_MARGIN;
        wanted.deliver_policy = DeliverPolicy::ByStartTime { start_time: start };
        self.bus.jetstream.create_consumer_on_stream(wanted, EVENTS).await.map_err(|error| error.to_string())?;
        tracing::warn!(worker = name, %start, "consumer was missing and is made again");
        Ok(())
    }

    /// Pulls and hands out batches until something breaks; says what. On return nothing is in hand.
    async fn pump(&mut self, consumer: &PullConsumer) -> String {
        let pull = consumer.stream().max_messages_per_batch(BATCH_EVENTS_MAX).max_bytes_per_batch(PULL_BYTES_MAX);
        let mut messages = match pull.expires(PULL_MAX).heartbeat(HEARTBEAT).messages().await {
            Ok(messages) => messages,
            Err(error) => return error.to_string(),
        };
        self.say(Consumption::Pulling);
        let (shutdown, name) = (self.shutdown.clone(), self.worker.name());
        let mut waiting: VecDeque<Vec<Delivery>> = VecDeque::new();
        let mut running = FuturesUnordered::new();
        let mut next_look = Instant::now() + LOOK_EVERY;
        let why = loop {
            while running.len() < BATCHES_MAX
                && let Some(batch) = waiting.pop_front()
            {
                running.push(settle::handle(&self.bus, &self.worker, batch));
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break "shutdown".to_owned(),
                Some(retried) = running.next(), if !running.is_empty() => {
                    if retried && !self.worker.store_ready().await {
                        break "store is down".to_owned();
                    }
                }
                () = tokio::time::sleep_until(next_look) => {
                    next_look = Instant::now() + LOOK_EVERY;
                    if let Err(why) = self.look(consumer).await {
                        break why;
                    }
                }
                pulled = messages.next(), if waiting.is_empty() && running.len() < BATCHES_MAX => match pulled {
                    Some(Ok(first)) => waiting.extend(batches(name, take_ready(first, &mut messages))),
                    Some(Err(error)) => break error.to_string(),
                    None => break "the pull ended".to_owned(),
                },
            }
        };
        settle::give_back(waiting.into_iter().flatten()).await;
        while running.next().await.is_some() {}
        // Whatever the server sent into the pull meanwhile would else be redelivered only after `ack_wait`.
        while let Some(Some(message)) = messages.next().now_or_never() {
            settle::give_back(message.ok().map(|message| Delivery::new(name, message))).await;
        }
        why
    }

    /// Looks at the consumer: lag for the metrics, position for the day it is lost. An error means: attach again.
    async fn look(&self, consumer: &PullConsumer) -> Result<(), String> {
        let asked_at = Utc::now();
        let info = consumer.get_info().await.map_err(|error| error.to_string())?;
        let unfinished = info.num_pending + info.num_ack_pending as u64;
        let oldest = if unfinished == 0 { None } else { self.stored_after(&info).await };
        let name = self.worker.name();
        gauge!("offhook_worker_lag_events", "worker" => name).set(unfinished as f64);
        let age = oldest.map_or(0, |oldest| (asked_at - oldest).num_milliseconds().max(0));
        gauge!("offhook_worker_oldest_unacked_seconds", "worker" => name).set(age as f64 / 1000.0);
        if info.paused {
            tracing::warn!(worker = name, "consumer is paused at the broker");
        }
        // With a backlog whose oldest event can't be read the position stays where it is.
        let position = if unfinished == 0 { Some(asked_at) } else { oldest };
        if let Some(position) = position
            && let Err(error) = settle::within(REQUEST_MAX, "position", self.worker.keep_position(position)).await
        {
            tracing::warn!(worker = name, error, "position not kept");
        }
        Ok(())
    }

    /// When the oldest event that this consumer has not finished was stored.
    async fn stored_after(&self, info: &jetstream::consumer::Info) -> Option<Timestamp> {
        let stream = self.bus.jetstream.get_stream_no_info(EVENTS).await.ok()?;
        let next = info.ack_floor.stream_sequence + 1;
        let mut oldest: Option<Timestamp> = None;
        let filters = &info.config.filter_subjects;
        let one = std::slice::from_ref(&info.config.filter_subject);
        for filter in if filters.is_empty() { one } else { filters } {
            let found = stream.direct_get_next_for_subject(filter.as_str(), Some(next)).await;
            if let Ok(found) = found {
                oldest = Some(oldest.map_or(found.time, |known| known.min(found.time)));
            }
        }
        oldest
    }

    fn say(&self, status: Consumption) {
        self.status.send_if_modified(|known| {
            let changed = *known != status;
            if changed && !self.shutdown.is_cancelled() {
                tracing::warn!(worker = self.worker.name(), ?status, "consumption");
            }
            *known = status;
            changed
        });
    }
}

/// The message and all that have arrived behind it, up to one batch.
fn take_ready(first: jetstream::Message, messages: &mut pull::Stream) -> Vec<jetstream::Message> {
    let mut taken = vec![first];
    // An error met here is met again by the next pull, or by its silence.
    while taken.len() < BATCH_EVENTS_MAX
        && let Some(Some(Ok(message))) = messages.next().now_or_never()
    {
        taken.push(message);
    }
    taken
}

/// One batch of the fresh ones, and a batch of its own for each that keeps coming back.
fn batches(worker: &str, messages: Vec<jetstream::Message>) -> Vec<Vec<Delivery>> {
    let deliveries = messages.into_iter().map(|message| Delivery::new(worker, message));
    let (together, alone): (Vec<_>, Vec<_>) = deliveries.partition(|delivery| delivery.delivered <= TOGETHER_MAX);
    let mut batches: Vec<_> = alone.into_iter().map(|delivery| vec![delivery]).collect();
    if !together.is_empty() {
        batches.insert(0, together);
    }
    batches
}
