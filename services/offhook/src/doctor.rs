//! `offhook doctor`: an installation and each of its orgs, looked over from end to end.
//!
//! Every check is one line: green, amber or red, and if not green, with its cure. A check that fails hides no other, and what
//! can't be looked at because of it is amber, so that red points at causes. Changes nothing but this: for each source of an org one
//! signed event goes the whole way, of a type that nobody knows, with an id that begins with `doctor`.

mod broker;
mod database;
mod event;
mod finding;
mod monitor;
mod org;
mod redis;
mod services;
mod settings;
mod source;
mod vendor;

use std::{path::PathBuf, time::Duration};

use bus::Bus;
use clap::Args;
use contract::OrgId;
use sqlx::PgPool;
use tokio::time::Instant;

use self::finding::{Finding, Report};
use crate::output::Output;

/// Between two looks at something that is awaited.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// Settings of `doctor`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Doctor {
    /// Look over these orgs only; repeat it for more
    #[arg(long = "org")]
    orgs: Vec<OrgId>,
    /// An orgs.toml to be checked too
    #[arg(long)]
    orgs_file: Option<PathBuf>,
    /// How long each check may take, in seconds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=120))]
    limit: u64,
    /// Where ingress is; without it no events are sent
    #[arg(long, env = "OFFHOOK_URL")]
    url: Option<String>,
    /// Where services serve `/readyz`; several may be given, comma-separated
    #[arg(long, env = "OFFHOOK_ADMIN_URL", value_delimiter = ',')]
    admin_url: Vec<String>,
    /// The broker's address
    #[arg(long, env = "NATS_URL")]
    nats_url: Option<String>,
    /// Where the broker serves `/varz`, to tell how it writes to its disk
    #[arg(long, env = "NATS_MONITOR_URL")]
    nats_monitor_url: Option<String>,
    /// The database's address
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    #[command(flatten)]
    cache: ::cache::Settings,
    /// What stands in for HighLevel's own key, where an org has the public one
    #[arg(long, env = "DEMO_HIGHLEVEL_PRIVATE_KEY", hide_env_values = true)]
    highlevel_private_key: Option<String>,
}

/// What the checks of an org need beside the org.
pub(crate) struct Round {
    /// What one check may take.
    limit: Duration,
    /// For deliveries and looks at services.
    client: reqwest::Client,
    /// Where ingress is, or why nothing is sent there.
    ingress: Result<String, String>,
    /// Where events are followed to, or why not.
    archive: Result<PgPool, String>,
    /// The private key that stands in for HighLevel's, if there is one.
    highlevel_private_key: Option<String>,
    /// What vendors are asked through.
    vendors: vendors::Vendors,
}

impl Doctor {
    /// 0, or 1 when anything is red.
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<u8> {
        let limit = Duration::from_secs(self.limit);
        let client = reqwest::Client::builder().timeout(limit).build()?;
        let set = |url: &Option<String>| url.clone().filter(|url| !url.is_empty());
        let (nats_url, database_url, url) = (set(&self.nats_url), set(&self.database_url), set(&self.url));
        // An address that is none is a finding of the settings.
        let bus = match nats_url.as_deref() {
            Some(url) => Bus::connect(url, "offhook doctor").await.ok(),
            None => None,
        };
        let (settings, broker, monitored, database, (redis, cache), ready, ingress) = tokio::join!(
            settings::examine(&self),
            broker::examine(bus.as_ref(), limit),
            monitor::ask(&client, set(&self.nats_monitor_url)),
            database::examine(database_url.as_deref(), limit),
            redis::examine(&self.cache, limit),
            services::examine(&client, &self.admin_url),
            services::ingress(&client, url),
        );
        let disk = monitored.map(|said| monitor::finding(&said, broker.copies));
        let archive = match (&database.usable, broker.archiving) {
            (_, Err(why)) => Err(why),
            (None, Ok(())) => Err("PostgreSQL is away".to_owned()),
            (Some(pool), Ok(())) => Ok(pool.clone()),
        };
        let round = Round {
            limit,
            client,
            ingress: ingress.usable,
            archive,
            highlevel_private_key: set(&self.highlevel_private_key),
            vendors: vendors::Vendors::new(cache?, vendors::Limits::default())?,
        };
        let orgs = org::examine(&round, bus.filter(|_| broker.has_orgs), &self.orgs).await;
        let of_servers = [settings, broker.findings, disk.into_iter().collect(), database.findings, redis];
        let findings = of_servers.into_iter().flatten().chain(ready).chain(ingress.findings).chain(orgs);
        let report = Report::new(findings.collect());
        output.result(report.text(), &report);
        Ok(u8::from(!report.healthy))
    }
}

/// Something that others can use only if it was found well, and what was found.
struct Examined<T> {
    findings: Vec<Finding>,
    usable: T,
}

/// Looks until there is a result or the time is up; then it is the last look that counts.
async fn until<T, E>(limit: Duration, look: impl AsyncFn() -> Result<T, E>) -> Result<T, Option<E>> {
    let deadline = Instant::now() + limit;
    let mut last = None;
    loop {
        match tokio::time::timeout_at(deadline, look()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => last = Some(error),
            Err(_) => return Err(last),
        }
        tokio::time::sleep_until(deadline.min(Instant::now() + LOOK_PAUSE)).await;
        if Instant::now() >= deadline {
            return Err(last);
        }
    }
}
