//! `offhook simulate call`: one call, sent to an ingress as its provider would send it. And one event of every other source.

mod appointment;
mod contact;
mod message;
mod webhook;

pub(crate) use appointment::Appointment;
pub(crate) use contact::Contact;
pub(crate) use message::Message;
pub(crate) use webhook::Webhook;

use std::time::{Duration, Instant};

use bus::Bus;
use chrono::Utc;
use clap::{Args, ValueEnum};
use contract::{Direction, OrgId, Source};
use sources::{elevenlabs::Talk, retell::Lifecycle};

pub(crate) use crate::delivery::REQUEST_MAX;
use crate::{
    delivery::{self, Delivery},
    journey,
    output::Output,
};

/// Who calls whom, as a voice agent's provider would tell us.
#[derive(Debug, Clone, Args)]
pub(crate) struct Line {
    /// Where ingress and answer are
    #[arg(long, env = "OFFHOOK_URL", default_value = "http://127.0.0.1:8080")]
    pub(crate) url: String,
    /// Whose call
    #[arg(long, default_value = "demo")]
    pub(crate) org: OrgId,
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

/// Who provides the voice agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Voice {
    /// Three events: started, ended, analysed.
    Retell,
    /// One event, after the call.
    Elevenlabs,
}

/// Settings of `simulate call`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Call {
    #[command(flatten)]
    pub(crate) line: Line,
    /// Whose voice agent it is; Retell's unless told
    #[arg(long, value_enum)]
    pub(crate) source: Option<Voice>,
    /// The key to sign with as Retell
    #[arg(
        long,
        env = "DEMO_RETELL_API_KEY",
        hide_env_values = true,
        required_unless_present = "source",
        required_if_eq("source", "retell")
    )]
    pub(crate) secret: Option<String>,
    /// The secret to sign with as ElevenLabs
    #[arg(long, env = "DEMO_ELEVENLABS_SECRET", hide_env_values = true, required_if_eq("source", "elevenlabs"))]
    pub(crate) elevenlabs_secret: Option<String>,
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

impl Call {
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<()> {
        let id = uuid::Uuid::now_v7().simple();
        let (source, call_id, deliveries) = match self.source.unwrap_or(Voice::Retell) {
            Voice::Retell => (Source::RETELL, format!("call_{id}"), self.lifecycle(format!("call_{id}"))),
            Voice::Elevenlabs => (Source::ELEVENLABS, format!("conv_{id}"), vec![self.talk(format!("conv_{id}"))]),
        };
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
        let (client, began) = (delivery::client()?, Instant::now());
        // One after the other, as the call goes on.
        for delivery in deliveries {
            delivery.deliver(&client, &self.line.url, output).await?;
        }
        let call = journey::Call { org: &self.line.org, source, id: &call_id };
        if let Some(bus) = &bus {
            journey::show_event(bus, call, output).await?;
        }
        if let Some(pool) = &pool {
            journey::show_row(pool, call, began, output).await?;
        }
        Ok(())
    }

    fn lifecycle(&self, call_id: String) -> Vec<Delivery> {
        let call = Lifecycle {
            call_id,
            agent_id: self.line.agent.clone(),
            direction: Direction::Inbound,
            from_number: self.line.from.clone(),
            to_number: self.line.to.clone(),
            started_at: self.started_at(),
            turns: self.turns,
        };
        let secret = self.secret.as_deref().unwrap_or_default();
        call.events().map(|(event, body)| Delivery::retell(&self.line.org, secret, event, body)).into()
    }

    fn talk(&self, conversation_id: String) -> Delivery {
        let talk = Talk {
            conversation_id,
            agent_id: self.line.agent.clone(),
            from_number: self.line.from.clone(),
            to_number: self.line.to.clone(),
            started_at: self.started_at(),
            turns: self.turns,
        };
        let secret = self.elevenlabs_secret.as_deref().unwrap_or_default();
        Delivery::elevenlabs(&self.line.org, secret, "post_call_transcription", talk.body())
    }

    fn started_at(&self) -> contract::Timestamp {
        Utc::now() - Duration::from_secs(u64::from(self.turns) * 7)
    }
}

/// Sends one event, and shows its row in the archive if there is a database to look into.
async fn send_one(delivery: &Delivery, url: &str, database_url: Option<&str>, output: Output) -> anyhow::Result<()> {
    let pool = database_url.map(|url| postgres::connect(url, "offhook simulate")).transpose()?;
    if let Some(pool) = &pool {
        postgres::ready(pool).await;
    }
    let began = Instant::now();
    delivery.deliver(&delivery::client()?, url, output).await?;
    match &pool {
        Some(pool) => journey::show_archived(pool, delivery, began, output).await,
        None => Ok(()),
    }
}
