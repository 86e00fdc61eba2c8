//! The settings of a process's cache.

use std::{collections::HashMap, str::FromStr, time::Duration};

use clap::{Args, ValueEnum};

use crate::kind::{Life, Spec};

/// The settings that every service with a cache has.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Redis' address, `redis://host:6379`; without it there are only the process's own copies and Postgres
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<String>,
    /// `off`: every read goes to the origin
    #[arg(long = "cache", env = "OFFHOOK_CACHE", value_enum, default_value = "on")]
    pub mode: Mode,
    /// Room for the process's own copies, in MiB
    #[arg(long = "cache-memory", env = "OFFHOOK_CACHE_MEMORY_MIB", default_value_t = 64)]
    pub memory_mib: u64,
    /// How long one operation of Redis or of its stand-in may take, in milliseconds
    #[arg(long = "cache-operation", env = "OFFHOOK_CACHE_OPERATION_MS", default_value_t = 100)]
    pub operation_ms: u64,
    /// Lives that differ from `offhook cache kinds`: `contact=60s/10m,prompt=1m/1day` (fresh/stale)
    #[arg(long = "cache-lives", env = "OFFHOOK_CACHE_LIVES", value_delimiter = ',')]
    pub lives: Vec<OtherLife>,
}

/// See [`Settings::mode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// All levels.
    On,
    /// No level.
    Off,
}

/// A kind's life by setting, `kind=fresh/stale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherLife {
    kind: String,
    fresh: Duration,
    stale: Duration,
}

impl FromStr for OtherLife {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, lives) = text.split_once('=').ok_or("write kind=fresh/stale, such as contact=60s/10m")?;
        let (fresh, stale) = lives.split_once('/').ok_or("write fresh/stale, such as 60s/10m")?;
        let duration =
            |text: &str| humantime::parse_duration(text.trim()).map_err(|error| format!("{text:?}: {error}"));
        let (fresh, stale) = (duration(fresh)?, duration(stale)?);
        if stale < fresh {
            return Err(format!("{kind}: stale counts from the load like fresh, so it can't be less"));
        }
        Ok(Self { kind: kind.trim().to_owned(), fresh, stale })
    }
}

impl Settings {
    /// What is wrong with the settings for these kinds, all of it at once.
    #[must_use]
    pub fn check(&self, kinds: &[Spec]) -> Vec<String> {
        let known = |life: &&OtherLife| kinds.iter().any(|kind| kind.name == life.kind);
        let unknown = self.lives.iter().filter(|life| !known(life));
        let mut faults: Vec<String> = unknown
            .map(|life| format!("OFFHOOK_CACHE_LIVES: there is no kind {:?}; see `offhook cache kinds`", life.kind))
            .collect();
        if let Some(Err(error)) = self.redis_url.as_deref().map(redis::Client::open) {
            faults.push(format!("REDIS_URL: {error}"));
        }
        if self.operation_ms == 0 {
            faults.push("OFFHOOK_CACHE_OPERATION_MS: nothing takes no time; 100 is usual".to_owned());
        }
        faults
    }

    /// The kinds as these settings have them live.
    #[must_use]
    pub fn apply(&self, kinds: &[Spec]) -> Vec<Spec> {
        let others: HashMap<&str, &OtherLife> = self.lives.iter().map(|life| (life.kind.as_str(), life)).collect();
        let with = |spec: &Spec| match others.get(spec.name) {
            Some(other) => spec.living(Life { fresh: other.fresh, stale: other.stale, ..spec.life }),
            None => spec.living(spec.life),
        };
        kinds.iter().map(with).collect()
    }
}
