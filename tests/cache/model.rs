//! What the cache promises, as a model of what a test has done and seen: it says which reads were told what they may not be.
//!
//! It knows each event only from when it was seen, and each command only from when it was given. So it accuses by what is
//! certain: a load that was seen to begin before an invalidation was asked for did so. Runs and waits for nothing.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::node::{From, LIFE, Outcome, Told};

/// Copies in a process that has not heard of an invalidation live so long.
const UNHEARD: Duration = Duration::from_secs(1);
/// For so long after its read a load is sure to hold its lease, even if its process is not let on to renew it.
const LEASED: Duration = Duration::from_millis(1_200);
/// Within so long of its beginning a load is seen to begin.
const SEEN: Duration = Duration::from_secs(1);
/// Written times are whole milliseconds.
const ROUNDED: Duration = Duration::from_millis(2);

/// A promise that was not kept.
pub(crate) type Breach = String;

/// A moment of the test, on every clock there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    at: Instant,
    ahead: [Duration; 2],
    /// While clocks are put forward: what they were ahead before.
    ahead_before: [Duration; 2],
}

impl Stamp {
    /// On the clock of this process, at the latest.
    fn on(&self, process: usize) -> Instant {
        self.at + self.ahead[process]
    }

    /// On the clock of this process, if it has not been put forward yet.
    fn before_on(&self, process: usize) -> Instant {
        self.at + self.ahead_before[process]
    }
}

struct Reading {
    process: usize,
    tags: Vec<String>,
    asked: Stamp,
    open: bool,
}

struct Load {
    process: usize,
    began: Stamp,
    ended: Option<(Stamp, Outcome)>,
    /// When its own reader was told: by then its value was kept.
    kept: Option<Stamp>,
}

struct Bump {
    tag: String,
    asked: Stamp,
    acknowledged: Option<Stamp>,
    heard: [Option<Stamp>; 2],
}

/// How often what was seen, so that a test can tell that it saw enough.
#[derive(Debug, Default)]
pub(crate) struct Seen(pub(crate) BTreeMap<String, usize>);

impl Seen {
    pub(crate) fn count(&mut self, what: &str) {
        *self.0.entry(what.to_owned()).or_default() += 1;
    }
}

/// The model of one case.
pub(crate) struct Model {
    ahead: [Duration; 2],
    ahead_before: [Duration; 2],
    reads: BTreeMap<usize, Reading>,
    /// By the number of the read whose load it is.
    loads: BTreeMap<usize, Load>,
    bumps: Vec<Bump>,
    /// Since when Redis was there for both, with all that it was told.
    calm: Option<Stamp>,
    pub(crate) seen: Seen,
}

impl Model {
    pub(crate) fn new(seen: Seen) -> Self {
        let (reads, loads, bumps) = Default::default();
        let ahead = [Duration::ZERO; 2];
        Self { ahead, ahead_before: ahead, reads, loads, bumps, calm: None, seen }
    }

    fn now(&self) -> Stamp {
        Stamp { at: Instant::now(), ahead: self.ahead, ahead_before: self.ahead_before }
    }

    // ---- what is done ----

    /// A read is about to be asked for; its number.
    pub(crate) fn asks(&mut self, process: usize, tags: Vec<String>) -> usize {
        let (read, asked) = (self.reads.len(), self.now());
        self.reads.insert(read, Reading { process, tags, asked, open: true });
        read
    }

    /// A load is about to be ended.
    pub(crate) fn ends(&mut self, load: usize, with: Outcome) {
        let now = self.now();
        self.loads.get_mut(&load).expect("it has begun").ended = Some((now, with));
    }

    /// An invalidation is about to be asked for; its number.
    pub(crate) fn bumps(&mut self, tag: &str) -> usize {
        self.bumps.push(Bump { tag: tag.to_owned(), asked: self.now(), acknowledged: None, heard: [None; 2] });
        self.bumps.len() - 1
    }

    /// It has been acknowledged.
    pub(crate) fn acknowledged(&mut self, bump: usize) {
        self.bumps[bump].acknowledged = Some(self.now());
    }

    /// A process has heard of it.
    pub(crate) fn heard(&mut self, bump: usize, process: usize) {
        self.bumps[bump].heard[process] = Some(self.now());
    }

    /// The clocks of these processes are about to be put forward.
    pub(crate) fn advances(&mut self, processes: &[usize], by: Duration) {
        processes.iter().for_each(|process| self.ahead[*process] += by);
    }

    /// This process's clock has been put forward.
    pub(crate) fn advanced(&mut self, process: usize) {
        self.ahead_before[process] = self.ahead[process];
    }

    /// How far this process's clock is ahead of the machine's.
    pub(crate) fn ahead(&self, process: usize) -> Duration {
        self.ahead[process]
    }

    /// A read has been dropped.
    pub(crate) fn gave_up(&mut self, read: usize) {
        self.reads.get_mut(&read).expect("it was asked for").open = false;
    }

    /// Redis is about to lose what it was told, or not to be there.
    pub(crate) fn troubled(&mut self) {
        self.calm = None;
    }

    /// Redis is there again for both processes, and nothing asked of it before is under way.
    pub(crate) fn calmed(&mut self) {
        self.calm = Some(self.now());
    }

    /// The process is gone, with its loads and readers.
    pub(crate) fn crashed(&mut self, process: usize) {
        let now = self.now();
        for reading in self.reads.values_mut().filter(|reading| reading.process == process) {
            reading.open = false;
        }
        for load in self.loads.values_mut().filter(|load| load.process == process) {
            load.ended.get_or_insert((now, Outcome::Failed));
        }
    }

    // ---- what is there ----

    /// The loads that have begun and not ended.
    pub(crate) fn running(&self) -> Vec<usize> {
        self.loads.iter().filter(|(_, load)| load.ended.is_none()).map(|(load, _)| *load).collect()
    }

    /// The reads that have no answer yet.
    pub(crate) fn open(&self) -> Vec<usize> {
        self.reads.iter().filter(|(_, reading)| reading.open).map(|(read, _)| *read).collect()
    }

    /// The process that this read is or was in.
    pub(crate) fn process_of(&self, read: usize) -> usize {
        self.reads[&read].process
    }

    /// The open reads that no load stands in the way of, so that something must happen to them.
    pub(crate) fn due(&self) -> Vec<usize> {
        let running = self.running();
        let waits = |read: &usize| running.iter().any(|load| self.reads[load].tags == self.reads[read].tags);
        self.open().into_iter().filter(|read| !waits(read)).collect()
    }

    // ---- what is seen ----

    /// A load has begun. One at a time per process; over both, while Redis is there and the older one holds its lease.
    pub(crate) fn began(&mut self, load: usize) -> Result<(), Breach> {
        let (now, reading) = (self.now(), &self.reads[&load]);
        for other in self.running().into_iter().filter(|other| self.reads[other].tags == reading.tags) {
            let same_process = self.loads[&other].process == reading.process;
            let leased = now.at - self.reads[&other].asked.at < LEASED;
            if same_process || (leased && self.is_calm(other) && self.is_calm(load)) {
                return Err(format!("load {load} began while load {other} of the same key was under way"));
            }
        }
        if let Some(known) = self.known(load, &now) {
            return Err(format!("load {load} began while what load {known} had found was fresh"));
        }
        let began = Load { process: reading.process, began: now, ended: None, kept: None };
        self.loads.insert(load, began);
        Ok(())
    }

    /// A load was dropped on its way. Only the end of its process does that: it is no reader's own.
    pub(crate) fn cut(&mut self, load: usize) -> Result<(), Breach> {
        match self.loads[&load].ended {
            Some(_) => Ok(()),
            None => Err(format!("load {load} was dropped before it ended")),
        }
    }

    /// A read was told something.
    pub(crate) fn told(&mut self, read: usize, told: &Told) -> Result<(), Breach> {
        let now = self.now();
        let Some(reading) = self.reads.get_mut(&read).filter(|reading| reading.open) else { return Ok(()) };
        reading.open = false;
        self.count(read, told);
        let reading = &self.reads[&read];
        let verdict = match told {
            Told::Read { value: Some(load), from, age_ms, stale } => {
                let age = Duration::from_millis(*age_ms);
                self.may_tell(reading, *load, *from).and_then(|()| self.is_dated(reading, *load, age, *stale, &now))
            }
            Told::Read { value: None, from, .. } => self.may_deny(reading, *from),
            Told::Failed(load) => self.may_fail(reading, *load),
            Told::Error(error) => Err(format!("an error that no load had: {error}")),
        };
        // Its own load's value was told: by now it is kept, if it could be.
        if let (Told::Read { from: From::Origin, .. }, Some(load)) = (told, self.loads.get_mut(&read)) {
            load.kept = Some(now);
        }
        verdict.map_err(|breach| format!("read {read}: {breach}"))
    }

    /// Why this load's value may not be told to this read.
    fn may_tell(&self, reading: &Reading, load: usize, from: From) -> Result<(), Breach> {
        let found = self.loads.get(&load).filter(|found| matches!(found.ended, Some((_, Outcome::Found))));
        let Some(found) = found.filter(|_| self.reads[&load].tags == reading.tags) else {
            return Err(format!("was told what load {load} has not found"));
        };
        if let Some(bump) = self.missing(reading, found, from) {
            return Err(format!("was told what load {load} had begun to load before invalidation {bump}"));
        }
        if found.began.on(found.process) + LIFE.stale <= reading.asked.on(reading.process) {
            return Err(format!("was told what load {load} found longer ago than its stale life"));
        }
        Ok(())
    }

    /// Why this age and this mark are wrong.
    fn is_dated(&self, reading: &Reading, load: usize, age: Duration, stale: bool, now: &Stamp) -> Result<(), Breach> {
        let load = &self.loads[&load];
        let (began, asked) = (load.began.on(load.process), reading.asked.on(reading.process));
        let began_before = load.began.before_on(load.process);
        if age + ROUNDED < asked.saturating_duration_since(began) {
            return Err(format!("was told an age of {age:?}, which is too young"));
        }
        if !stale && began + LIFE.fresh + ROUNDED <= asked {
            return Err("what is past its fresh life was told without its mark".to_owned());
        }
        if stale && now.on(reading.process) + SEEN < began_before + LIFE.fresh {
            return Err("what is fresh was told with the mark of the stale".to_owned());
        }
        Ok(())
    }

    /// Why it may not be told that there is none.
    fn may_deny(&self, reading: &Reading, from: From) -> Result<(), Breach> {
        let said = |(number, load): &(&usize, &Load)| {
            matches!(load.ended, Some((_, Outcome::Absent))) && self.reads[number].tags == reading.tags
        };
        let lives = |load: &Load| load.began.on(load.process) + LIFE.absent > reading.asked.on(reading.process);
        let good = |(_, load): (&usize, &Load)| lives(load) && self.missing(reading, load, from).is_none();
        let good = self.loads.iter().filter(said).any(good);
        if good { Ok(()) } else { Err("was told of an absence that no load has found that may be told".to_owned()) }
    }

    /// Why it may not be told that this load failed: errors are shared, and never kept.
    fn may_fail(&self, reading: &Reading, load: usize) -> Result<(), Breach> {
        let ended = self.loads.get(&load).and_then(|load| load.ended);
        let failed = matches!(ended, Some((at, Outcome::Failed)) if at.at >= reading.asked.at);
        let shared = |other: &Reading| other.tags == reading.tags && other.process == reading.process;
        let same = self.reads.get(&load).is_some_and(shared);
        if failed && same {
            Ok(())
        } else {
            Err(format!("was told that load {load} failed, which had not while it waited"))
        }
    }

    /// The first invalidation that this load may not lack: acknowledged before the read, asked for after the load began. A
    /// process's own copy may lack what the process has not heard of, for a second of its clock.
    fn missing(&self, reading: &Reading, load: &Load, from: From) -> Option<usize> {
        self.bumps.iter().position(|bump| {
            let Some(acknowledged) = bump.acknowledged.filter(|at| at.at < reading.asked.at) else { return false };
            let heard = bump.heard[reading.process].is_some_and(|at| at.at < reading.asked.at);
            let long = acknowledged.on(reading.process) + UNHEARD <= reading.asked.on(reading.process);
            reading.tags.contains(&bump.tag)
                && load.began.at < bump.asked.at
                && (from != From::Process || heard || long)
        })
    }

    /// The load whose find makes it needless to load for this read: kept, fresh, and not invalidated.
    fn known(&self, read: usize, now: &Stamp) -> Option<usize> {
        let reading = &self.reads[&read];
        let of_key = self.loads.iter().filter(|(number, _)| self.reads[number].tags == reading.tags);
        let (number, last) = of_key.max_by_key(|(_, load)| load.began.at)?;
        let ((ended, outcome), kept) = (last.ended?, last.kept?);
        let asked = self.reads[number].asked;
        let life = match outcome {
            Outcome::Found => LIFE.fresh,
            Outcome::Absent => LIFE.absent,
            Outcome::Failed => return None,
        };
        let fresh = now.on(reading.process) + SEEN < last.began.before_on(last.process) + life;
        let moved = self.bumps.iter().any(|bump| reading.tags.contains(&bump.tag) && bump.asked.at >= asked.at);
        let leased = ended.at - asked.at < LEASED;
        let sure = fresh && !moved && leased && kept.at < reading.asked.at && self.is_calm(*number);
        sure.then_some(*number)
    }

    /// Whether all was well with Redis since before this read.
    fn is_calm(&self, read: usize) -> bool {
        self.calm.is_some_and(|calm| calm.at < self.reads[&read].asked.at)
    }

    fn count(&mut self, read: usize, told: &Told) {
        match told {
            Told::Read { value, from, stale, .. } => {
                self.seen.count(&format!("from {from:?}"));
                if *stale {
                    self.seen.count("stale");
                }
                if value.is_none() && *from != From::Origin {
                    self.seen.count("absence known");
                }
                if value.is_some_and(|load| load != read) && *from == From::Origin {
                    self.seen.count("load shared");
                }
            }
            Told::Failed(_) | Told::Error(_) => self.seen.count("failed"),
        }
    }
}
