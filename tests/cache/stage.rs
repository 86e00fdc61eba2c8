//! Two processes and a Redis on which one case is played, step by step; what happens is told to the model.
//!
//! After each step everything that can run comes to rest: a read without an answer has a load of its key before it. The model
//! decides what is a breach; this only does and listens.

use std::{collections::VecDeque, time::Duration};

use cache::Bump;
use testkit::{LIMIT, World, until};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    model::{Breach, Model, Seen},
    node::{Command, Event, Outcome, Setup},
    peer::{Peer, Place},
};

/// Silence of all processes for so long counts as rest, where no event tells of it: what is only missed is a certain order.
const QUIET: Duration = Duration::from_millis(1);
/// More events than ever wait to be taken.
const EVENTS_MAX: usize = 10_000;
/// Clocks of processes differ by less.
const APART_MAX: Duration = Duration::from_millis(950);
/// Where no Redis is.
const NOWHERE: &str = "redis://127.0.0.1:1";
/// The tags of each key.
const KEYS: [&[usize]; 3] = [&[0, 1], &[0], &[1]];

/// Whose clock is put forward.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who {
    Both,
    /// One of them, if they don't get too far apart by it.
    One(usize),
}

/// How Redis goes away.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Away {
    Killed,
    Frozen,
}

/// One step. Numbers choose among what is there, round and round, the newest load first; a step without anything to choose is
/// none.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Read {
        process: usize,
        key: usize,
    },
    Finish {
        nth: usize,
        with: Outcome,
    },
    GiveUp {
        nth: usize,
    },
    Bump {
        process: usize,
        tag: usize,
    },
    /// The oldest announcement arrives.
    Hear,
    /// The oldest announcement is lost.
    Lose,
    Advance {
        who: Who,
        by: Duration,
    },
    Flush,
    Leave(Away),
    Return,
    Crash {
        process: usize,
    },
}

/// One case.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// This process never reaches Redis, while the other one may.
    pub(crate) cut_off: Option<usize>,
    pub(crate) steps: Vec<Step>,
}

/// Which life of which process an event is from.
type Mark = (usize, usize);

/// The stage of one case.
pub(crate) struct Stage<'a> {
    world: &'a mut World,
    place: Place,
    /// Distinguishes the tags of this case from those of all others.
    nth: usize,
    cut_off: Option<usize>,
    peers: [Peer; 2],
    lives: [usize; 2],
    sender: mpsc::Sender<(Mark, Event)>,
    events: mpsc::Receiver<(Mark, Event)>,
    model: Model,
    /// Announcements under way: the invalidation, to whom.
    announced: VecDeque<(usize, usize, Bump)>,
    away: Option<Away>,
    history: Vec<String>,
}

/// Plays a case from the start of its processes to the end of all their reads; a breach comes with its history.
pub(crate) async fn play(
    world: &mut World,
    place: Place,
    nth: usize,
    case: &Case,
    seen: &mut Seen,
) -> Result<(), Breach> {
    let mut stage = Stage::set(world, place, nth, case.cut_off, std::mem::take(seen)).await;
    let mut verdict = stage.back().await;
    for step in &case.steps {
        if verdict.is_ok() {
            verdict = stage.step(*step).await;
        }
    }
    if verdict.is_ok() {
        verdict = stage.end().await;
    }
    stage.repair().await;
    *seen = std::mem::take(&mut stage.model.seen);
    verdict.map_err(|breach| format!("{breach}\n  {}\n", stage.history.join("\n  ")))
}

impl<'a> Stage<'a> {
    async fn set(world: &'a mut World, place: Place, nth: usize, cut_off: Option<usize>, seen: Seen) -> Self {
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let start = async |process| {
            let setup = setup(world, cut_off == Some(process));
            Peer::start(place, &setup, (process, 0), sender.clone()).await
        };
        let (peers, lives, model) = ([start(0).await, start(1).await], [0; 2], Model::new(seen));
        let (announced, away, history) = Default::default();
        Self { world, place, nth, cut_off, peers, lives, sender, events, model, announced, away, history }
    }

    async fn step(&mut self, step: Step) -> Result<(), Breach> {
        self.history.push(format!("{step:?}"));
        match step {
            Step::Read { process, key } => self.read(process, key).await,
            Step::Finish { nth, with } => self.finish(nth, with).await?,
            Step::GiveUp { nth } => self.give_up(nth).await?,
            Step::Bump { process, tag } => self.bump(process, &self.tag(tag)).await?,
            Step::Hear => self.hear().await?,
            Step::Lose => drop(self.announced.pop_front()),
            Step::Advance { who, by } => self.advance(who, by).await?,
            Step::Flush => self.flush().await,
            Step::Leave(how) => self.leave(how).await,
            Step::Return => self.back().await?,
            Step::Crash { process } => self.crash(process).await?,
        }
        self.rest().await
    }

    /// Lets every load find something, until no read is left.
    async fn end(&mut self) -> Result<(), Breach> {
        self.back().await?;
        self.rest().await?;
        while !self.model.running().is_empty() {
            self.finish(0, Outcome::Found).await?;
            self.rest().await?;
        }
        let open = self.model.open();
        if open.is_empty() { Ok(()) } else { Err(format!("reads {open:?} never ended")) }
    }

    // ---- the steps ----

    async fn read(&mut self, process: usize, key: usize) {
        let tags: Vec<String> = KEYS[key].iter().map(|tag| self.tag(*tag)).collect();
        let read = self.model.asks(process, tags.clone());
        self.history.push(format!("  read {read}"));
        self.peers[process].send(Command::Read { read, tags }).await;
    }

    async fn finish(&mut self, nth: usize, with: Outcome) -> Result<(), Breach> {
        let running = self.model.running();
        if running.is_empty() {
            return Ok(());
        }
        let load = running[running.len() - 1 - nth % running.len()];
        self.model.ends(load, with);
        self.history.push(format!("  load {load} ends: {with:?}"));
        self.peers[self.model.process_of(load)].send(Command::Finish { load, with }).await;
        self.until(|event| matches!(event, Event::Ended { load: ended } if *ended == load)).await.map(drop)
    }

    async fn give_up(&mut self, nth: usize) -> Result<(), Breach> {
        let open = self.model.open();
        if open.is_empty() {
            return Ok(());
        }
        let read = open[nth % open.len()];
        self.history.push(format!("  read {read} gives up"));
        self.peers[self.model.process_of(read)].send(Command::GiveUp { read }).await;
        self.until(|event| matches!(event, Event::GaveUp)).await?;
        self.model.gave_up(read);
        Ok(())
    }

    async fn bump(&mut self, process: usize, tag: &str) -> Result<(), Breach> {
        let bump = self.model.bumps(tag);
        if self.acknowledges(process, tag, bump).await? {
            self.model.acknowledged(bump);
            self.model.seen.count("bumped");
        } else {
            self.model.seen.count("not bumped");
        }
        self.model.heard(bump, process);
        Ok(())
    }

    /// Whether this process acknowledges an invalidation; its announcement is under the number `bump`.
    async fn acknowledges(&mut self, process: usize, tag: &str, bump: usize) -> Result<bool, Breach> {
        self.peers[process].send(Command::Bump { tag: tag.to_owned() }).await;
        let announced = self.until(|event| matches!(event, Event::Announced { .. })).await?;
        let bumped = self.until(|event| matches!(event, Event::Bumped { .. })).await?;
        if let Event::Announced { bump: words } = announced {
            self.announced.push_back((bump, 1 - process, words));
        }
        Ok(matches!(bumped, Event::Bumped { acknowledged: true }))
    }

    async fn hear(&mut self) -> Result<(), Breach> {
        let Some((bump, process, words)) = self.announced.pop_front() else { return Ok(()) };
        self.peers[process].send(Command::Hear { bump: words }).await;
        self.until(|event| matches!(event, Event::Done)).await?;
        self.model.heard(bump, process);
        Ok(())
    }

    async fn advance(&mut self, who: Who, by: Duration) -> Result<(), Breach> {
        let processes = match who {
            Who::Both => vec![0, 1],
            Who::One(one) if (self.model.ahead(one) + by).saturating_sub(self.model.ahead(1 - one)) < APART_MAX => {
                vec![one]
            }
            Who::One(_) => Vec::new(),
        };
        self.model.advances(&processes, by);
        for process in processes {
            self.advance_one(process, by).await?;
        }
        Ok(())
    }

    async fn advance_one(&mut self, process: usize, by: Duration) -> Result<(), Breach> {
        let ms = u64::try_from(by.as_millis()).expect("a short time");
        self.peers[process].send(Command::Advance { ms }).await;
        self.until(|event| matches!(event, Event::Done)).await?;
        self.model.advanced(process);
        Ok(())
    }

    async fn flush(&mut self) {
        if self.away.is_none() {
            self.model.troubled();
            self.world.redis_command(&["FLUSHALL"]).await;
            self.calmed();
        }
    }

    async fn leave(&mut self, how: Away) {
        if self.away.is_some() {
            return;
        }
        self.model.troubled();
        match how {
            Away::Killed => self.world.redis.kill().await.expect("Redis can be killed"),
            Away::Frozen => self.world.redis.freeze().expect("Redis can be frozen"),
        }
        self.away = Some(how);
    }

    /// Redis comes back, and both processes find it. Who then acknowledges an invalidation has nothing from before under way:
    /// answers come in order.
    async fn back(&mut self) -> Result<(), Breach> {
        self.repair().await;
        for process in [0, 1] {
            self.finds_redis(process).await?;
        }
        self.calmed();
        Ok(())
    }

    fn calmed(&mut self) {
        if self.cut_off.is_none() {
            self.model.calmed();
        }
    }

    async fn repair(&mut self) {
        match self.away.take() {
            Some(Away::Killed) => self.world.redis.restart().await.expect("Redis starts again"),
            Some(Away::Frozen) => self.world.redis.thaw().expect("Redis can be thawed"),
            None => {}
        }
    }

    async fn finds_redis(&mut self, process: usize) -> Result<(), Breach> {
        if self.cut_off == Some(process) {
            return Ok(());
        }
        let (tag, mut verdict) = (self.tag(usize::MAX), Ok(()));
        until("the process has found Redis", async || match self.acknowledges(process, &tag, usize::MAX).await {
            Ok(acknowledged) => acknowledged.then_some(()),
            Err(breach) => {
                verdict = Err(breach);
                Some(())
            }
        })
        .await;
        // Nobody is concerned.
        self.announced.retain(|(bump, ..)| *bump != usize::MAX);
        verdict
    }

    /// The process dies with all it holds, and another one takes its place.
    async fn crash(&mut self, process: usize) -> Result<(), Breach> {
        self.lives[process] += 1;
        let mark = (process, self.lives[process]);
        self.model.crashed(process);
        let setup = setup(self.world, self.cut_off == Some(process));
        self.peers[process] = Peer::start(self.place, &setup, mark, self.sender.clone()).await;
        self.advance_one(process, self.model.ahead(process)).await?;
        if self.away.is_none() { self.finds_redis(process).await } else { Ok(()) }
    }

    // ---- what happens ----

    /// Takes events until one that is waited for.
    async fn until(&mut self, wanted: impl Fn(&Event) -> bool) -> Result<Event, Breach> {
        loop {
            let Ok(Some((mark, event))) = timeout(LIMIT, self.events.recv()).await else {
                return Err("a process does not do as it is told".to_owned());
            };
            if self.take(mark, &event)? && wanted(&event) {
                return Ok(event);
            }
        }
    }

    /// Takes events until nothing is due and nothing comes.
    async fn rest(&mut self) -> Result<(), Breach> {
        loop {
            let due = self.model.due();
            let limit = if due.is_empty() { QUIET } else { LIMIT };
            match timeout(limit, self.events.recv()).await {
                Ok(Some((mark, event))) => drop(self.take(mark, &event)?),
                _ if due.is_empty() => return Ok(()),
                _ => return Err(format!("nothing comes of reads {due:?}")),
            }
        }
    }

    /// Tells the model; whether the event is from a process that lives.
    fn take(&mut self, (process, life): Mark, event: &Event) -> Result<bool, Breach> {
        if self.lives[process] != life {
            return Ok(false);
        }
        match event {
            Event::Began { .. } | Event::Cut { .. } | Event::Told { .. } => self.history.push(format!("  {event:?}")),
            _ => {}
        }
        match event {
            Event::Began { load } => self.model.began(*load)?,
            Event::Cut { load } => self.model.cut(*load)?,
            Event::Told { read, told } => self.model.told(*read, told)?,
            _ => {}
        }
        Ok(true)
    }

    fn tag(&self, tag: usize) -> String {
        format!("{}-{tag}", self.nth)
    }
}

fn setup(world: &World, cut_off: bool) -> Setup {
    let redis = if cut_off { NOWHERE.to_owned() } else { world.redis.url() };
    Setup { redis, database: world.database_url.clone() }
}
