//! Things that are cached only here, and caches of several processes in one.

use std::time::Duration;

use cache::{Cache, Clock, Key, Kind, Life, Mode, OrgTag, Parts, Piece, Settings, Spec, Tag};
use contract::OrgId;
use testkit::{World, until};

/// A thing with a name, which is its tag.
pub(crate) struct Thing {
    org: OrgId,
    name: String,
}

impl Thing {
    pub(crate) fn new(name: &str) -> Self {
        Self { org: "demo".parse().expect("an org id"), name: name.to_owned() }
    }

    pub(crate) fn tags(&self) -> Vec<OrgTag> {
        self.key().tags().collect()
    }
}

impl Kind for Thing {
    const SPEC: Spec = Spec {
        name: "thing",
        about: "a number, for tests",
        shape: 1,
        pieces: &[Piece::Tag("thing", &["name"])],
        life: Life {
            fresh: Duration::from_secs(60),
            stale: Duration::from_secs(600),
            in_process: Duration::from_secs(1),
            absent: Duration::from_secs(30),
        },
        compress_over: 1024,
        load_max: Duration::from_secs(30),
    };
    type Value = usize;

    fn key(&self) -> Key {
        Key::of(&self.org).tag(Tag::new("thing").part(&self.name))
    }
}

/// Caches as so many processes would have them, each connected.
pub(crate) async fn caches<const N: usize>(world: &World) -> [Cache; N] {
    let caches = std::array::from_fn(|_| cache(world, Clock::default()));
    for cache in &caches {
        until("the cache is connected", async || cache.is_connected().then_some(())).await;
    }
    caches
}

pub(crate) fn cache(world: &World, clock: Clock) -> Cache {
    let settings = Settings {
        redis_url: Some(world.redis.url()),
        mode: Mode::On,
        memory_mib: 8,
        operation_ms: 5_000,
        lives: Vec::new(),
    };
    let parts = Parts { kinds: vec![Thing::SPEC], standby: Some(world.pool.clone()), announce: None, clock };
    Cache::start(&settings, parts).expect("an address of Redis")
}
