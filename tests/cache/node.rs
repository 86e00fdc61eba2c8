//! A process with a cache, led from outside: it obeys commands and tells what happens to it.
//!
//! Loads are gated: each begins, says so, and ends when and how it is told to. Decides nothing and checks nothing.

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use cache::{Announce, Bump, Cache, Clock, Key, Kind, Level, Life, Loaded, Mode, Parts, Piece, Settings, Spec, Tag};
use contract::OrgId;
use serde::{Deserialize, Serialize};
use tokio::{runtime::Handle, sync::oneshot, task::AbortHandle};

/// The life of everything cached here.
pub(crate) const LIFE: Life = Life {
    fresh: Duration::from_secs(60),
    stale: Duration::from_secs(600),
    in_process: Duration::from_secs(1),
    absent: Duration::from_secs(30),
};
/// How long an operation of Redis may take.
const OPERATION_MS: u64 = 600;

/// What the process is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) redis: String,
    pub(crate) database: String,
}

/// What it is told to do. A read has a number of its own, and its load has the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Read what has these tags, one or two.
    Read {
        read: usize,
        tags: Vec<String>,
    },
    /// End the load that has begun for this read.
    Finish {
        load: usize,
        with: Outcome,
    },
    /// Drop the read.
    GiveUp {
        read: usize,
    },
    Bump {
        tag: String,
    },
    Hear {
        bump: Bump,
    },
    Advance {
        ms: u64,
    },
}

/// How a load ends. What is found is the load's number, and so is what an error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Found,
    Absent,
    Failed,
}

/// What happens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Event {
    Began {
        load: usize,
    },
    /// The load has ended as it was told to.
    Ended {
        load: usize,
    },
    /// The load was dropped before it ended.
    Cut {
        load: usize,
    },
    Told {
        read: usize,
        told: Told,
    },
    /// The read is dropped; it may have been told before.
    GaveUp,
    Announced {
        bump: Bump,
    },
    Bumped {
        acknowledged: bool,
    },
    /// Another command has been obeyed.
    Done,
}

/// What a read was told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Told {
    /// What this load found; `None` for known to be absent.
    Read { value: Option<usize>, from: From, age_ms: u64, stale: bool },
    /// That this load failed.
    Failed(usize),
    /// Any other error.
    Error(String),
}

/// [`Level`], as it travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum From {
    Process,
    Redis,
    Postgres,
    Origin,
}

/// Where events go.
pub(crate) type Sink = Arc<dyn Fn(Event) + Send + Sync>;

/// The process.
pub(crate) struct Node {
    cache: Cache,
    clock: Clock,
    org: OrgId,
    sink: Sink,
    runtime: Handle,
    gates: HashMap<usize, oneshot::Sender<Outcome>>,
    readers: HashMap<usize, AbortHandle>,
}

impl Node {
    /// Starts on the runtime that this is called on.
    pub(crate) fn start(setup: &Setup, sink: Sink) -> Self {
        let settings = Settings {
            redis_url: Some(setup.redis.clone()),
            mode: Mode::On,
            memory_mib: 8,
            operation_ms: OPERATION_MS,
            lives: Vec::new(),
        };
        let clock = Clock::default();
        let parts = Parts {
            kinds: vec![Single::SPEC, Double::SPEC],
            standby: Some(postgres::connect(&setup.database, "cache-node").expect("an address of the database")),
            announce: Some(Arc::new(Herald(Arc::clone(&sink)))),
            clock: clock.clone(),
        };
        let cache = Cache::start(&settings, parts).expect("an address of Redis");
        let org = "demo".parse().expect("an org id");
        let (gates, readers) = Default::default();
        Self { cache, clock, org, sink, runtime: Handle::current(), gates, readers }
    }

    /// Begins to obey; what comes of it, events tell.
    pub(crate) fn obey(&mut self, command: Command) {
        match command {
            Command::Read { read, tags } => self.read(read, &tags),
            Command::Finish { load, with } => {
                // One that was cut off meanwhile has told so.
                self.gates.remove(&load).and_then(|gate| gate.send(with).ok());
            }
            Command::GiveUp { read } => self.give_up(read),
            Command::Bump { tag } => {
                let (cache, sink, tag) = (self.cache.clone(), Arc::clone(&self.sink), named(&tag).of(&self.org));
                self.runtime.spawn(async move {
                    let acknowledged = cache.bump([tag]).await.is_ok();
                    sink(Event::Bumped { acknowledged });
                });
            }
            Command::Hear { bump } => {
                self.cache.hear(&bump);
                (self.sink)(Event::Done);
            }
            Command::Advance { ms } => {
                self.clock.advance(Duration::from_millis(ms));
                (self.sink)(Event::Done);
            }
        }
    }

    fn read(&mut self, read: usize, tags: &[String]) {
        let key = tags.iter().fold(Key::of(&self.org), |key, tag| key.tag(&named(tag)));
        match tags.len() {
            1 => self.read_kind(read, Single(key)),
            _ => self.read_kind(read, Double(key)),
        }
    }

    fn read_kind(&mut self, read: usize, kind: impl Kind<Value = usize> + 'static) {
        let (gate, told) = oneshot::channel();
        let (cache, sink, load) =
            (self.cache.clone(), Arc::clone(&self.sink), load(read, told, Arc::clone(&self.sink)));
        let reader = self.runtime.spawn(async move {
            let told = cache.get(&kind, || load).await.map_or_else(Told::of_error, Told::of_read);
            sink(Event::Told { read, told });
        });
        self.gates.insert(read, gate);
        self.readers.insert(read, reader.abort_handle());
    }

    fn give_up(&mut self, read: usize) {
        if let Some(reader) = self.readers.remove(&read) {
            reader.abort();
        }
        (self.sink)(Event::GaveUp);
    }
}

/// A load that ends as its gate says.
async fn load(load: usize, gate: oneshot::Receiver<Outcome>, sink: Sink) -> Loaded<usize> {
    let mut cut = Cut { load, sink, ended: false };
    (cut.sink)(Event::Began { load });
    let outcome = gate.await;
    cut.ended = true;
    (cut.sink)(Event::Ended { load });
    match outcome {
        Ok(Outcome::Found) => Loaded::Found(load),
        Ok(Outcome::Absent) => Loaded::Absent,
        Ok(Outcome::Failed) | Err(_) => Loaded::Failed(load.to_string().into()),
    }
}

/// Tells of a load that was dropped.
struct Cut {
    load: usize,
    sink: Sink,
    ended: bool,
}

impl Drop for Cut {
    fn drop(&mut self) {
        if !self.ended {
            (self.sink)(Event::Cut { load: self.load });
        }
    }
}

/// Sends announcements out as events.
struct Herald(Sink);

impl Announce for Herald {
    fn announce<'a>(&'a self, bump: &'a Bump) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        (self.0)(Event::Announced { bump: bump.clone() });
        Box::pin(async {})
    }
}

impl Told {
    #[expect(clippy::needless_pass_by_value, reason = "it takes a result's place")]
    fn of_read(read: cache::Read<usize>) -> Self {
        let from = match read.from {
            Level::Process => From::Process,
            Level::Redis => From::Redis,
            Level::Postgres => From::Postgres,
            Level::Origin => From::Origin,
        };
        let age_ms = u64::try_from(read.age.as_millis()).unwrap_or(u64::MAX);
        Self::Read { value: read.value.as_deref().copied(), from, age_ms, stale: read.stale }
    }

    #[expect(clippy::needless_pass_by_value, reason = "it takes a result's place")]
    fn of_error(error: cache::LoadError) -> Self {
        let text = error.to_string();
        text.parse().map_or(Self::Error(text), Self::Failed)
    }
}

fn named(tag: &str) -> Tag {
    Tag::new("thing").part(tag)
}

/// A thing under one tag. Its value is the number of its load.
struct Single(Key);

/// A thing under two.
struct Double(Key);

impl Kind for Single {
    const SPEC: Spec = spec("single", &[Piece::Tag("thing", &["name"])]);
    type Value = usize;

    fn key(&self) -> Key {
        self.0.clone()
    }
}

impl Kind for Double {
    const SPEC: Spec = spec("double", &[Piece::Tag("thing", &["name"]), Piece::Tag("thing", &["other"])]);
    type Value = usize;

    fn key(&self) -> Key {
        self.0.clone()
    }
}

const fn spec(name: &'static str, pieces: &'static [Piece]) -> Spec {
    Spec {
        name,
        about: "the number of its load",
        shape: 1,
        pieces,
        life: LIFE,
        compress_over: 1024,
        load_max: Duration::from_secs(120),
    }
}
