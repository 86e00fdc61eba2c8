//! One pull: what is there at once, else the first event that comes within five seconds.
//!
//! Explicit pulls instead of a stream of messages: what the client asked for and did not get is at most one event, so that
//! stopping leaves nothing in a buffer to wait out its `ack_wait`.

use std::time::Duration;

use async_nats::jetstream::{
    Message,
    consumer::{PullConsumer, pull::Batch},
};
use futures_util::StreamExt as _;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Events in one pull, and so in one batch.
const EVENTS_MAX: usize = 100;
/// Bytes in one pull; more than the largest event, so that it can arrive at all.
const BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long the server may hold a pull for which it has nothing.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How long the server may be late with its answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// The next events; none if there are none within five seconds, or on `stop`.
///
/// # Errors
/// When the server is silent, or refuses; then it is time to attach anew.
pub(crate) async fn pull(consumer: &PullConsumer, stop: &CancellationToken) -> Result<Vec<Message>, String> {
    let there = consumer.fetch().max_messages(EVENTS_MAX).max_bytes(BYTES_MAX).messages();
    let there = collect(there.await.map_err(|error| error.to_string())?, ANSWER_MAX).await?;
    if !there.is_empty() {
        return Ok(there);
    }
    let next = consumer.batch().max_messages(1).expires(WAIT_MAX).messages();
    let next = next.await.map_err(|error| error.to_string())?;
    stop.run_until_cancelled(collect(next, WAIT_MAX + ANSWER_MAX)).await.unwrap_or_else(|| Ok(Vec::new()))
}

/// All messages of a pull. An error behind some messages is left to the next pull.
async fn collect(mut batch: Batch, limit: Duration) -> Result<Vec<Message>, String> {
    let mut messages = Vec::new();
    loop {
        match timeout(limit, batch.next()).await {
            Ok(Some(Ok(message))) => messages.push(message),
            Ok(None) => return Ok(messages),
            Ok(Some(Err(_))) | Err(_) if !messages.is_empty() => return Ok(messages),
            Ok(Some(Err(error))) => return Err(error.to_string()),
            Err(_) => return Err(format!("the broker was silent for {} s", limit.as_secs())),
        }
    }
}
