//! `offhook cache warm`: what calls will ask for, loaded now, by the loaders of the services and within the vendors' budgets.
//!
//! For before a deploy or a busy morning; while refresh-worker runs there is little left to do. Refuses to crowd out live calls.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ::cache::{LoadError, Mode, Parts, Settings, Warmed, Warmth};
use anyhow::{Context as _, ensure};
use bus::Bus;
use chrono::Utc;
use clap::Args;
use context::{Accounts, DAYS, KINDS, Library, Purpose, Wanted, budget_wait};
use contract::OrgId;
use futures_util::{StreamExt as _, stream};
use orgs::{Directory, Live, LiveOrg};
use runtime::config::{Broker, Database};
use serde::Serialize;
use sqlx::PgPool;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use vendors::{Limits, Vendors};

use super::store;
use crate::output::{Output, table};

/// Contacts of one org that were seen last.
const CALLERS_MAX: i64 = 1_000;
/// What is warmed of them, unless a kind is named.
const OF_CALLER: [&str; 2] = ["contact", "memory"];
/// Things that are warmed at once.
const AT_ONCE: usize = 16;
/// One thing waits so long for its vendor's budget.
const BUDGET_MAX: Duration = Duration::from_mins(1);
/// Waiting for the orgs.
const ORGS_MAX: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Settings of `cache warm`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Warm {
    /// Only this kind; without it slots, prompts, and contact and memory of who called last
    #[arg(long)]
    kind: Option<String>,
    /// Only this org
    #[arg(long)]
    org: Option<OrgId>,
    /// Days of slots, today included
    #[arg(long, default_value_t = DAYS, value_parser = clap::value_parser!(u64).range(1..=DAYS))]
    days: u64,
    #[command(flatten)]
    broker: Broker,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    settings: Settings,
}

/// What became of the things of one kind.
#[derive(Default, Serialize)]
struct Tally {
    warmed: u64,
    already: u64,
    /// Somebody else was at it.
    elsewhere: u64,
    failed: u64,
    /// The first failure's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// By kind.
type Report = BTreeMap<&'static str, Tally>;

impl Warm {
    /// 0, or 1 when something failed.
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<u8> {
        if let Some(kind) = &self.kind {
            let known = KINDS.iter().any(|spec| spec.name == kind);
            ensure!(known, "there is no kind {kind:?}; see `offhook cache kinds`");
        }
        ensure!(self.settings.mode == Mode::On, "OFFHOOK_CACHE is off: nothing would be kept");
        let (bus, stop) = (Bus::connect(&self.broker.nats_url, "offhook cache").await?, CancellationToken::new());
        let warmed = self.warm(&bus, &stop, output).await;
        stop.cancel();
        bus.close().await;
        let report = warmed?;
        output.result(text(&report), &report);
        Ok(u8::from(report.values().any(|tally| tally.failed > 0)))
    }

    async fn warm(&self, bus: &Bus, stop: &CancellationToken, output: Output) -> anyhow::Result<Report> {
        let pool = postgres::connect(&self.database.database_url, "offhook cache")?;
        let parts = Parts { kinds: KINDS.to_vec(), standby: Some(pool.clone()), ..Parts::default() };
        let cache = super::connected(&self.settings, parts).await?;
        let library = Library::new(cache.clone(), pool.clone(), Vendors::new(cache, Limits::default())?);
        let directory = directory(bus, stop).await?;
        let wanted = self.wanted(&pool, &directory).await?;
        let bar = output.progress(wanted.len(), "things warmed");
        let (library, directory) = (&library, &directory);
        let mut warming = stream::iter(wanted)
            .map(|(org, wanted)| async move {
                let live = directory.org(&org)?;
                let warmed = in_turn(library, &Accounts::of(live), &org, &wanted).await;
                Some((wanted.kind(), warmed?))
            })
            .buffer_unordered(AT_ONCE);
        let mut report = Report::new();
        while let Some(warmed) = warming.next().await {
            bar.inc(1);
            if let Some((kind, warmed)) = warmed {
                report.entry(kind).or_default().add(warmed.map(|warmed| warmed.warmth));
            }
        }
        bar.finish_and_clear();
        Ok(report)
    }

    /// What is to be warmed.
    async fn wanted(&self, pool: &PgPool, directory: &Directory) -> anyhow::Result<Vec<(OrgId, Wanted)>> {
        let mut all = Vec::new();
        if let Some(org) = &self.org {
            ensure!(directory.org(org).is_some(), "there is no org {org}");
        }
        for live in directory.orgs().filter(|live| self.org.as_ref().is_none_or(|org| live.org.id == *org)) {
            let of_org = Wanted::always(live, Utc::now()).into_iter().filter(|wanted| self.names(wanted, &[]));
            let of_org = of_org.map(|wanted| match wanted {
                Wanted::Slots(slots) => Wanted::Slots(slots.within(self.days)),
                wanted => wanted,
            });
            let of_callers = self.of_callers(pool, live).await?;
            all.extend(of_org.chain(of_callers).map(|wanted| (live.org.id.clone(), wanted)));
        }
        Ok(all)
    }

    /// What is to be warmed of who called last.
    async fn of_callers(&self, pool: &PgPool, live: &LiveOrg) -> anyhow::Result<Vec<Wanted>> {
        let phones = store::latest_callers(pool, live.org.id.as_str(), CALLERS_MAX).await?;
        let phones = phones.into_iter().filter_map(|phone| phone.parse().ok());
        let of_caller = |phone| Wanted::by_caller(live, &phone, live.org.branches.first());
        Ok(phones.flat_map(of_caller).filter(|wanted| self.names(wanted, &OF_CALLER)).collect())
    }

    /// Whether this is the kind that was named; without one, whether it is one of the usual, if those are any.
    fn names(&self, wanted: &Wanted, usual: &[&str]) -> bool {
        match &self.kind {
            Some(kind) => wanted.kind() == kind,
            None => usual.is_empty() || usual.contains(&wanted.kind()),
        }
    }
}

/// Warms it once the vendor's budget has room for it. Waits where no load is under way: a caller would wait along.
async fn in_turn(
    library: &Library,
    accounts: &Accounts,
    org: &OrgId,
    wanted: &Wanted,
) -> Option<Result<Warmed, LoadError>> {
    let deadline = Instant::now() + BUDGET_MAX;
    loop {
        let warmed = library.warm(accounts, org, wanted, Purpose::Warming).await?;
        match warmed.as_ref().err().and_then(budget_wait) {
            Some(wait) if Instant::now() + wait < deadline => sleep(wait.max(LOOK_EVERY)).await,
            _ => return Some(warmed),
        }
    }
}

/// The orgs as they are now.
async fn directory(bus: &Bus, stop: &CancellationToken) -> anyhow::Result<Arc<Directory>> {
    let (orgs, deadline) = (Live::start(bus.clone(), None, stop.clone()).await, Instant::now() + ORGS_MAX);
    while !orgs.is_current() && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
    }
    let directory = orgs.directory().filter(|_| orgs.is_current());
    directory.with_context(|| format!("the broker has told no orgs within {} s", ORGS_MAX.as_secs()))
}

impl Tally {
    fn add(&mut self, warmed: Result<Warmth, ::cache::LoadError>) {
        match warmed {
            Ok(Warmth::Loaded) => self.warmed += 1,
            Ok(Warmth::Already | Warmth::Off) => self.already += 1,
            Ok(Warmth::Elsewhere) => self.elsewhere += 1,
            Err(error) => {
                self.failed += 1;
                self.why.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

fn text(report: &Report) -> String {
    let rows = report.iter().map(|(kind, tally)| {
        let Tally { warmed, already, elsewhere, failed, why } = tally;
        let counts = [warmed, already, elsewhere, failed].map(u64::to_string);
        [vec![(*kind).to_owned()], counts.to_vec(), vec![why.clone().unwrap_or_default()]].concat()
    });
    table(&["KIND", "WARMED", "ALREADY", "ELSEWHERE", "FAILED", "WHY"], rows)
}
