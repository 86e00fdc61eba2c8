//! `offhook crm`: how the contacts stand at the orgs' CRMs, and pushing them again.
//!
//! Asks no CRM: it looks at what crm-worker has written, and tells it what is due.

use chrono::Utc;
use clap::{Args, Subcommand};
use contract::{OrgId, PhoneNumber};
use crm_worker::{Standing, Whose};
use runtime::config::Database;
use serde_json::Value;

use crate::output::{Output, table};

/// How much of an error a list has room for; `--json` has all of it.
const ERROR_CHARS_MAX: usize = 80;

/// The commands below `crm`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Crm {
    /// Say how many contacts wait, fail or are refused, by org and vendor
    Status(Status),
    /// Have contacts pushed anew, now
    Push(Push),
}

/// Settings of `crm status`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Status {
    /// Of this org only
    #[arg(long)]
    org: Option<OrgId>,
    #[command(flatten)]
    database: Database,
}

/// Settings of `crm push`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Push {
    /// Of this org only
    #[arg(long)]
    org: Option<OrgId>,
    /// This contact only
    #[arg(long)]
    phone: Option<PhoneNumber>,
    /// Those only that the vendor has refused
    #[arg(long)]
    refused: bool,
    #[command(flatten)]
    database: Database,
}

impl Crm {
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Status(status) => status.run(output).await,
            Self::Push(push) => push.run(output).await,
        }
    }
}

impl Status {
    async fn run(self, output: Output) -> anyhow::Result<()> {
        let pool = postgres::connect(&self.database.database_url, "offhook crm")?;
        let standings = crm_worker::standings(&pool, self.org.as_ref().map(OrgId::as_str)).await?;
        pool.close().await;
        if output.json {
            standings.iter().for_each(|standing| output.result("", standing));
            return Ok(());
        }
        if standings.is_empty() {
            output.line("no contacts at any CRM yet");
            return Ok(());
        }
        let header = ["ORG", "VENDOR", "CONTACTS", "PENDING", "FAILING", "REFUSED", "NOTES", "OVERDUE", "LAST ERROR"];
        output.line(table(&header, standings.iter().map(row)));
        Ok(())
    }
}

impl Push {
    async fn run(self, output: Output) -> anyhow::Result<()> {
        let pool = postgres::connect(&self.database.database_url, "offhook crm")?;
        let Self { org, phone, refused, .. } = self;
        let whose = Whose { org: org.map(String::from), phone: phone.map(String::from), refused };
        let again = crm_worker::push_again(&pool, &whose).await?;
        pool.close().await;
        if again.is_empty() {
            output.line("no such contacts");
        }
        for due in again {
            let text = |name: &str| due[name].as_str().unwrap_or_default().to_owned();
            let contacts = due.get("contacts").and_then(Value::as_i64).unwrap_or_default();
            output.result(format_args!("{} at {}: {contacts} due now", text("org"), text("vendor")), &due);
        }
        Ok(())
    }
}

fn row(standing: &Standing) -> Vec<String> {
    let Standing { org, vendor, contacts, pending, failing, refused, notes, oldest_due, last_error } = standing;
    let counts = [contacts, pending, failing, refused, notes].map(ToString::to_string);
    let overdue = oldest_due.map_or_else(|| "-".to_owned(), |due| format!("{} s", (Utc::now() - due).num_seconds()));
    let error = last_error.as_ref().map_or_else(|| "-".to_owned(), |why| why.chars().take(ERROR_CHARS_MAX).collect());
    [org.clone(), vendor.clone()].into_iter().chain(counts).chain([overdue, error]).collect()
}
