//! `offhook simulate webhook`: an event of the org's own, sent to an ingress as any sender of Standard Webhooks would.

use clap::Args;
use contract::OrgId;
use serde_json::{Value, json};

use super::send_one;
use crate::{delivery::Delivery, output::Output};

/// Settings of `simulate webhook`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Webhook {
    /// Where ingress is
    #[arg(long, env = "OFFHOOK_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Whose event
    #[arg(long, default_value = "demo")]
    org: OrgId,
    /// Through which of its webhooks
    #[arg(long, default_value = "leads")]
    channel: String,
    /// The secret to sign with, `whsec_` and base64
    #[arg(long, env = "DEMO_WEBHOOK_SECRET", hide_env_values = true)]
    secret: String,
    /// What happened, in the sender's words
    #[arg(long = "type", default_value = "lead.created")]
    kind: String,
    /// What is told of it, as JSON
    #[arg(long, default_value = r#"{"name":"Jane Doe","phone":"+15005550006"}"#, value_parser = data)]
    data: Value,
    /// The database, to show the event's row; not shown if unset
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

impl Webhook {
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<()> {
        let id = format!("msg_{}", uuid::Uuid::now_v7().simple());
        let body = json!({ "type": self.kind, "timestamp": chrono::Utc::now(), "data": self.data });
        let body = body.to_string().into_bytes();
        let place = (&self.org, self.channel.as_str());
        let delivery = Delivery::webhook(place, &self.secret, (&self.kind, &id), Some("type"), body)?;
        send_one(&delivery, &self.url, self.database_url.as_deref(), output).await
    }
}

fn data(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
