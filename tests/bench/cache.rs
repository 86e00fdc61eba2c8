//! The cache's own cost: an in-process hit beside a bare moka get, a Redis hit beside a bare pipelined GET, a miss and an
//! invalidation beside one round trip.

use std::{marker::PhantomData, sync::Arc, time::Duration, time::Instant};

use cache::{Cache, Clock, Key, Kind, Level, Life, Loaded, Mode, Parts, Piece, Settings, Spec, Tag};
use contract::OrgId;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use testkit::{World, until};

use crate::figures::{Figures, title};

/// Baseline and subject take turns so often.
const ROUNDS: usize = 40;
/// Distinct keys of one measurement.
const KEYS: u64 = 1_000;
/// In-process hits that are timed together: one is shorter than the clock is exact.
const TOGETHER: u64 = 100;
/// Operations of all readers of one round, about.
const OPERATIONS: usize = 1_000;
/// Lengths of the values, in bytes of JSON, about.
const LENGTHS: [usize; 3] = [512, 2_048, 20_480];
/// Readers at once.
const READERS: [usize; 2] = [1, 64];

/// What a bench caches.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Text {
    pub(crate) text: String,
}

/// How a bench's kind is kept.
pub(crate) trait Kept: Send + Sync + 'static {
    const NAME: &'static str;
    const IN_PROCESS: Duration;
    const COMPRESS_OVER: usize;
    const PIECES: &'static [Piece] = &[Piece::Tag("item", &["number"])];
}

/// In the process, as long as tags allow.
pub(crate) struct InProcess;
/// In Redis only, compressed as usual.
pub(crate) struct Compressed;
/// In Redis only, as it is.
pub(crate) struct Plain;
/// In the process, for long, without a tag.
pub(crate) struct Long;

impl Kept for InProcess {
    const NAME: &'static str = "in_process";
    const IN_PROCESS: Duration = Duration::from_secs(1);
    const COMPRESS_OVER: usize = 1024;
}
impl Kept for Compressed {
    const NAME: &'static str = "compressed";
    const IN_PROCESS: Duration = Duration::ZERO;
    const COMPRESS_OVER: usize = 1024;
}
impl Kept for Plain {
    const NAME: &'static str = "plain";
    const IN_PROCESS: Duration = Duration::ZERO;
    const COMPRESS_OVER: usize = usize::MAX;
}

impl Kept for Long {
    const NAME: &'static str = "long";
    const IN_PROCESS: Duration = Duration::from_mins(10);
    const COMPRESS_OVER: usize = usize::MAX;
    const PIECES: &'static [Piece] = &[Piece::Part("number")];
}

/// A text by number.
pub(crate) struct Item<K> {
    org: OrgId,
    number: u64,
    kept: PhantomData<K>,
}

impl<K: Kept> Item<K> {
    pub(crate) fn new(number: u64) -> Self {
        Self { org: "demo".parse().expect("an org id"), number, kept: PhantomData }
    }
}

impl<K: Kept> Kind for Item<K> {
    const SPEC: Spec = Spec {
        name: K::NAME,
        about: "a text, for measuring",
        shape: 1,
        pieces: K::PIECES,
        life: Life {
            fresh: Duration::from_mins(10),
            stale: Duration::from_hours(1),
            in_process: K::IN_PROCESS,
            absent: Duration::from_mins(1),
        },
        compress_over: K::COMPRESS_OVER,
        load_max: Duration::from_secs(10),
    };
    type Value = Text;

    fn key(&self) -> Key {
        let key = Key::of(&self.org);
        match K::PIECES {
            [Piece::Part(_)] => key.part(self.number),
            _ => key.tag(&Tag::new("item").part(self.number)),
        }
    }
}

/// A cache for measuring, connected.
pub(crate) async fn cache(world: &World) -> Cache {
    let cache = start(Some(world.redis.url()), Some(world.pool.clone()), 64);
    until("the cache is connected", async || cache.is_connected().then_some(())).await;
    cache
}

/// A cache for measuring, on what servers it is given.
pub(crate) fn start(redis_url: Option<String>, standby: Option<PgPool>, memory_mib: u64) -> Cache {
    let settings = Settings { redis_url, mode: Mode::On, memory_mib, operation_ms: 1_000, lives: Vec::new() };
    let kinds = vec![Item::<InProcess>::SPEC, Item::<Compressed>::SPEC, Item::<Plain>::SPEC, Item::<Long>::SPEC];
    let parts = Parts { kinds, standby, announce: None, clock: Clock::default() };
    Cache::start(&settings, parts).expect("an address of Redis")
}

/// About so many bytes of made-up words: as compressible as speech.
pub(crate) fn text(length: usize) -> Text {
    let mut random = fastrand::Rng::with_seed(length as u64);
    let syllables = ["ba", "den", "ti", "lo", "mer", "ska", "ro", "vin", "pe", "ul", "ga", "chi", "ton", "ay"];
    let words: Vec<String> =
        (0..600).map(|_| (0..1 + random.usize(..4)).map(|_| syllables[random.usize(..14)]).collect()).collect();
    let mut text = String::new();
    while text.len() < length {
        text.push_str(&words[random.usize(..words.len())]);
        text.push(' ');
    }
    Text { text }
}

pub(crate) async fn run(world: &World) {
    in_process(world).await;
    for length in LENGTHS {
        for readers in READERS {
            hits(world, length, readers).await;
        }
    }
    misses_and_bumps(world).await;
}

async fn in_process(world: &World) {
    title(&format!("In-process hit, {KEYS} keys of 2 KB, one reader; x = bare moka get"));
    let (cache, value) = (cache(world).await, text(2_048));
    let bare: moka::sync::Cache<u64, Arc<Text>> = moka::sync::Cache::new(100_000);
    (0..KEYS).for_each(|number| bare.insert(number, Arc::new(value.clone())));
    let (mut moka, mut ours) = (Figures::new("moka get"), Figures::new("cache get, fresh-l1"));
    for round in 0..ROUNDS * 5 {
        let numbers: Vec<u64> = (0..TOGETHER).map(|_| fastrand::u64(..KEYS)).collect();
        let begun = Instant::now();
        for number in &numbers {
            std::hint::black_box(bare.get(number));
        }
        moka.add(begun.elapsed(), TOGETHER);
        let items: Vec<Item<InProcess>> = numbers.iter().map(|number| Item::new(*number)).collect();
        // What is a second old is read again first: only hits are measured.
        for item in &items {
            get(&cache, item, &value).await;
        }
        let begun = Instant::now();
        for item in &items {
            std::hint::black_box(get(&cache, item, &value).await);
        }
        if round > 0 {
            ours.add(begun.elapsed(), TOGETHER);
        }
    }
    moka.print(&moka);
    ours.print(&moka);
}

/// Reads an item whose loader would give `value`; where it was found.
async fn get<K: Kept>(cache: &Cache, item: &Item<K>, value: &Text) -> Level {
    let value = value.clone();
    cache.get(item, || async move { Loaded::Found(value) }).await.expect("it can be loaded").from
}

async fn hits(world: &World, length: usize, readers: usize) {
    title(&format!("Redis hit, values of {length} bytes, {readers} at once; x = bare pipelined GET of the same JSON"));
    let (cache, value) = (cache(world).await, text(length));
    let json = serde_json::to_vec(&value).expect("JSON");
    let client = redis::Client::open(world.redis.url()).expect("an address of Redis");
    let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let first = length as u64 * KEYS;
    for number in first..first + KEYS {
        let _: () =
            redis::cmd("SET").arg(number).arg(&json).query_async(&mut connection).await.expect("Redis takes it");
        get(&cache, &Item::<Compressed>::new(number), &value).await;
        get(&cache, &Item::<Plain>::new(number), &value).await;
    }
    let mut bare = Figures::new("GET");
    let mut decoded = Figures::new("GET and JSON");
    let (mut plain, mut compressed) =
        (Figures::new("cache get, plain"), Figures::new("cache get, compressed over 1 KB"));
    for _ in 0..ROUNDS {
        let (get, decode) = (connection.clone(), connection.clone());
        at_once(readers, &mut bare, move || raw(get.clone(), fastrand::u64(first..first + KEYS))).await;
        at_once(readers, &mut decoded, move || read(decode.clone(), fastrand::u64(first..first + KEYS))).await;
        let (ours, packed) = (cache.clone(), cache.clone());
        at_once(readers, &mut plain, move || hit::<Plain>(ours.clone(), first)).await;
        at_once(readers, &mut compressed, move || hit::<Compressed>(packed.clone(), first)).await;
    }
    [&bare, &decoded, &plain, &compressed].iter().for_each(|figures| figures.print(&bare));
}

async fn raw(mut connection: MultiplexedConnection, number: u64) -> Vec<u8> {
    redis::cmd("GET").arg(number).query_async(&mut connection).await.expect("Redis answers")
}

async fn read(connection: MultiplexedConnection, number: u64) -> Text {
    serde_json::from_slice(&raw(connection, number).await).expect("JSON")
}

async fn hit<K: Kept>(cache: Cache, first: u64) -> usize {
    let item = Item::<K>::new(fastrand::u64(first..first + KEYS));
    let read = cache.get(&item, || async { Loaded::Failed("a hit loads nothing".into()) }).await.expect("it is there");
    assert_eq!(read.from, Level::Redis);
    read.value.expect("a text").text.len()
}

/// So many readers, each timing so many operations one after the other.
async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    readers: usize,
    figures: &mut Figures,
    operation: impl Fn() -> F + Clone + Send + 'static,
) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..readers {
        let operation = operation.clone();
        tasks.spawn(async move {
            let mut own = Figures::new("");
            for _ in 0..OPERATIONS / readers.max(4) {
                let begun = Instant::now();
                std::hint::black_box(operation().await);
                own.since(begun);
            }
            own
        });
    }
    while let Some(own) = tasks.join_next().await {
        figures.merge(&own.expect("a reader"));
    }
}

async fn misses_and_bumps(world: &World) {
    title("Miss with a loader that takes no time, and invalidation, one at a time; x = one bare GET");
    let (cache, value) = (cache(world).await, text(2_048));
    let client = redis::Client::open(world.redis.url()).expect("an address of Redis");
    let connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let (mut bare, mut miss, mut bump) =
        (Figures::new("GET"), Figures::new("cache get, miss"), Figures::new("cache bump of one tag"));
    for number in 1_000_000..1_002_000 {
        let begun = Instant::now();
        raw(connection.clone(), 2_048 * KEYS + number % KEYS).await;
        bare.since(begun);
        let item = Item::<Plain>::new(number);
        let begun = Instant::now();
        get(&cache, &item, &value).await;
        miss.since(begun);
        let begun = Instant::now();
        cache.bump(item.key().tags()).await.expect("Redis and Postgres confirm it");
        bump.since(begun);
    }
    [&bare, &miss, &bump].iter().for_each(|figures| figures.print(&bare));
}
