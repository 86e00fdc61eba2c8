//! `offhook simulate contact`: a contact's change, sent to an ingress as HighLevel would send it.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use chrono::Utc;
use clap::Args;
use contract::PhoneNumber;
use serde_json::json;
use sources::highlevel::{Change, SIGNATURE_HEADER, sign};

use super::REQUEST_MAX;
use crate::{journey, output::Output};

/// Settings of `simulate contact`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Contact {
    /// Where ingress is
    #[arg(long, env = "OFFHOOK_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Whose contact
    #[arg(long, default_value = "demo")]
    org: String,
    /// The Ed25519 key to sign with in place of HighLevel, 32 bytes in hex or base64
    #[arg(long, env = "DEMO_HIGHLEVEL_PRIVATE_KEY", hide_env_values = true)]
    private_key: String,
    /// The org's location at HighLevel
    #[arg(long, default_value = "loc_demo")]
    location: String,
    /// The contact's number
    #[arg(long, default_value = "+15005550006")]
    phone: PhoneNumber,
    /// What the contact is called from now on
    #[arg(long, default_value = "Jane Smith")]
    name: String,
    /// The contact's e-mail address; not told if unset
    #[arg(long)]
    email: Option<String>,
    /// The database, to show the contact's row; not shown if unset
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

impl Contact {
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<()> {
        let body = self.change().body();
        let endpoint = format!("{}/v1/{}/highlevel/events", self.url.trim_end_matches('/'), self.org);
        let signature = sign(&self.private_key, &body).context("the private key")?;
        let client = reqwest::Client::builder().timeout(REQUEST_MAX).build()?;
        let (bytes, began) = (body.len(), Instant::now());
        let request =
            client.post(&endpoint).header(SIGNATURE_HEADER, signature).header("content-type", "application/json");
        let response = request.body(body).send().await.context("the change was not delivered")?;
        let ack_ms = began.elapsed().as_secs_f64() * 1000.0;
        let status = response.status();
        ensure!(status.is_success(), "refused: {status} {}", response.text().await.unwrap_or_default());
        output.result(
            format_args!(
                "  acknowledged in {ack_ms:.1} ms: ContactUpdate, {:.1} KB, signed, POST {endpoint}",
                bytes as f64 / 1000.0
            ),
            &json!({ "step": "acknowledged", "event": "ContactUpdate", "bytes": bytes, "ack_ms": ack_ms }),
        );
        if let Some(url) = &self.database_url {
            let pool = postgres::connect(url, "offhook simulate")?;
            journey::show_contact(&pool, &self.org, &self.phone, &self.name, output).await?;
        }
        Ok(())
    }

    fn change(&self) -> Change {
        Change {
            webhook_id: uuid::Uuid::new_v4().to_string(),
            location_id: self.location.clone(),
            contact_id: format!("con_of_{}", self.phone),
            name: self.name.clone(),
            phone: self.phone.to_string(),
            email: self.email.clone(),
            at: Utc::now(),
        }
    }
}
