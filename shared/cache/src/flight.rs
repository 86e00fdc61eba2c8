//! What a flight does: asks for the lease, loads once for all, and keeps the value where everybody finds it.
//!
//! Without Redis nobody can be asked to wait, so each process loads for itself. A fill that an invalidation has overtaken is
//! refused by the level itself; its value is told to those whose reads began before.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use metrics::{counter, histogram};
use tokio::time::{self, sleep};
use tracing::Instrument as _;

use crate::{
    cache::{Found, Inner, Subject},
    entry::{Generation, Times, encode},
    flights::Landed,
    kind::Spec,
    level::{Filled, Level, Opened},
    load::{Fresh, Load, LoadError},
    local::Copy,
    remote::{Lease, Remote},
    standby::LIFE_MAX,
};

/// A lease that is not renewed ends after so long: its holder is dead.
const LEASE: Duration = Duration::from_millis(1_500);
/// How often the holder of a lease renews it.
const RENEW_EVERY: Duration = Duration::from_millis(400);
/// How long others wait for the holder of a lease; longer than a lease, so that one of them can take over.
const WAIT_MAX: Duration = Duration::from_millis(2_500);
/// Between two looks at what the holder has done, in milliseconds; the greater the longer it takes.
const LOOK_EVERY_MS: std::ops::RangeInclusive<u64> = 5..=50;
/// Generations live so much longer than any value that was loaded under them.
const GENERATION_MARGIN: Duration = Duration::from_hours(1);

/// Whose turn it is to load.
enum Turn {
    /// Ours, under this lease and these generations.
    Ours(Lease, Vec<Generation>),
    /// Nobody's: somebody else has just done it.
    Done(Copy),
    /// Somebody else's, for longer than we wait.
    Theirs,
    /// Redis is away, so nobody can tell.
    Unknown,
}

impl Inner {
    /// Loads behind the reader's back if what it was told is past its fresh time, unless somebody is at it.
    pub(crate) fn refresh_behind(self: &Arc<Self>, told: &Copy, subject: impl FnOnce() -> Subject, load: Load) {
        if told.times.fresh_until > self.clock.wall() {
            return;
        }
        let (subject, seen) = (subject(), told.times.bytes().to_vec());
        let Some(place) = self.refreshes.try_take(subject.spec.name, &subject.org) else {
            counter!("offhook_cache_refreshes_skipped_total", "kind" => subject.spec.name).increment(1);
            return;
        };
        let inner = Arc::clone(self);
        if self.cooling.contains_key(&subject.identity) {
            return;
        }
        if let (_, Some(departure)) = self.flights.join(&subject.identity) {
            let flight = async move {
                let landed = inner.fly(&subject, load, seen, false).await;
                if matches!(landed, Landed::Failed(..)) {
                    inner.cooling.insert(subject.identity, ());
                }
                departure.land(landed);
                drop(place);
            };
            tokio::spawn(flight.in_current_span());
        }
    }

    /// One flight, from asking for the lease to the filled cache. `seen` are the times of the entry that is to be replaced;
    /// a `patient` flight waits for another process that loads.
    pub(crate) async fn fly(&self, subject: &Subject, load: Load, seen: Vec<u8>, patient: bool) -> Landed {
        let Some(_place) = self.places.take(subject.spec.name, &subject.org, subject.spec.load_max).await else {
            return Landed::Failed(LoadError::Crowded, self.clock.steady());
        };
        let turn = match &self.remote {
            Some(remote) => self.turn(remote, subject, seen, patient).await,
            None => Turn::Unknown,
        };
        match (turn, &self.remote) {
            (Turn::Ours(lease, generations), Some(remote)) => {
                self.load_leased(remote, subject, load, &lease, &generations).await
            }
            (Turn::Done(copy), _) => Landed::Value(copy),
            (Turn::Theirs, _) if !patient => Landed::Elsewhere,
            (Turn::Theirs, _) => self.load_alone(subject, load).await,
            // A full Redis is asked first all the same, so nobody would find what stands in for it.
            (Turn::Unknown, _) if self.is_connected() => self.load_alone(subject, load).await,
            (Turn::Ours(..) | Turn::Unknown, _) => self.load_beside(subject, load).await,
        }
    }

    /// Waits for its turn.
    async fn turn(&self, remote: &Remote, subject: &Subject, mut seen: Vec<u8>, patient: bool) -> Turn {
        let lease = Lease::new(LEASE);
        let (begun, mut pauses) = (time::Instant::now(), LOOK_EVERY_MS);
        loop {
            let as_of = self.clock.steady();
            let opened = remote.open(&subject.names, &lease, generations_kept(&subject.spec), &seen).await;
            let Ok(Opened { entry, leased, generations }) = opened else { return Turn::Unknown };
            if let Some(entry) = entry {
                let now: Vec<_> = generations.iter().copied().map(Some).collect();
                match self.judge(subject, &entry, &now, Level::Redis, as_of) {
                    Found::Copy(copy) => return Turn::Done(copy),
                    // Of a clock ahead of ours, or unreadable: to be replaced.
                    Found::Nothing(times) => seen = times,
                }
            } else if leased {
                return Turn::Ours(lease, generations);
            } else if !patient {
                return Turn::Theirs;
            }
            if begun.elapsed() >= WAIT_MAX {
                return Turn::Theirs;
            }
            let pause = pauses.next().unwrap_or(*LOOK_EVERY_MS.end());
            sleep(Duration::from_millis(fastrand::u64(pause / 2 + 1..=pause))).await;
        }
    }

    /// Loads while others wait, and fills Redis.
    async fn load_leased(
        &self,
        remote: &Remote,
        subject: &Subject,
        load: Load,
        lease: &Lease,
        generations: &[Generation],
    ) -> Landed {
        let Subject { spec, names, .. } = subject;
        let renewing = async {
            loop {
                sleep(RENEW_EVERY).await;
                remote.renew(names, lease).await.ok();
            }
        };
        let loaded = tokio::select! {
            loaded = self.load(spec, load) => loaded,
            () = renewing => Err(LoadError::Abandoned),
        };
        let (fresh, mut copy) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                let failed = Landed::Failed(error, self.clock.steady());
                remote.release(names, lease).await.ok();
                return failed;
            }
        };
        let life = copy.times.stale_until.since(self.clock.wall());
        if !fresh.keepable || life.is_zero() {
            count_fill(spec, "unfit");
            remote.release(names, lease).await.ok();
            return Landed::Value(copy);
        }
        let entry = encode(spec, fresh.json.as_deref(), &copy.times, generations, subject.warming);
        copy.warmed = subject.warming;
        let as_of = self.clock.steady();
        let filled = remote.fill(names, lease, &entry, life, generations_kept(spec), generations).await;
        count_fill(
            spec,
            match filled {
                Ok(Filled::Kept) => "kept",
                Ok(Filled::Moved) => "moved",
                Ok(Filled::LeaseLost) => "lease_lost",
                Err(_) => "away",
            },
        );
        if filled == Ok(Filled::Kept) {
            copy.as_of = as_of;
        }
        if matches!(filled, Ok(Filled::Kept) | Err(_)) {
            self.keep(subject, copy.clone());
        }
        Landed::Value(copy)
    }

    /// Loads while Redis is away, and fills Postgres behind the reader's back.
    async fn load_beside(&self, subject: &Subject, load: Load) -> Landed {
        let Some(standby) = &self.standby else { return self.load_alone(subject, load).await };
        let Ok(generations) = standby.open(&subject.names).await else { return self.load_alone(subject, load).await };
        let (fresh, copy) = match self.load(&subject.spec, load).await {
            Ok(loaded) => loaded,
            Err(error) => return Landed::Failed(error, self.clock.steady()),
        };
        self.keep(subject, copy.clone());
        if fresh.keepable {
            let times = copy.times.within(LIFE_MAX);
            let entry = encode(&subject.spec, fresh.json.as_deref(), &times, &generations, subject.warming);
            let life = times.stale_until.since(self.clock.wall());
            let (standby, names) = (standby.clone(), subject.names.clone());
            tokio::spawn(async move { standby.fill(&names, &entry, life, &generations).await });
        }
        Landed::Value(copy)
    }

    /// Loads for this process alone.
    pub(crate) async fn load_alone(&self, subject: &Subject, load: Load) -> Landed {
        match self.load(&subject.spec, load).await {
            Ok((_, copy)) => {
                self.keep(subject, copy.clone());
                Landed::Value(copy)
            }
            Err(error) => Landed::Failed(error, self.clock.steady()),
        }
    }

    /// The load itself.
    pub(crate) async fn load(&self, spec: &Spec, load: Load) -> Result<(Fresh, Copy), LoadError> {
        let (built, begun, timer) = (self.clock.wall(), self.clock.steady(), Instant::now());
        let loaded = load.await;
        let result = if loaded.is_ok() { "loaded" } else { "failed" };
        histogram!("offhook_cache_load_seconds", "kind" => spec.name, "result" => result).record(timer.elapsed());
        let fresh = loaded?;
        let copy = Copy {
            value: fresh.value.clone(),
            times: Times::new(spec, built, fresh.value.is_none()),
            level: Level::Origin,
            as_of: begun,
            length: fresh.json.as_ref().map_or(0, Vec::len),
            warmed: false,
        };
        Ok((fresh, copy))
    }
}

fn generations_kept(spec: &Spec) -> Duration {
    spec.life.stale.max(spec.life.absent) + GENERATION_MARGIN
}

fn count_fill(spec: &Spec, result: &'static str) {
    counter!("offhook_cache_fills_total", "kind" => spec.name, "result" => result).increment(1);
}
