//! `offhook cache`: the table of kinds, how often reads hit, what lies under a key, how to invalidate it and how to warm it.

mod stats;
mod store;
mod warm;

use std::time::Duration;

use ::cache::{Key, Life, Parts, Peek, PeekState, Piece, Settings, Spec};
use anyhow::Context as _;
use bus::Bus;
use clap::{Args, Subcommand};
use context::{Announcer, KINDS, tags};
use contract::{OrgId, PhoneNumber};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::output::{Output, table};

/// How long a command waits for Redis.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Between two looks whether it is there.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What to do with the cache.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Cache {
    /// Everything that is cached: its key, its tags, how long it lives
    Kinds {
        #[command(flatten)]
        settings: Settings,
    },
    /// How often reads hit, from the counters of running services; and how Redis is
    Stats(stats::Stats),
    /// Show what lies under a key, without loading it
    Get {
        /// The kind
        kind: String,
        #[command(flatten)]
        of: Of,
    },
    /// Load what calls will ask for, ahead of them
    Warm(warm::Warm),
    /// Invalidate everything under a tag
    Bump {
        /// The tag
        tag: String,
        #[command(flatten)]
        of: Of,
        /// The broker's address, to tell the running services
        #[arg(long, env = "NATS_URL")]
        nats_url: Option<String>,
    },
}

/// Which one.
#[derive(Debug, Clone, Args)]
pub(crate) struct Of {
    /// The org
    #[arg(long)]
    org: OrgId,
    /// The parts, in the order that `offhook cache kinds` shows
    parts: Vec<String>,
    #[command(flatten)]
    settings: Settings,
    /// The database's address, where the cache is while Redis is away
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

impl Cache {
    /// 0, or 1 when there is nothing to show.
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<u8> {
        match self {
            Self::Kinds { settings } => kinds(&settings, output),
            Self::Stats(stats) => stats.run(output).await,
            Self::Warm(warm) => warm.run(output).await,
            Self::Get { kind, of } => of.get(&kind, output).await,
            Self::Bump { tag, of, nats_url } => of.bump(&tag, nats_url.as_deref(), output).await,
        }
    }
}

fn kinds(settings: &Settings, output: Output) -> anyhow::Result<u8> {
    let faults = settings.check(&KINDS);
    anyhow::ensure!(faults.is_empty(), "{}", faults.join("\n"));
    let kinds = settings.apply(&KINDS);
    let rows = kinds.iter().map(|kind| {
        let Life { fresh, stale, in_process, absent } = kind.life;
        let lives = [fresh, stale, in_process, absent].map(|life| humantime::format_duration(life).to_string());
        [vec![kind.name.to_owned(), pieces(kind)], lives.to_vec(), vec![kind.about.to_owned()]].concat()
    });
    let text = table(&["KIND", "KEY", "FRESH", "STALE", "IN PROCESS", "ABSENT", "WHAT"], rows);
    let all: Vec<_> = kinds
        .iter()
        .map(|kind| {
            let Life { fresh, stale, in_process, absent } = kind.life;
            let tags: Vec<_> = kind.tags().map(|(name, parts)| json!({"name": name, "parts": parts})).collect();
            json!({
                "kind": kind.name, "about": kind.about, "shape": kind.shape, "tags": tags,
                "parts": kind.parts().collect::<Vec<_>>(), "compress_over_bytes": kind.compress_over,
                "fresh_s": fresh.as_secs_f64(), "stale_s": stale.as_secs_f64(),
                "in_process_s": in_process.as_secs_f64(), "absent_s": absent.as_secs_f64(),
            })
        })
        .collect();
    output.result(text, &all);
    Ok(0)
}

/// `tag(part, part) part`, as a key is made.
fn pieces(kind: &Spec) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Tag(name, parts) => format!("{name}({})", parts.join(", ")),
        Piece::Part(name) => (*name).to_owned(),
    };
    kind.pieces.iter().map(piece).collect::<Vec<_>>().join(" ")
}

impl Of {
    async fn get(self, kind: &str, output: Output) -> anyhow::Result<u8> {
        let spec = KINDS.iter().find(|spec| spec.name == kind);
        let spec = spec.with_context(|| format!("there is no kind {kind:?}; see `offhook cache kinds`"))?;
        let key = Key::written(spec, &self.org, &self.canonical()?);
        let key = key.with_context(|| format!("write the parts of {}", pieces(spec)))?;
        let Some(peek) = self.connected(Parts::default()).await?.peek(spec, &key).await else {
            output.result("nothing", &serde_json::Value::Null);
            return Ok(1);
        };
        output.result(told(&peek)?, &peek);
        Ok(0)
    }

    async fn bump(self, tag: &str, nats_url: Option<&str>, output: Output) -> anyhow::Result<u8> {
        let known = KINDS.iter().flat_map(Spec::tags).find(|(name, _)| *name == tag);
        let (name, names) = known.with_context(|| {
            let tags: Vec<&str> = KINDS.iter().flat_map(Spec::tags).map(|(name, _)| name).collect();
            format!("there is no tag {tag:?}; there are: {}", tags.join(", "))
        })?;
        let tag = tags::written(name, &self.canonical()?);
        let tag = tag.with_context(|| format!("write the parts of {name}({})", names.join(", ")))?.of(&self.org);
        let bus = match nats_url {
            Some(url) => Some(Bus::connect(url, "offhook cache").await?),
            None => None,
        };
        let announce = bus.clone().map(|bus| std::sync::Arc::new(Announcer(bus)) as _);
        let bumped = self.connected(Parts { announce, ..Parts::default() }).await?.bump([tag.clone()]).await;
        if let Some(bus) = bus {
            bus.close().await;
        }
        bumped?;
        output.result(format_args!("{tag} is invalidated"), &json!({"bumped": tag}));
        Ok(0)
    }

    /// The parts as keys have them.
    fn canonical(&self) -> anyhow::Result<Vec<String>> {
        let canonical = |part: &String| match part.strip_prefix('+') {
            Some(_) => Ok(part.parse::<PhoneNumber>()?.to_string()),
            None => Ok(part.clone()),
        };
        self.parts.iter().map(canonical).collect()
    }

    /// The cache, when there is a level to be asked.
    async fn connected(&self, parts: Parts) -> anyhow::Result<::cache::Cache> {
        let standby = match self.database_url.as_deref().filter(|url| !url.is_empty()) {
            Some(url) => Some(postgres::connect(url, "offhook cache")?),
            None => None,
        };
        connected(&self.settings, Parts { kinds: KINDS.to_vec(), standby, ..parts }).await
    }
}

/// A cache with these settings, once there is a level to be asked.
async fn connected(settings: &Settings, parts: Parts) -> anyhow::Result<::cache::Cache> {
    anyhow::ensure!(settings.redis_url.is_some(), "REDIS_URL is not set");
    let stands_in = parts.standby.is_some();
    let cache = ::cache::Cache::start(settings, parts)?;
    let deadline = Instant::now() + CONNECT_MAX;
    while !cache.is_connected() && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
    }
    anyhow::ensure!(cache.is_connected() || stands_in, "no answer from Redis within {} s", CONNECT_MAX.as_secs());
    Ok(cache)
}

fn told(peek: &Peek) -> anyhow::Result<String> {
    let state = match peek.state {
        PeekState::Fresh => format!("fresh for {:.0} s", peek.fresh_s),
        PeekState::Stale => format!("stale, told for another {:.0} s", peek.stale_s),
        PeekState::Invalidated => "invalidated".to_owned(),
        PeekState::Expired => "expired".to_owned(),
    };
    let value = match &peek.value {
        Some(value) => serde_json::to_string_pretty(value)?,
        None => "known to be absent".to_owned(),
    };
    Ok(format!("{state}; loaded {:.0} s ago, {} bytes in {:?}\n{value}", peek.age_s, peek.bytes, peek.level))
}
