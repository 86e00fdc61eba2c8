//! Streams and consumers as the files under `nats/` declare them: created by `apply`, checked by `verify`.
//!
//! Never deletes, never shrinks a promise silently, and never moves a consumer that exists.

use async_nats::{Client, connection::State as Connection, jetstream};
use jetstream::{consumer, stream};

use crate::{Bus, BusError};

/// The stream that holds every event.
pub const EVENTS: &str = "EVENTS";

/// The stream that holds rejected events.
pub(crate) const DEAD: &str = "DEAD";

const STREAMS: [&str; 4] = [
    include_str!("../../../nats/streams/EVENTS.json"),
    include_str!("../../../nats/streams/DEAD.json"),
    include_str!("../../../nats/streams/KV_orgs.json"),
    include_str!("../../../nats/streams/OBJ_bodies.json"),
];
const CONSUMERS: [&str; 5] = [
    include_str!("../../../nats/consumers/log-worker.json"),
    include_str!("../../../nats/consumers/metrics-worker.json"),
    include_str!("../../../nats/consumers/invalidate-worker.json"),
    include_str!("../../../nats/consumers/crm-worker.json"),
    include_str!("../../../nats/consumers/refresh-worker.json"),
];

/// The oldest server whose JetStream does what we rely on.
pub(crate) const SERVER_MIN: (i64, i64, i64) = (2, 14, 0);
pub(crate) const CURE: &str = "run `offhook streams apply`";

/// What `apply` did to one stream or consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The stream's or consumer's name.
    pub name: String,
    /// Whether it did not exist before.
    pub created: bool,
}

impl Bus {
    /// Creates or updates every stream and consumer of `nats/`, with at least `replicas` copies of each stream. What exists
    /// keeps its larger limits, and a consumer its position.
    ///
    /// # Errors
    /// When the broker is away or refuses a change.
    pub async fn apply(&self, replicas: usize) -> Result<Vec<Applied>, BusError> {
        let mut applied = Vec::new();
        for mut wanted in streams() {
            wanted.num_replicas = replicas;
            let name = wanted.name.clone();
            let found = find_stream(&self.jetstream, &name).await?;
            let created = found.is_none();
            if let Some(found) = found {
                keep_larger(&mut wanted, &found.config);
            }
            let done = self.jetstream.create_or_update_stream(wanted).await;
            done.map_err(|error| BusError::Refused(format!("stream {name}: {error}")))?;
            applied.push(Applied { name, created });
        }
        for mut wanted in CONSUMERS.map(read::<consumer::Config>) {
            let name = wanted.durable_name.clone().unwrap_or_default();
            let found = find_consumer(&self.jetstream, &name).await?;
            let created = found.is_none();
            if let Some(found) = found {
                wanted.deliver_policy = found.deliver_policy;
            }
            let done = self.jetstream.create_consumer_on_stream(wanted, EVENTS).await;
            done.map_err(|error| BusError::Refused(format!("consumer {name}: {error}")))?;
            applied.push(Applied { name, created });
        }
        Ok(applied)
    }

    /// Checks the server, the streams and all consumers now.
    ///
    /// # Errors
    /// What is missing or different, with the cure.
    pub async fn verify(&self) -> Result<(), BusError> {
        verify(&self.client, &self.jetstream).await?;
        for wanted in CONSUMERS.map(read::<consumer::Config>) {
            let name = wanted.durable_name.clone().unwrap_or_default();
            let found = find_consumer(&self.jetstream, &name).await?;
            let found = found.ok_or_else(|| BusError::Refused(format!("consumer {name} is missing; {CURE}")))?;
            verify_consumer(&found, &wanted)?;
        }
        Ok(())
    }
}

/// The consumer of a worker as its file declares it; `None` for a worker without a file.
pub(crate) fn declared_consumer(worker: &str) -> Option<consumer::Config> {
    CONSUMERS.map(read::<consumer::Config>).into_iter().find(|config| config.durable_name.as_deref() == Some(worker))
}

/// The names of all consumers that the files declare.
pub(crate) fn declared_names() -> Vec<String> {
    CONSUMERS.map(read::<consumer::Config>).into_iter().filter_map(|config| config.durable_name).collect()
}

/// How much of the stream may be used by events that can still be refused, in percent of its `max_bytes`; the rest is for
/// what follows from events that were acknowledged.
const FULL_PERCENT: u64 = 95;

/// Checks the server and the streams, one request per stream; says how full the event stream is if it is too full.
pub(crate) async fn verify(client: &Client, jetstream: &jetstream::Context) -> Result<Option<String>, BusError> {
    let mut full = None;
    if client.connection_state() != Connection::Connected {
        return Err(BusError::Unavailable("not connected".to_owned()));
    }
    let server = client.server_info();
    let (major, minor, patch) = SERVER_MIN;
    if !client.is_server_compatible(major, minor, patch) {
        return Err(BusError::Refused(format!("nats-server {} is older than {major}.{minor}", server.version)));
    }
    for wanted in streams() {
        let found = find_stream(jetstream, &wanted.name).await?;
        let found = found.ok_or_else(|| BusError::Refused(format!("stream {} is missing; {CURE}", wanted.name)))?;
        if (server.max_payload as i64) < i64::from(wanted.max_message_size) {
            let (has, needs) = (server.max_payload, wanted.max_message_size);
            return Err(BusError::Refused(format!(
                "nats-server max_payload is {has} bytes, needs {needs}; see nats/server.conf"
            )));
        }
        verify_stream(&found.config, &wanted)?;
        let (used, room) = (found.state.bytes, found.config.max_bytes.max(0).unsigned_abs());
        if wanted.name == EVENTS && room > 0 && used * 100 >= room * FULL_PERCENT {
            full =
                Some(format!("stream {EVENTS} holds {used} of {room} bytes; a worker lags, or max_bytes is too small"));
        }
    }
    Ok(full)
}

/// Keeps what production has raised: limits and copies are never lowered by being applied again.
fn keep_larger(wanted: &mut stream::Config, found: &stream::Config) {
    let larger = |wanted: i64, found: i64| if found < 0 { found } else { wanted.max(found) };
    wanted.num_replicas = wanted.num_replicas.max(found.num_replicas);
    wanted.max_bytes = larger(wanted.max_bytes, found.max_bytes);
    wanted.max_message_size =
        i32::try_from(larger(wanted.max_message_size.into(), found.max_message_size.into())).unwrap_or(i32::MAX);
    wanted.duplicate_window = wanted.duplicate_window.max(found.duplicate_window);
    wanted.max_age = if found.max_age.is_zero() { found.max_age } else { wanted.max_age.max(found.max_age) };
}

pub(crate) fn verify_stream(found: &stream::Config, wanted: &stream::Config) -> Result<(), BusError> {
    let faults = [
        ("storage", found.storage != wanted.storage),
        ("retention", found.retention != wanted.retention),
        ("discard", found.discard != wanted.discard),
        ("subjects", found.subjects != wanted.subjects),
        ("duplicate_window", found.duplicate_window < wanted.duplicate_window),
        ("max_msg_size", found.max_message_size != -1 && found.max_message_size < wanted.max_message_size),
        ("max_age", found.max_age < wanted.max_age && !found.max_age.is_zero()),
        ("max_msgs", found.max_messages != wanted.max_messages),
        ("max_msgs_per_subject", found.max_messages_per_subject != wanted.max_messages_per_subject),
        ("subject_transform", found.subject_transform.is_some()),
        ("persist_mode", found.persist_mode == Some(stream::PersistenceMode::Async)),
        ("sealed", found.sealed),
    ];
    refuse(&format!("stream {}", wanted.name), &faults)
}

/// Checks what a worker's safety needs, not where the consumer stands.
pub(crate) fn verify_consumer(found: &consumer::Config, wanted: &consumer::Config) -> Result<(), BusError> {
    let faults = [
        ("ack_policy", found.ack_policy != wanted.ack_policy),
        ("ack_wait", found.ack_wait < wanted.ack_wait),
        ("max_deliver", found.max_deliver != wanted.max_deliver),
        ("backoff", !found.backoff.is_empty()),
        ("filter_subjects", filters(found) != filters(wanted)),
        ("deliver_subject", found.deliver_subject.is_some()),
        ("headers_only", found.headers_only),
        ("max_batch", found.max_batch != wanted.max_batch),
        ("max_bytes", found.max_bytes != wanted.max_bytes),
        ("max_expires", found.max_expires != wanted.max_expires),
    ];
    refuse(&format!("consumer {}", wanted.durable_name.as_deref().unwrap_or_default()), &faults)
}

fn refuse(what: &str, faults: &[(&str, bool)]) -> Result<(), BusError> {
    let wrong: Vec<&str> = faults.iter().filter(|(_, wrong)| *wrong).map(|(field, _)| *field).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(BusError::Refused(format!("{what}: {} differs from nats/; {CURE}", wrong.join(", "))))
}

/// The subjects of a consumer: the server reports a single filter in a field of its own.
fn filters(config: &consumer::Config) -> Vec<String> {
    if config.filter_subject.is_empty() { config.filter_subjects.clone() } else { vec![config.filter_subject.clone()] }
}

async fn find_stream(jetstream: &jetstream::Context, name: &str) -> Result<Option<stream::Info>, BusError> {
    use jetstream::context::GetStreamErrorKind;
    match jetstream.get_stream(name).await {
        Ok(stream) => Ok(Some(stream.cached_info().clone())),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(cause) if cause.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND => {
                Ok(None)
            }
            _ => Err(BusError::Unavailable(error.to_string())),
        },
    }
}

async fn find_consumer(jetstream: &jetstream::Context, name: &str) -> Result<Option<consumer::Config>, BusError> {
    use jetstream::context::ConsumerInfoErrorKind;
    let stream =
        jetstream.get_stream_no_info(EVENTS).await.map_err(|error| BusError::Unavailable(error.to_string()))?;
    match stream.consumer_info(name).await {
        Ok(info) => Ok(Some(info.config)),
        Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => Ok(None),
        Err(error) => Err(BusError::Unavailable(error.to_string())),
    }
}

/// The streams as the files declare them.
pub(crate) fn streams() -> [stream::Config; 4] {
    STREAMS.map(read)
}

/// The consumers as the files declare them.
pub(crate) fn consumers() -> Vec<consumer::Config> {
    CONSUMERS.map(read).into()
}

/// Reads one of the embedded files; a test reads them all, so a broken one never leaves this repository.
fn read<T: serde::de::DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).expect("a file under nats/ is valid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_file_under_nats_is_read_and_keeps_the_promises() {
        for stream in streams() {
            assert_eq!(stream.storage, stream::StorageType::File, "{}", stream.name);
            assert_eq!(stream.discard, stream::DiscardPolicy::New, "{}", stream.name);
            assert!(stream.max_bytes > 0 && stream.max_message_size > 0, "{}", stream.name);
        }
        for consumer in CONSUMERS.map(read::<consumer::Config>) {
            assert_eq!(consumer.ack_policy, consumer::AckPolicy::Explicit);
            assert!(consumer.max_deliver == -1 && consumer.backoff.is_empty());
        }
    }

    #[test]
    fn applying_again_lowers_nothing_that_production_has_raised() {
        let mut wanted = streams()[0].clone();
        let raised = stream::Config {
            num_replicas: 3,
            max_bytes: i64::MAX,
            max_age: wanted.max_age * 2,
            max_message_size: -1,
            ..wanted.clone()
        };
        keep_larger(&mut wanted, &raised);
        assert_eq!(wanted, raised);
        let mut wanted = streams()[0].clone();
        keep_larger(
            &mut wanted,
            &stream::Config { num_replicas: 1, max_bytes: 1, max_age: Duration::from_secs(1), ..raised },
        );
        assert_eq!((wanted.max_bytes, wanted.max_age), (streams()[0].max_bytes, streams()[0].max_age));
    }

    #[test]
    fn a_stream_that_would_lose_events_is_refused_by_field() {
        let wanted = streams()[0].clone();
        let found = stream::Config { discard: stream::DiscardPolicy::Old, max_message_size: 1024, ..wanted.clone() };
        let refused = verify_stream(&found, &wanted).unwrap_err().to_string();
        assert_eq!(refused, format!("stream EVENTS: discard, max_msg_size differs from nats/; {CURE}"));
        assert!(verify_stream(&wanted, &wanted).is_ok());
    }
}
