//! The verb: count the calls that changed.

use std::collections::BTreeSet;

use bus::{Event, Outcome};
use serde::Deserialize;
use sqlx::PgPool;
use worker::Verb;

use crate::store::{self, CallKey};

/// The worker as the bus sees it.
pub struct MetricsWorker {
    pool: PgPool,
}

/// What is read of `call.recorded`.
#[derive(Deserialize)]
struct Recorded {
    source: String,
    call_id: String,
}

impl MetricsWorker {
    /// A worker on this database.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

impl Verb for MetricsWorker {
    const NAME: &'static str = "metrics-worker";

    async fn handle(&self, events: &[Event]) -> Vec<Outcome> {
        let keys: Vec<Result<CallKey, String>> = events.iter().map(call_key).collect();
        let calls: BTreeSet<CallKey> = keys.iter().flatten().cloned().collect();
        let counted = if calls.is_empty() { Ok(()) } else { store::count(&self.pool, &calls).await };
        let outcome = match counted {
            Ok(()) => Outcome::Done,
            // The rows are all ours: what does not fit is for one event alone to show.
            Err(error) if postgres::is_data_fault(&error) && events.len() == 1 => Outcome::Reject(error.to_string()),
            Err(error) => Outcome::Retry(error.to_string()),
        };
        keys.into_iter().map(|key| key.map_or_else(Outcome::Reject, |_| outcome.clone())).collect()
    }
}

fn call_key(event: &Event) -> Result<CallKey, String> {
    let Recorded { source, call_id } = serde_json::from_slice(&event.body).map_err(|error| error.to_string())?;
    Ok((event.envelope.org.to_string(), source, call_id))
}
