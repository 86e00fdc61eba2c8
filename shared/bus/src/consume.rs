//! The one consume loop: attach to the worker's consumer, pull, hand out batches, and start over whenever that breaks.
//!
//! Nothing ends it but shutdown. A silent server, a paused or deleted consumer and a store that is down all lead back to
//! `attach`, which goes on only when broker, consumer and store are fit for work.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_nats::jetstream::{
    consumer::{Config, DeliverPolicy, PullConsumer, pull},
    context::ConsumerInfoErrorKind,
};
use futures_util::{FutureExt as _, StreamExt as _, future::OptionFuture, stream::FuturesUnordered};
use tokio::{
    sync::watch,
    time::{Instant, interval_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Bus, EVENTS, Worker,
    connection::REQUEST_MAX,
    message::Delivery,
    oversee, pulling,
    settle::{self, PROGRESS_EVERY},
    topology,
};

/// Batches that one process handles at a time: one waits for Postgres while the other computes.
const BATCHES_MAX: usize = 2;
/// An event that was delivered more often than this runs alone, so that a poisonous neighbour can't hold it back.
const TOGETHER_MAX: u64 = 2;
/// How far before the kept position a lost consumer starts again; the inbox removes what is repeated.
const POSITION_MARGIN: Duration = Duration::from_mins(2);
/// Between two attempts to attach.
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
    let looper = Loop { bus, worker, status, shutdown };
    while let Some(consumer) = looper.attach().await {
        looper.say(Consumption::Pulling);
        let stop = looper.shutdown.child_token();
        let oversight = oversee::oversee(&looper.bus, &*looper.worker, &consumer, &stop);
        let ((), why) = tokio::join!(looper.pump(&consumer, &stop), oversight);
        tracing::debug!(worker = looper.worker.name(), why, "pulling ended");
        // Whatever broke at once may break at once again.
        looper.shutdown.run_until_cancelled(tokio::time::sleep(ATTACH_PAUSE)).await;
    }
}

struct Loop<W> {
    bus: Bus,
    worker: Arc<W>,
    status: watch::Sender<Consumption>,
    shutdown: CancellationToken,
}

impl<W: Worker> Loop<W> {
    /// Waits until broker, store and consumer are fit for work; `None` on shutdown.
    async fn attach(&self) -> Option<PullConsumer> {
        loop {
            match self.shutdown.run_until_cancelled(self.try_attach()).await? {
                Ok(consumer) => return Some(consumer),
                Err(why) => self.say(Consumption::Waiting(why)),
            }
            self.shutdown.run_until_cancelled(tokio::time::sleep(ATTACH_PAUSE)).await?;
        }
    }

    async fn try_attach(&self) -> Result<PullConsumer, String> {
        self.bus.state().serves()?;
        let ready = settle::within(REQUEST_MAX, "store", self.worker.store_ready()).await;
        ready.map_err(|why| format!("store is down: {why}"))?;
        let name = self.worker.name();
        let wanted =
            topology::declared_consumer(name).ok_or_else(|| format!("nats/consumers/{name}.json does not exist"))?;
        let stream = self.bus.jetstream.get_stream_no_info(EVENTS).await.map_err(|error| error.to_string())?;
        match stream.consumer_info(name).await {
            Ok(info) => topology::verify_consumer(&info.config, &wanted).map_err(|error| error.to_string())?,
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => self.recreate(wanted).await?,
            Err(error) => return Err(error.to_string()),
        }
        stream.get_consumer::<pull::Config>(name).await.map_err(|error| error.to_string())
    }

    /// Makes a deleted consumer again, from where this worker was certainly finished.
    async fn recreate(&self, mut wanted: Config) -> Result<(), String> {
        let name = self.worker.name();
        let position = self.worker.position().await?;
        let position = position.ok_or_else(|| format!("consumer {name} is missing; run `offhook streams apply`"))?;
        let start_time = position - POSITION_MARGIN;
        wanted.deliver_policy = DeliverPolicy::ByStartTime { start_time };
        self.bus.jetstream.create_consumer_on_stream(wanted, EVENTS).await.map_err(|error| error.to_string())?;
        tracing::warn!(worker = name, %start_time, "consumer was missing and is made again");
        Ok(())
    }

    /// Pulls and hands out batches until `stop`, which it also says itself. On return nothing is in hand.
    async fn pump(&self, consumer: &PullConsumer, stop: &CancellationToken) {
        let name = self.worker.name();
        let mut waiting: VecDeque<Vec<Delivery>> = VecDeque::new();
        let mut running = FuturesUnordered::new();
        let mut pulling = None;
        let mut progress = interval_at(Instant::now() + PROGRESS_EVERY, PROGRESS_EVERY);
        while !stop.is_cancelled() {
            while running.len() < BATCHES_MAX
                && let Some(batch) = waiting.pop_front()
            {
                running.push(settle::handle(&self.bus, &self.worker, batch));
            }
            if waiting.is_empty() && pulling.is_none() {
                pulling = Some(pulling::pull(consumer, stop).boxed());
            }
            tokio::select! {
                () = stop.cancelled() => {}
                Some(retried) = running.next(), if !running.is_empty() => if retried {
                    // Attaching anew finds out whether the store is to blame.
                    stop.cancel();
                },
                _ = progress.tick() => settle::keep_alive(waiting.iter().flatten()).await,
                Some(pulled) = OptionFuture::from(pulling.as_mut()), if pulling.is_some() => {
                    pulling = None;
                    match pulled {
                        Ok(messages) => waiting.extend(batches(name, messages)),
                        Err(why) => {
                            tracing::info!(worker = name, why, "pull failed");
                            stop.cancel();
                        }
                    }
                }
            }
        }
        let unpulled = OptionFuture::from(pulling).await.and_then(Result::ok).unwrap_or_default();
        let unbegun = unpulled.into_iter().map(|message| Delivery::new(name, message));
        settle::give_back(waiting.into_iter().flatten().chain(unbegun)).await;
        while running.next().await.is_some() {}
    }

    fn say(&self, status: Consumption) {
        self.status.send_if_modified(|known| {
            let changed = *known != status;
            if changed && !self.shutdown.is_cancelled() {
                tracing::info!(worker = self.worker.name(), ?status, "consumption");
            }
            *known = status;
            changed
        });
    }
}

/// One batch of the fresh ones, and a batch of its own for each that keeps coming back.
fn batches(worker: &str, messages: Vec<async_nats::jetstream::Message>) -> Vec<Vec<Delivery>> {
    let deliveries = messages.into_iter().map(|message| Delivery::new(worker, message));
    let (together, alone): (Vec<_>, Vec<_>) = deliveries.partition(|delivery| delivery.delivered <= TOGETHER_MAX);
    let mut batches: Vec<_> = alone.into_iter().map(|delivery| vec![delivery]).collect();
    if !together.is_empty() {
        batches.insert(0, together);
    }
    batches
}
