//! `offhook simulate call`: one call's lifecycle, sent to an ingress as Retell would send it. And `simulate contact`.

mod contact;

pub(crate) use contact::Contact;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bus::Bus;
use chrono::Utc;
use clap::Args;
use contract::Direction;
use serde_json::json;
use sources::retell::{Lifecycle, SIGNATURE_HEADER, sign};

use crate::{journey, output::Output};

/// One request; what Retell waits, too.
pub(crate) const REQUEST_MAX: Duration = Duration::from_secs(10);

/// Who calls whom, as Retell would tell us.
#[derive(Debug, Clone, Args)]
pub(crate) struct Line {
    /// Where ingress and answer are
    #[arg(long, env = "OFFHOOK_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// Whose call
    #[arg(long, default_value = "demo")]
    pub(crate) org: String,
    /// The key to sign with
    #[arg(long, env = "DEMO_RETELL_API_KEY", hide_env_values = true)]
    pub(crate) secret: String,
    /// Who calls
    #[arg(long, default_value = "+15005550006")]
    pub(crate) from: String,
    /// Who is called
    #[arg(long, default_value = "+15005550001")]
    pub(crate) to: String,
    /// Which agent answers
    #[arg(long, default_value = "agent_demo")]
    pub(crate) agent: String,
}

/// Settings of `simulate call`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Call {
    #[command(flatten)]
    pub(crate) line: Line,
    /// Turns of the conversation, 7 s and about 0.5 KB each
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) turns: u32,
    /// The broker, to show the event on the stream; not shown if unset
    #[arg(long, env = "NATS_URL")]
    pub(crate) nats_url: Option<String>,
    /// The database, to show the call's row; not shown if unset
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
}

/// One acknowledged delivery.
pub(crate) struct Sent {
    pub(crate) event: &'static str,
    pub(crate) bytes: usize,
    pub(crate) ack_ms: f64,
}

impl Call {
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<()> {
        let call = self.lifecycle();
        // Opened before the call is sent: connecting is no part of its journey.
        let bus = match &self.nats_url {
            Some(url) => Some(Bus::connect(url, "offhook simulate").await?),
            None => None,
        };
        if let Some(bus) = &bus {
            bus.ready(journey::ARRIVAL_MAX).await?;
        }
        let pool = self.database_url.as_deref().map(|url| postgres::connect(url, "offhook simulate")).transpose()?;
        if let Some(pool) = &pool {
            postgres::ready(pool).await;
        }
        let began = Instant::now();
        for sent in self.send(&call).await? {
            let Sent { event, bytes, ack_ms } = sent;
            output.result(
                format_args!(
                    "  acknowledged in {ack_ms:.1} ms: {event}, {:.1} KB, signed, POST {}",
                    bytes as f64 / 1000.0,
                    self.endpoint()
                ),
                &json!({ "step": "acknowledged", "event": event, "bytes": bytes, "ack_ms": ack_ms }),
            );
        }
        if let Some(bus) = &bus {
            journey::show_event(bus, &self.line.org, &call.call_id, output).await?;
        }
        if let Some(pool) = &pool {
            journey::show_row(pool, &self.line.org, &call.call_id, began, output).await?;
        }
        Ok(())
    }

    fn lifecycle(&self) -> Lifecycle {
        Lifecycle {
            call_id: format!("call_{}", uuid::Uuid::now_v7().simple()),
            agent_id: self.line.agent.clone(),
            direction: Direction::Inbound,
            from_number: self.line.from.clone(),
            to_number: self.line.to.clone(),
            started_at: Utc::now() - Duration::from_secs(u64::from(self.turns) * 7),
            turns: self.turns,
        }
    }

    fn endpoint(&self) -> String {
        format!("{}/v1/{}/retell/events", self.line.url.trim_end_matches('/'), self.line.org)
    }

    /// Sends the call's events one after the other; each must be acknowledged.
    async fn send(&self, call: &Lifecycle) -> anyhow::Result<Vec<Sent>> {
        let client = reqwest::Client::builder().timeout(REQUEST_MAX).build()?;
        let mut sent = Vec::new();
        for (event, body) in call.events() {
            let (bytes, began) = (body.len(), Instant::now());
            let request =
                client.post(self.endpoint()).header(SIGNATURE_HEADER, sign(&self.line.secret, &body, Utc::now()));
            let request = request.header("content-type", "application/json").body(body);
            let response = request.send().await.with_context(|| format!("{event} not delivered"))?;
            let ack_ms = began.elapsed().as_secs_f64() * 1000.0;
            let status = response.status();
            ensure!(status.is_success(), "{event} refused: {status} {}", response.text().await.unwrap_or_default());
            sent.push(Sent { event, bytes, ack_ms });
        }
        Ok(sent)
    }
}
