//! Beside the pump: lag for the metrics, position for the day the consumer is lost, room in the stream.
//!
//! Tells the pump to stop when the broker goes away or the consumer is gone; a slow answer is no reason.

use std::{collections::BTreeMap, time::Duration};

use async_nats::jetstream::{
    consumer::{Info, PullConsumer},
    stream,
};
use contract::Timestamp;
use futures_util::TryStreamExt as _;
use metrics::gauge;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{Bus, EVENTS, Worker, connection::REQUEST_MAX, settle, topology};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// The stream is tidied when it is fuller than this, in percent of its `max_bytes`…
const FULL_PERCENT: u64 = 80;
/// …down to about this.
const TIDY_PERCENT: u64 = 60;

/// Watches until `stop`, or until there is a reason to attach anew; says which.
pub(crate) async fn oversee<W: Worker>(
    bus: &Bus,
    worker: &W,
    consumer: &PullConsumer,
    stop: &CancellationToken,
) -> String {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut state = bus.watch();
    let why = loop {
        tokio::select! {
            () = stop.cancelled() => return "stopped".to_owned(),
            changed = state.changed() => if let Err(why) = state.borrow_and_update().serves() {
                break why;
            } else if changed.is_err() {
                break "the connection is closed".to_owned();
            },
            _ = looks.tick() => if let Some(Err(why)) = stop.run_until_cancelled(look(bus, worker, consumer)).await {
                break why;
            },
        }
    };
    stop.cancel();
    why
}

/// One look; an error only when the consumer is gone.
async fn look<W: Worker>(bus: &Bus, worker: &W, consumer: &PullConsumer) -> Result<(), String> {
    let Ok(events) = bus.jetstream.get_stream(EVENTS).await else { return Ok(()) };
    // Asked first: what is stored after it can't be taken for finished.
    let last_stored = events.cached_info().state.last_timestamp;
    let info = match events.consumer_info(worker.name()).await {
        Ok(info) => info,
        Err(error) if error.kind() == async_nats::jetstream::context::ConsumerInfoErrorKind::NotFound => {
            return Err(error.to_string());
        }
        Err(_) => return Ok(()),
    };
    if info.created != consumer.cached_info().created {
        return Err("the consumer was made anew".to_owned());
    }
    let unfinished = info.num_pending + info.num_ack_pending as u64;
    let oldest = oldest(&events, &info).await;
    report(worker.name(), unfinished, oldest);
    if info.paused {
        tracing::warn!(worker = worker.name(), "consumer is paused at the broker");
    }
    // With a backlog whose oldest event can't be read the position stays where it is.
    if let Some(position) = if unfinished == 0 { Some(last_stored) } else { oldest }
        && let Err(error) = settle::within(REQUEST_MAX, "position", worker.keep_position(position)).await
    {
        tracing::warn!(worker = worker.name(), error, "position not kept");
    }
    tidy(&events).await;
    Ok(())
}

fn report(worker: &'static str, unfinished: u64, oldest: Option<Timestamp>) {
    let age = oldest.map_or(0, |oldest| (chrono::Utc::now() - oldest).num_milliseconds().max(0));
    gauge!("offhook_worker_lag_events", "worker" => worker).set(unfinished as f64);
    gauge!("offhook_worker_oldest_unacked_seconds", "worker" => worker).set(age as f64 / 1000.0);
}

/// When the oldest event that this consumer has not finished was stored; `None` if there is none, or it can't be read.
pub(crate) async fn oldest<I>(events: &stream::Stream<I>, info: &Info) -> Option<Timestamp> {
    if info.num_pending == 0 && info.num_ack_pending == 0 {
        return None;
    }
    let next = info.ack_floor.stream_sequence + 1;
    let filters = &info.config.filter_subjects;
    let one = std::slice::from_ref(&info.config.filter_subject);
    let mut oldest: Option<Timestamp> = None;
    for filter in if filters.is_empty() { one } else { filters } {
        if let Ok(found) = events.direct_get_next_for_subject(filter.as_str(), Some(next)).await {
            oldest = Some(oldest.map_or(found.time, |known| known.min(found.time)));
        }
    }
    oldest
}

/// Purges the oldest events of a stream that fills up, as far as every consumer has finished them. log-worker is one of
/// them, so the archive holds what goes.
async fn tidy(events: &stream::Stream) {
    let stream::Info { config, state, .. } = events.cached_info();
    let room = config.max_bytes.max(0).unsigned_abs();
    if room == 0 || state.bytes * 100 < room * FULL_PERCENT {
        return;
    }
    let Some(finished) = finished_by_all(events, state.last_sequence).await else { return };
    let span = state.last_sequence - state.first_sequence + 1;
    let surplus = span * (state.bytes - room * TIDY_PERCENT / 100) / state.bytes;
    let until = (state.first_sequence + surplus).min(finished);
    if until > state.first_sequence {
        match events.purge().sequence(until + 1).await {
            Ok(purged) => tracing::info!(purged = purged.purged, "tidied {EVENTS}"),
            Err(error) => tracing::warn!(%error, "{EVENTS} not tidied"),
        }
    }
}

/// The sequence up to which nobody has anything left to do, among those stored up to `last`. `None` while a declared
/// consumer is missing: its worker will make it again and has still to be told of what we can't see.
async fn finished_by_all(events: &stream::Stream, last: u64) -> Option<u64> {
    let consumers: Vec<Info> = events.consumers().try_collect().await.ok()?;
    let finished = |info: Info| {
        let idle = info.num_pending == 0 && info.num_ack_pending == 0;
        (info.name, if idle { last } else { info.ack_floor.stream_sequence })
    };
    common_floor(&topology::declared_names(), &consumers.into_iter().map(finished).collect())
}

/// The least of the consumers' floors, if every declared one is among them.
fn common_floor(declared: &[String], floors: &BTreeMap<String, u64>) -> Option<u64> {
    if declared.iter().all(|name| floors.contains_key(name)) { floors.values().copied().min() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_purged_while_a_consumer_is_missing_or_before_it_is_finished() {
        let declared = ["log-worker".to_owned(), "metrics-worker".to_owned()];
        let floors = |floors: &[(&str, u64)]| floors.iter().map(|(name, floor)| ((*name).to_owned(), *floor)).collect();
        assert_eq!(common_floor(&declared, &floors(&[("metrics-worker", 90)])), None);
        assert_eq!(common_floor(&declared, &floors(&[("log-worker", 40), ("metrics-worker", 90)])), Some(40));
        assert_eq!(
            common_floor(&declared, &floors(&[("log-worker", 40), ("metrics-worker", 90), ("replay", 7)])),
            Some(7)
        );
    }
}
