//! What `offhook status` tells, as data and as tables.

use std::fmt::Display;

use serde::Serialize;

use crate::output::table;

/// Everything at one moment.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) healthy: bool,
    pub(super) nats: Server,
    pub(super) postgres: Server,
    pub(super) streams: Vec<Stream>,
    pub(super) consumers: Vec<Consumer>,
    /// `None` when the broker is away.
    pub(super) dead_letters: Option<u64>,
}

/// One server.
#[derive(Debug, Default, Serialize)]
pub(super) struct Server {
    pub(super) reachable: bool,
    pub(super) version: Option<String>,
    /// What is wrong with it, or with what has to be in it.
    pub(super) fault: Option<String>,
}

/// How full a stream is.
#[derive(Debug, Serialize)]
pub(super) struct Stream {
    pub(super) name: String,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) max_bytes: Option<u64>,
    pub(super) used_percent: Option<f64>,
}

/// How far a worker is.
#[derive(Debug, Serialize)]
pub(super) struct Consumer {
    pub(super) name: String,
    pub(super) pending: u64,
    pub(super) unacked: u64,
    pub(super) redelivered: u64,
    /// Age of the oldest event that is not finished.
    pub(super) oldest_unacked_s: Option<f64>,
    pub(super) paused: bool,
}

impl Report {
    /// The tables that people read.
    pub(super) fn text(&self) -> String {
        let servers = [("NATS", &self.nats), ("PostgreSQL", &self.postgres)].map(|(name, server)| {
            let state = if server.reachable { "up" } else { "down" };
            vec![name.to_owned(), state.to_owned(), or_dash(server.version.as_ref()), or_dash(server.fault.as_ref())]
        });
        let streams = self.streams.iter().map(|stream| {
            let used = stream.used_percent.map(|percent| format!("{percent}%"));
            let bytes = indicatif::BinaryBytes(stream.bytes).to_string();
            let of = stream.max_bytes.map(|max| indicatif::BinaryBytes(max).to_string());
            vec![stream.name.clone(), stream.messages.to_string(), bytes, or_dash(of), or_dash(used)]
        });
        let consumers = self.consumers.iter().map(|consumer| {
            let oldest = consumer.oldest_unacked_s.map(|age| format!("{age:.1} s"));
            let Consumer { pending, unacked, redelivered, .. } = consumer;
            let counts = [pending, unacked, redelivered].map(ToString::to_string);
            let state = if consumer.paused { "paused" } else { "active" };
            [consumer.name.clone()].into_iter().chain(counts).chain([or_dash(oldest), state.to_owned()]).collect()
        });
        let mut parts = vec![table(&["SERVER", "STATE", "VERSION", "FAULT"], servers)];
        if self.nats.reachable {
            parts.push(table(&["STREAM", "MESSAGES", "SIZE", "ROOM", "USED"], streams));
            let header = ["CONSUMER", "PENDING", "UNACKED", "REDELIVERED", "OLDEST", "STATE"];
            parts.push(table(&header, consumers));
            parts.push(format!("dead letters: {}", or_dash(self.dead_letters)));
        }
        parts.join("\n\n")
    }
}

fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
