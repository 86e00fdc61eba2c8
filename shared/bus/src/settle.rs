//! One batch: run the handler under a limit, then turn each outcome into ack, delayed nak, or dead letter and term.
//!
//! A panic, an overrun or a wrong number of outcomes is a counted retry of the whole batch; nothing here is decided by `?`.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::AckKind;
use futures_util::future::join_all;
use metrics::counter;
use tokio::time::{Instant, interval_at, timeout};

use crate::{Bus, Event, Outcome, Worker, message::Delivery};

/// The longest a handler may take for one batch; well under `ack_wait` (30 s).
const HANDLE_MAX: Duration = Duration::from_secs(20);
/// Between two signs of life to the broker while a handler works.
pub(crate) const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// The pause before a second delivery; doubled for each further one.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// The longest pause between two deliveries.
const RETRY_MAX: Duration = Duration::from_mins(10);

/// Handles and settles a batch; says whether any event was retried.
pub(crate) async fn handle<W: Worker>(bus: &Bus, worker: &Arc<W>, batch: Vec<Delivery>) -> bool {
    let events: Vec<Event> = batch.iter().filter_map(|delivery| delivery.event.clone().ok()).collect();
    let mut outcomes = if events.is_empty() { Vec::new() } else { outcomes(worker, events, &batch).await }.into_iter();
    let settled = batch.iter().map(|delivery| {
        let outcome = match &delivery.event {
            Ok(_) => outcomes.next().unwrap_or_else(|| Outcome::Retry("no outcome".to_owned())),
            // A newer version's event waits for a newer worker.
            Err(error) if ["ce-type", "ce-source"].contains(&error.header) && delivery.is_cloud_event() => {
                Outcome::Retry(error.to_string())
            }
            Err(error) => Outcome::Reject(error.to_string()),
        };
        settle(bus, worker.name(), delivery, outcome)
    });
    join_all(settled).await.contains(&true)
}

/// Runs the handler in a task of its own, so that its panic ends nothing but itself.
async fn outcomes<W: Worker>(worker: &Arc<W>, events: Vec<Event>, deliveries: &[Delivery]) -> Vec<Outcome> {
    let count = events.len();
    let handler = Arc::clone(worker);
    let mut task = tokio::spawn(async move { handler.handle(&events).await });
    let mut progress = interval_at(Instant::now() + PROGRESS_EVERY, PROGRESS_EVERY);
    let deadline = tokio::time::sleep(HANDLE_MAX);
    tokio::pin!(deadline);
    let failure = loop {
        tokio::select! {
            done = &mut task => match done {
                Ok(outcomes) if outcomes.len() == count => return outcomes,
                Ok(outcomes) => break format!("{} outcomes for {count} events", outcomes.len()),
                Err(error) if error.is_panic() => break format!("panic: {}", panic_text(error)),
                Err(error) => break error.to_string(),
            },
            _ = progress.tick() => keep_alive(deliveries).await,
            () = &mut deadline => {
                task.abort();
                break format!("took longer than {} s", HANDLE_MAX.as_secs());
            }
        }
    };
    tracing::error!(worker = worker.name(), events = count, failure, "handler failed");
    vec![Outcome::Retry(failure); count]
}

/// Carries out one outcome; says whether the event will come again.
async fn settle(bus: &Bus, worker: &'static str, delivery: &Delivery, outcome: Outcome) -> bool {
    let event = delivery.event.as_ref().ok();
    let id = event.map_or(delivery.place.as_str(), |event| event.envelope.id.as_str());
    let (name, kind) = match outcome {
        Outcome::Done => ("done", AckKind::Ack),
        Outcome::Retry(reason) => {
            tracing::warn!(worker, event.id = id, delivered = delivery.delivered, reason, "event will be retried");
            ("retry", AckKind::Nak(Some(pause(delivery.delivered))))
        }
        Outcome::Reject(reason) => match bus.bury(worker, delivery, &reason).await {
            Ok(()) => {
                tracing::error!(worker, event.id = id, reason, "event rejected");
                ("reject", AckKind::Term)
            }
            Err(error) => {
                tracing::error!(worker, event.id = id, reason, %error, "event rejected, but its dead letter is not stored");
                ("retry", AckKind::Nak(Some(pause(delivery.delivered))))
            }
        },
    };
    counter!("offhook_worker_events_total", "worker" => worker, "outcome" => name).increment(1);
    if let Some(event) = event {
        event.span.record("outcome", name);
    }
    // An acknowledgement that is lost means one more delivery, which the inbox recognises.
    if let Err(error) = delivery.acker.ack_with(kind).await {
        tracing::warn!(worker, event.id = id, %error, "acknowledgement not sent");
    }
    name == "retry"
}

/// Tells the broker that these are still in hand.
pub(crate) async fn keep_alive<'a>(deliveries: impl IntoIterator<Item = &'a Delivery>) {
    for delivery in deliveries {
        delivery.acker.ack_with(AckKind::Progress).await.ok();
    }
}

/// Gives deliveries that nobody began back to the broker, for whoever is next.
pub(crate) async fn give_back(deliveries: impl IntoIterator<Item = Delivery>) {
    for delivery in deliveries {
        delivery.acker.ack_with(AckKind::Nak(None)).await.ok();
    }
}

/// Exponential, half of it by chance, so that a thousand failed events don't come back as one wave.
fn pause(delivered: u64) -> Duration {
    let doubled = RETRY_MIN.saturating_mul(1 << delivered.saturating_sub(1).min(16)).min(RETRY_MAX);
    doubled.mul_f64(fastrand::f64().mul_add(0.5, 0.5))
}

fn panic_text(error: tokio::task::JoinError) -> String {
    let panic = error.into_panic();
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}

/// Waits for `task`, but not for ever.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &str,
    task: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    timeout(limit, task).await.unwrap_or_else(|_| Err(format!("{what}: no answer within {} s", limit.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_from_half_a_second_to_ten_minutes_and_no_further() {
        for (delivered, longest) in [(1, 1), (2, 2), (5, 16), (11, 600), (500, 600)] {
            for _ in 0..100 {
                let pause = pause(delivered);
                assert!(
                    pause <= Duration::from_secs(longest) && pause * 2 >= Duration::from_secs(longest),
                    "{delivered}: {pause:?}"
                );
            }
        }
    }
}
