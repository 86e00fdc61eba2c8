//! `offhook simulate contact`: a contact's change, sent to an ingress as HighLevel would send it.

use chrono::Utc;
use clap::Args;
use contract::{OrgId, PhoneNumber};
use sources::highlevel::Change;

use crate::{
    delivery::{self, Delivery},
    journey,
    output::Output,
};

/// Settings of `simulate contact`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Contact {
    /// Where ingress is
    #[arg(long, env = "OFFHOOK_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Whose contact
    #[arg(long, default_value = "demo")]
    org: OrgId,
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
        let delivery = Delivery::highlevel(&self.org, &self.private_key, "ContactUpdate", body)?;
        delivery.deliver(&delivery::client()?, &self.url, output).await?;
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
