//! Loading ahead of the readers, so that they find it.
//!
//! The same flights, leases and fills as a read's, under the same promise; only nobody waits for it. What it has filled is
//! flagged, so that a read of it can be counted. Refuses to wait for another process that is at it.

use std::{sync::Arc, time::Duration};

use metrics::counter;
use tracing::Instrument as _;

use crate::{
    Cache,
    cache::{Found, Subject},
    flights::Landed,
    kind::Kind,
    level::Level,
    load::{LoadError, Loaded, erase},
    local::Copy,
    standby::LIFE_MAX,
};

/// Flights of others that are waited for, before they are left to it.
const ROUNDS_MAX: usize = 3;

/// What a warming found, and how long what lies there now is fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warmed {
    /// What it came to.
    pub warmth: Warmth,
    /// For so long nothing needs to be done again; zero when that is not known.
    pub fresh_for: Duration,
}

/// See [`Warmed::warmth`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Warmth {
    /// It was loaded.
    Loaded,
    /// It was there, and fresh for long enough.
    Already,
    /// Somebody else is loading it.
    Elsewhere,
    /// The cache is off: nothing can be kept.
    Off,
}

impl Warmth {
    /// Its name in metrics and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Already => "already",
            Self::Elsewhere => "elsewhere",
            Self::Off => "off",
        }
    }
}

impl Cache {
    /// Has one thing loaded by `load`, unless what lies in the outer levels is fresh for longer than `ahead` (at most half of
    /// the time that such a value is fresh at all). Counts as no read.
    ///
    /// # Errors
    /// When it had to be loaded and could not be; what was there before stays.
    pub async fn warm<K, F>(&self, kind: &K, ahead: Duration, load: impl FnOnce() -> F) -> Result<Warmed, LoadError>
    where
        K: Kind,
        F: Future<Output = Loaded<K::Value>> + Send + 'static,
    {
        let warmed = self.warm_through(kind, ahead, load).await;
        let result = warmed.as_ref().map_or("failed", |warmed| warmed.warmth.as_str());
        counter!("offhook_cache_warmed_total", "kind" => K::SPEC.name, "result" => result).increment(1);
        warmed
    }

    async fn warm_through<K, F>(&self, kind: &K, ahead: Duration, load: impl FnOnce() -> F) -> Result<Warmed, LoadError>
    where
        K: Kind,
        F: Future<Output = Loaded<K::Value>> + Send + 'static,
    {
        let (inner, spec, key) = (&self.0, self.0.spec::<K>(), kind.key());
        if inner.off {
            return Ok(Warmed { warmth: Warmth::Off, fresh_for: spec.life.fresh });
        }
        let subject = Subject::of::<K>(spec, &key, key.identity(&spec), true);
        for _ in 0..ROUNDS_MAX {
            let seen = match inner.find(&subject).await {
                Found::Copy(copy) if self.lasts(&copy, ahead) => return Ok(self.warmed(Warmth::Already, &copy)),
                Found::Copy(copy) => copy.times.bytes().to_vec(),
                Found::Nothing(seen) => seen,
            };
            let (arrival, departure) = inner.flights.join(&subject.identity);
            if let Some(departure) = departure {
                let inner = Arc::clone(inner);
                let load = erase(load(), spec.load_max);
                // A task of its own: readers may have joined by the time that whoever warms gives up.
                let flight = async move { departure.land(inner.fly(&subject, load, seen, false).await) };
                tokio::spawn(flight.in_current_span());
                return self.landed(arrival.landed().await);
            }
            // A flight that had begun before may have been overtaken by an invalidation: look again.
            if matches!(arrival.landed().await, Some(Landed::Elsewhere)) {
                break;
            }
        }
        self.landed(Some(Landed::Elsewhere))
    }

    fn landed(&self, landed: Option<Landed>) -> Result<Warmed, LoadError> {
        match landed {
            Some(Landed::Value(copy)) if copy.level == Level::Origin => Ok(self.warmed(Warmth::Loaded, &copy)),
            Some(Landed::Value(copy)) => Ok(self.warmed(Warmth::Already, &copy)),
            Some(Landed::Elsewhere) => Ok(Warmed { warmth: Warmth::Elsewhere, fresh_for: Duration::ZERO }),
            Some(Landed::Failed(error, _)) => Err(error),
            None => Err(LoadError::Abandoned),
        }
    }

    fn lasts(&self, copy: &Copy, ahead: Duration) -> bool {
        let whole = copy.times.fresh_until.since(copy.times.built);
        copy.times.fresh_until.since(self.0.clock.wall()) > ahead.min(whole / 2)
    }

    fn warmed(&self, warmth: Warmth, copy: &Copy) -> Warmed {
        let fresh_for = copy.times.fresh_until.since(self.0.clock.wall());
        // What stands in for Redis keeps it no longer than that, and is empty once Redis is back.
        let kept = if self.0.is_connected() { fresh_for } else { fresh_for.min(LIFE_MAX) };
        Warmed { warmth, fresh_for: kept }
    }
}
