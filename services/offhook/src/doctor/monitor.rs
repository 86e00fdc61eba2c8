//! How the broker writes to its disk, where it says so: one copy that is not synced is no durable storage.

use anyhow::Context as _;
use reqwest::Client;
use serde::Deserialize;

use super::Finding;

const TOPIC: &str = "NATS";
const WHAT: &str = "disk";
const NANOS_PER_S: u64 = 1_000_000_000;

/// Copies with which no single machine's power cut loses what was acknowledged.
const COPIES_SAFE: usize = 3;

/// `/varz`, as far as it is read.
#[derive(Deserialize)]
struct Varz {
    jetstream: JetStream,
}

#[derive(Deserialize)]
struct JetStream {
    /// Missing where JetStream is not on.
    config: Option<Disk>,
    #[serde(default)]
    stats: Stats,
}

#[derive(Default, Deserialize)]
struct Stats {
    /// What the streams' own limits add up to, in bytes.
    #[serde(default)]
    reserved_storage: u64,
}

#[derive(Deserialize)]
struct Disk {
    /// Room for all streams, in bytes.
    #[serde(default)]
    max_storage: i64,
    /// Nanoseconds between two syncs.
    #[serde(default)]
    sync_interval: u64,
    /// Whether each message is synced before it is acknowledged.
    #[serde(default)]
    sync_always: bool,
}

/// What the broker's monitoring port says of its disk.
pub(super) struct JetStreamSays(JetStream);

/// Asks the broker's monitoring port, if its address is given.
pub(super) async fn ask(client: &Client, url: Option<String>) -> Option<anyhow::Result<JetStreamSays>> {
    Some(varz(client, &url?).await.map(|varz| JetStreamSays(varz.jetstream)))
}

async fn varz(client: &Client, url: &str) -> anyhow::Result<Varz> {
    let url = format!("{}/varz", url.trim_end_matches('/'));
    let answer = client.get(&url).send().await.and_then(reqwest::Response::error_for_status)?;
    serde_json::from_slice(&answer.bytes().await?).context("/varz can't be read")
}

/// Whether that is durable with so many copies of the event stream.
pub(super) fn finding(said: &anyhow::Result<JetStreamSays>, copies: usize) -> Finding {
    let JetStream { config, stats } = match said {
        Ok(JetStreamSays(jetstream)) => jetstream,
        Err(error) => {
            let cure = "compare NATS_MONITOR_URL with --http_port of the server";
            return Finding::amber(TOPIC, WHAT, format!("not told: {error:#}"), cure);
        }
    };
    let Some(disk) = config else {
        let cure = "start it with a `jetstream` section, see nats/server.conf";
        return Finding::red(TOPIC, WHAT, "JetStream is not on", cure);
    };
    let room = u64::try_from(disk.max_storage).unwrap_or(0);
    let (reserved, size) = (stats.reserved_storage, indicatif::BinaryBytes);
    let synced = match disk.sync_always {
        true => "every message is synced".to_owned(),
        false => format!("synced every {} s", disk.sync_interval / NANOS_PER_S),
    };
    let found = format!("{synced}; {} of {} are for streams", size(reserved), size(room));
    if !disk.sync_always && copies < COPIES_SAFE {
        let cure = "set sync_interval: always, see nats/server.conf, or run three servers with --replicas 3";
        return Finding::red(TOPIC, WHAT, format!("{found}: a power cut loses what was acknowledged since"), cure);
    }
    if reserved > room {
        let cure = "raise max_file_store, or lower max_bytes of the streams";
        return Finding::amber(TOPIC, WHAT, format!("{found}: they can't all fill up"), cure);
    }
    Finding::green(TOPIC, WHAT, found)
}

#[test]
fn an_acknowledged_event_is_synced_or_has_copies() {
    use super::finding::Grade;
    let grade = |config: &str, copies| {
        let json = format!(r#"{{"jetstream":{{{config}"stats":{{"reserved_storage":9}}}}}}"#);
        let varz: Varz = serde_json::from_str(&json).expect("as the server writes it");
        finding(&Ok(JetStreamSays(varz.jetstream)), copies).grade
    };
    let lazy = r#""config":{"max_storage":9,"sync_interval":120000000000},"#;
    assert_eq!([grade(lazy, 1), grade(lazy, 3)], [Grade::Red, Grade::Green]);
    let eager = |room| format!(r#""config":{{"max_storage":{room},"sync_interval":120000000000,"sync_always":true}},"#);
    assert_eq!([grade(&eager(9), 1), grade(&eager(8), 1)], [Grade::Green, Grade::Amber]);
    assert_eq!(grade("", 3), Grade::Red);
}
