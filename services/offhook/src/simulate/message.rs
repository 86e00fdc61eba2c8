//! `offhook simulate message`: a text on WhatsApp, sent to an ingress as Evolution API would send it.

use chrono::Utc;
use clap::Args;
use contract::{OrgId, PhoneNumber};
use sources::whatsapp::Words;

use super::send_one;
use crate::{delivery::Delivery, output::Output};

/// Settings of `simulate message`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Message {
    /// Where ingress is
    #[arg(long, env = "OFFHOOK_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Whose message
    #[arg(long, default_value = "demo")]
    org: OrgId,
    /// Which of its WhatsApp instances
    #[arg(long, default_value = "clinic-01")]
    instance: String,
    /// The instance's `jwt_key`, which its token is signed with
    #[arg(long, env = "DEMO_WHATSAPP_KEY", hide_env_values = true)]
    secret: String,
    /// Who writes
    #[arg(long, default_value = "+15005550006")]
    from: PhoneNumber,
    /// What the writer is called
    #[arg(long, default_value = "Jane Doe")]
    name: String,
    /// What is written
    #[arg(long, default_value = "Hi, can I come in a little earlier on Thursday?")]
    text: String,
    /// We have written it, to that number
    #[arg(long)]
    from_me: bool,
    /// The database, to show the event's row; not shown if unset
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

impl Message {
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<()> {
        let words = Words {
            id: uuid::Uuid::now_v7().simple().to_string().to_uppercase(),
            instance: self.instance.clone(),
            phone: self.from,
            name: self.name,
            from_me: self.from_me,
            text: self.text,
            at: Utc::now(),
        };
        let delivery = Delivery::whatsapp(&self.org, &self.instance, &self.secret, "messages.upsert", words.body());
        send_one(&delivery, &self.url, self.database_url.as_deref(), output).await
    }
}
