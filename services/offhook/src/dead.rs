//! `offhook dead`: what workers rejected, and why; and sending it again once the reason is mended.
//!
//! Deletes nothing: a letter that was sent again stays where it is until the stream's age takes it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use bus::Bus;
use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use runtime::config::Broker;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    output::{Output, table},
    setup::within,
};

/// How much of a reason a list has room for; `dead show` has all of it.
const REASON_CHARS_MAX: usize = 100;

/// The commands below `dead`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Dead {
    /// List the newest dead letters
    List(List),
    /// Show dead letters whole: headers and body
    Show(Show),
    /// Publish events of dead letters again, the oldest first; the letters stay
    Retry(Retry),
}

/// Settings of `dead list`.
#[derive(Debug, Clone, Args)]
pub(crate) struct List {
    /// Of this worker only
    #[arg(long)]
    worker: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    broker: Broker,
}

/// Settings of `dead show`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Show {
    /// The event's key, or the letter's number in the list
    id: String,
    #[command(flatten)]
    broker: Broker,
}

/// Settings of `dead retry`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Retry {
    /// The event's key, or the letter's number in the list
    #[arg(required_unless_present = "worker", conflicts_with = "worker")]
    id: Option<String>,
    /// The newest of this worker, each event once
    #[arg(long)]
    worker: Option<String>,
    /// How many letters to look at, at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    broker: Broker,
}

/// A dead letter as people and scripts read it.
#[derive(Debug, Serialize)]
struct Letter {
    sequence: u64,
    at: String,
    worker: String,
    reason: String,
    /// `None`, like what follows, when the message never was an event.
    key: Option<String>,
    event_id: Option<String>,
    r#type: Option<String>,
    org: Option<String>,
    /// The call, or whatever the event is about.
    subject: Option<String>,
    #[serde(skip)]
    headers: BTreeMap<String, String>,
}

impl Dead {
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<()> {
        let (Self::List(List { broker, .. }) | Self::Show(Show { broker, .. }) | Self::Retry(Retry { broker, .. })) =
            &self;
        let bus = Bus::connect(&broker.nats_url, "offhook dead").await?;
        let done = match self {
            Self::List(list) => list.run(&bus, output).await,
            Self::Show(show) => show.run(&bus, output).await,
            Self::Retry(retry) => retry.run(&bus, output).await,
        };
        bus.close().await;
        done
    }
}

impl List {
    async fn run(&self, bus: &Bus, output: Output) -> anyhow::Result<()> {
        let letters = letters(bus, self.worker.as_deref(), self.limit as usize, None).await?;
        if output.json {
            letters.iter().for_each(|letter| output.result("", letter));
            return Ok(());
        }
        if letters.is_empty() {
            output.line("no dead letters");
            return Ok(());
        }
        let header = ["NR", "TIME", "WORKER", "TYPE", "ORG", "CALL", "KEY", "REASON"];
        let row = |letter: &Letter| {
            let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let Letter { r#type, org, subject, key, .. } = letter;
            let reason: String = letter.reason.chars().take(REASON_CHARS_MAX).collect();
            let (number, at, worker) = (letter.sequence.to_string(), letter.at.clone(), letter.worker.clone());
            vec![number, at, worker, text(r#type), text(org), text(subject), text(key), reason]
        };
        output.line(table(&header, letters.iter().map(row)));
        Ok(())
    }
}

impl Show {
    async fn run(&self, bus: &Bus, output: Output) -> anyhow::Result<()> {
        let letters = letters(bus, None, usize::MAX, Some(&self.id)).await?;
        ensure!(!letters.is_empty(), "no dead letter {}; `offhook dead list` has them", self.id);
        for letter in letters {
            let body = within(|| bus.letter_body(letter.sequence)).await?.unwrap_or_default();
            let text = String::from_utf8_lossy(&body).into_owned();
            let parsed: Option<Value> = serde_json::from_slice(&body).ok();
            let pretty = parsed.as_ref().and_then(|body| serde_json::to_string_pretty(body).ok());
            let headers: String = letter.headers.iter().map(|(name, value)| format!("  {name}: {value}\n")).collect();
            let mut value = json!(letter);
            value["headers"] = json!(letter.headers);
            value["body"] = parsed.unwrap_or_else(|| Value::String(text.clone()));
            output.result(
                format_args!(
                    "dead letter {}, rejected by {} at {}\n  {}\n\n{headers}\n{}",
                    letter.sequence,
                    letter.worker,
                    letter.at,
                    letter.reason,
                    pretty.unwrap_or(text)
                ),
                &value,
            );
        }
        Ok(())
    }
}

impl Retry {
    async fn run(&self, bus: &Bus, output: Output) -> anyhow::Result<()> {
        let letters = letters(bus, self.worker.as_deref(), self.limit as usize, self.id.as_deref()).await?;
        let named = self.id.as_deref().or(self.worker.as_deref()).unwrap_or_default();
        ensure!(!letters.is_empty(), "no dead letter {named}; `offhook dead list` has them");
        let mut seen = BTreeSet::new();
        // Two workers may have rejected the same event, or one of them twice: sent once, all of them get it.
        let once: Vec<_> = letters.iter().filter(|letter| seen.insert(letter.key.as_ref())).collect();
        for letter in once.into_iter().rev() {
            let Letter { sequence, key, .. } = letter;
            let key = key.as_deref().with_context(|| format!("dead letter {sequence} never was an event"))?;
            let sent = bus.send_again(*sequence).await?;
            let sent = sent.with_context(|| format!("dead letter {sequence} is gone"))?;
            output.result(
                format_args!("dead letter {sequence} is sent again as event {}; the letter stays", sent.sequence),
                &json!({ "letter": sequence, "key": key, "event": sent.sequence }),
            );
        }
        Ok(())
    }
}

/// The newest dead letters of a worker or of all; only those with this key or number, if one is given.
async fn letters(bus: &Bus, worker: Option<&str>, limit: usize, id: Option<&str>) -> anyhow::Result<Vec<Letter>> {
    let found = within(|| {
        bus.letters(worker, limit, |letter| {
            let key = || letter.envelope.as_ref().map(|envelope| envelope.key().to_string());
            id.is_none_or(|id| letter.sequence.to_string() == id || key().as_deref() == Some(id))
        })
    });
    let read = found.await?.into_iter().map(|letter| Letter {
        sequence: letter.sequence,
        at: letter.at.to_rfc3339_opts(SecondsFormat::Millis, true),
        worker: letter.worker,
        reason: letter.reason,
        key: letter.envelope.as_ref().map(|envelope| envelope.key().to_string()),
        event_id: letter.envelope.as_ref().map(|envelope| envelope.id.clone()),
        r#type: letter.envelope.as_ref().map(|envelope| envelope.kind.to_string()),
        org: letter.envelope.as_ref().map(|envelope| envelope.org.to_string()),
        subject: letter.envelope.and_then(|envelope| envelope.subject),
        headers: letter.headers.into_iter().collect(),
    });
    Ok(read.collect())
}
