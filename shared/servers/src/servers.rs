//! All three servers together, in a slot.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{
    find::{Needed, Programs},
    nats::Nats,
    postgres::{Postgres, Settings},
    redis::Redis,
    slot::Slot,
};

/// Where to keep state, and which servers exist already.
#[derive(Debug, Clone)]
pub struct Options {
    /// The `.offhook` directory; its `bin` is looked into for programs.
    pub root: PathBuf,
    /// The name of the state below it: `dev`, `servers`, `test`.
    pub slot: String,
    /// Empty the slot first.
    pub fresh: bool,
    /// A NATS server to use instead of starting one.
    pub nats_url: Option<String>,
    /// A PostgreSQL database to use instead of starting a server.
    pub database_url: Option<String>,
    /// A Redis to use instead of starting one.
    pub redis_url: Option<String>,
}

/// Running servers. Dropping it ends those that it started, but [`Servers::stop`] is the orderly way.
#[derive(Debug)]
pub struct Servers {
    /// Where NATS is.
    pub nats_url: String,
    /// Where the PostgreSQL database is.
    pub database_url: String,
    /// Where Redis is.
    pub redis_url: String,
    nats: Option<Nats>,
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    // Last, so that the slot is given back after the servers have ended.
    slot: Slot,
}

impl Servers {
    /// Takes a slot, starts what is not given, all at once, and waits until they serve. Without anything in the slot this takes about
    /// a second and a half, else less than one.
    ///
    /// # Errors
    /// When programs are missing (all named in one message), no slot is free, or a server does not serve within 30 s (with its last
    /// log lines). Servers that had started are ended.
    pub async fn start(options: Options) -> Result<Self> {
        let Options { root, slot, fresh, nats_url, database_url, redis_url } = options;
        let needed = Needed { nats: nats_url.is_none(), postgres: database_url.is_none(), redis: redis_url.is_none() };
        let programs = Programs::find_needed(&root, needed)?;
        let slot = Slot::take(&root, &slot, fresh).await?;
        let dir = slot.path();
        let (nats, postgres, redis) = tokio::try_join!(
            async { if needed.nats { Nats::start(&programs, &dir.join("nats")).await.map(Some) } else { Ok(None) } },
            async {
                if !needed.postgres {
                    return Ok(None);
                }
                Postgres::start(&programs, &dir.join("postgres"), Settings::default()).await.map(Some)
            },
            async { if needed.redis { Redis::start(&programs, &dir.join("redis")).await.map(Some) } else { Ok(None) } },
        )?;
        let servers = Self {
            nats_url: nats_url.or_else(|| Some(nats.as_ref()?.url())).context("no NATS")?,
            database_url: database_url.or_else(|| Some(postgres.as_ref()?.url())).context("no PostgreSQL")?,
            redis_url: redis_url.or_else(|| Some(redis.as_ref()?.url())).context("no Redis")?,
            nats,
            postgres,
            redis,
            slot,
        };
        tracing::info!(slot = %servers.state_dir().display(), "private servers run");
        Ok(servers)
    }

    /// The slot's directory: ours until the end, emptied by `fresh`. Callers may keep state of their own in it, under other names
    /// than `nats`, `postgres` and `redis`.
    #[must_use]
    pub fn state_dir(&self) -> &Path {
        self.slot.path()
    }

    /// The started nats-server; `None` when one was given. The same for the next two.
    pub fn nats(&mut self) -> Option<&mut Nats> {
        self.nats.as_mut()
    }

    /// The started PostgreSQL.
    pub fn postgres(&mut self) -> Option<&mut Postgres> {
        self.postgres.as_mut()
    }

    /// The started Redis.
    pub fn redis(&mut self) -> Option<&mut Redis> {
        self.redis.as_mut()
    }

    /// Stops what was started, all at once; who does not end within 10 s is killed.
    ///
    /// # Errors
    /// When a server can't be ended; the others are ended all the same.
    pub async fn stop(mut self) -> Result<()> {
        let (nats, postgres, redis) = tokio::join!(
            async { if let Some(s) = &mut self.nats { s.stop().await } else { Ok(()) } },
            async { if let Some(s) = &mut self.postgres { s.stop().await } else { Ok(()) } },
            async { if let Some(s) = &mut self.redis { s.stop().await } else { Ok(()) } },
        );
        nats.and(postgres).and(redis)
    }
}
