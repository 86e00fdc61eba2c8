//! A world: its own nats-server, its own database, two orgs, and whatever services a test starts in it.
//!
//! A test ends it with [`World::end`], which fails when something was left undone.

use std::{path::PathBuf, time::Duration};

use bus::{Bus, Lag};
use runtime::config::{Broker, Database};
use servers::{Nats, Postgres, Redis};
use sqlx::PgPool;
use tempfile::TempDir;

use crate::{KEY, OTHER_KEY, Process, Service, cluster, until};

/// The orgs of every world; the secrets are files in its folder.
const ORGS: &str = r#"
[[org]]
id = "demo"
name = "Demo Dental"
[[org.branch]]
id = "main"
time_zone = "America/New_York"
hours = { mon = ["09:00-17:00"] }
[[org.branch]]
id = "uptown"
time_zone = "America/New_York"
[[org.channel]]
kind = "phone"
address = "+15005550001"
branch = "main"
[[org.channel]]
kind = "agent"
address = "agent_uptown"
branch = "uptown"
[org.source.retell]
secrets = ["file:DIR/demo.key"]

[[org]]
id = "other"
name = "Other Optics"
[[org.branch]]
id = "main"
time_zone = "Europe/Madrid"
[org.source.retell]
secrets = ["file:DIR/other.key"]
"#;

/// What is different from the usual world.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorldOptions {
    /// A PostgreSQL of its own, which the test may stop.
    pub own_postgres: bool,
    /// Streams and orgs are not applied.
    pub bare: bool,
}

/// Real servers and what runs on them.
pub struct World {
    /// The broker; the test may kill, freeze and restart it.
    pub nats: Nats,
    /// The cache's server; the test may kill, freeze and restart it.
    pub redis: Redis,
    /// The database server, if the world has its own.
    pub postgres: Option<Postgres>,
    /// A connection for the test's own looks.
    pub bus: Bus,
    /// The database, for the test's own looks.
    pub pool: PgPool,
    /// The database's address.
    pub database_url: String,
    dir: TempDir,
    ended: bool,
}

impl World {
    /// The usual world.
    pub async fn start() -> Self {
        Self::with(WorldOptions::default()).await
    }

    /// A world that differs.
    ///
    /// # Panics
    /// When a server is missing or does not start.
    pub async fn with(options: WorldOptions) -> Self {
        let programs = cluster::programs();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let nats = Nats::start(&programs, &dir.path().join("nats")).await.expect("nats-server starts");
        let redis = Redis::start(&programs, &dir.path().join("redis")).await.expect("Redis starts");
        let mut postgres = None;
        let database_url = if options.own_postgres {
            let settings = servers::Settings { server: vec![("fsync".to_owned(), "off".to_owned())], ephemeral: true };
            let own =
                Postgres::start(&programs, &dir.path().join("postgres"), settings).await.expect("PostgreSQL starts");
            cluster::migrate(&own.url()).await;
            postgres.insert(own).url()
        } else {
            cluster::database().await
        };
        let bus = Bus::connect(&nats.url(), "test").await.expect("an address of the broker");
        let pool = postgres::connect(&database_url, "test").expect("an address of the database");
        let world = Self { nats, redis, postgres, bus, pool, database_url, dir, ended: false };
        if !options.bare {
            until("the streams are applied", async || world.bus.apply(1).await.ok()).await;
            world.write_key("demo", KEY);
            world.write_key("other", OTHER_KEY);
            world.apply_orgs(&world.orgs_file()).await;
        }
        world
    }

    /// The usual orgs file of this world.
    #[must_use]
    pub fn orgs_file(&self) -> String {
        ORGS.replace("DIR", &self.dir.path().display().to_string())
    }

    /// Applies an orgs file as `offhook orgs apply` does.
    ///
    /// # Panics
    /// When it has faults or can't be applied.
    pub async fn apply_orgs(&self, file: &str) -> orgs::Applied {
        let orgs = orgs::check(file).expect("a faultless orgs file");
        let bucket = self.bus.bucket(orgs::BUCKET).await.expect("the bucket");
        orgs::apply(&orgs, &self.pool, &bucket).await.expect("the orgs are applied")
    }

    /// Writes the secret of an org.
    ///
    /// # Panics
    /// When the file can't be written.
    pub fn write_key(&self, org: &str, key: &str) {
        std::fs::write(self.path(&format!("{org}.key")), key).expect("the key can be written");
    }

    /// A path in this world's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What a child process needs to find this world.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("NATS_URL", self.nats.url()),
            ("DATABASE_URL", self.database_url.clone()),
            ("REDIS_URL", self.redis.url()),
        ]
    }

    /// Starts `offhook run SERVICE…` in this world.
    #[must_use]
    pub fn process(&self, services: &[&str], more: &[(&str, &str)]) -> Process {
        let environment = self.environment();
        let own = environment.iter().map(|(name, value)| (*name, value.as_str()));
        Process::run(services, &own.chain(more.iter().copied()).collect::<Vec<_>>())
    }

    /// Starts ingress in this process and waits until it is ready; where it is, too.
    pub async fn ingress(&self) -> (Service, String) {
        let (service, url) = self.ingress_unready().await;
        until("ingress is ready", async || service.objections().is_empty().then_some(())).await;
        (service, url)
    }

    /// Starts ingress in this process.
    pub async fn ingress_unready(&self) -> (Service, String) {
        let config = ingress::Config {
            listen: "127.0.0.1:0".parse().expect("an address"),
            orgs_snapshot: Some(self.path("orgs.json")),
            platform: ingress::PlatformKeys {
                elevenlabs_secrets: vec![format!("file:{}", self.path("elevenlabs.key").display())],
                highlevel_public_keys: vec![format!("file:{}", self.path("highlevel.key").display())],
            },
            broker: Broker { nats_url: self.nats.url() },
        };
        let service = Service::start(|runtime| ingress::run(config, runtime));
        let url = service.url(ingress::NAME).await;
        (service, url)
    }

    /// Starts answer in this process and waits until it is ready; where it is, too.
    pub async fn answer(&self) -> (Service, String) {
        let (service, url) = self.answer_unready().await;
        until("answer is ready", async || service.objections().is_empty().then_some(())).await;
        (service, url)
    }

    /// Starts answer in this process.
    pub async fn answer_unready(&self) -> (Service, String) {
        let config = answer::Config {
            listen: "127.0.0.1:0".parse().expect("an address"),
            orgs_snapshot: None,
            broker: Broker { nats_url: self.nats.url() },
            database: Database { database_url: self.database_url.clone() },
            cache: self.cache_settings(),
        };
        let service = Service::start(|runtime| answer::run(config, runtime));
        let url = service.url(answer::NAME).await;
        (service, url)
    }

    /// The cache of this world, as a service's settings; patient, as machines that test are busy.
    #[must_use]
    pub fn cache_settings(&self) -> cache::Settings {
        cache::Settings {
            redis_url: Some(self.redis.url()),
            mode: cache::Mode::On,
            memory_mib: 8,
            operation_ms: 1_000,
            lives: Vec::new(),
        }
    }

    /// Starts the vendors in this process; where they are, too.
    pub async fn sandbox(&self) -> (Service, String) {
        let config = sandbox::Config { listen: "127.0.0.1:0".parse().expect("an address") };
        let service = Service::start(|runtime| sandbox::run(config, runtime));
        let url = service.url(sandbox::NAME).await;
        (service, url)
    }

    /// Starts log-worker in this process.
    #[must_use]
    pub fn log_worker(&self) -> Service {
        let servers = self.servers();
        Service::start(|runtime| {
            log_worker::run(log_worker::Config { archive_days: log_worker::ARCHIVE_DAYS, servers }, runtime)
        })
    }

    /// Starts metrics-worker in this process.
    #[must_use]
    pub fn metrics_worker(&self) -> Service {
        let servers = self.servers();
        Service::start(|runtime| metrics_worker::run(metrics_worker::Config { servers }, runtime))
    }

    /// Starts invalidate-worker in this process.
    #[must_use]
    pub fn invalidate_worker(&self) -> Service {
        let (servers, cache) = (self.servers(), self.cache_settings());
        Service::start(|runtime| invalidate_worker::run(invalidate_worker::Config { servers, cache }, runtime))
    }

    /// Starts refresh-worker in this process.
    #[must_use]
    pub fn refresh_worker(&self) -> Service {
        let (servers, cache) = (self.servers(), self.cache_settings());
        let config = refresh_worker::Config { orgs_snapshot: None, servers, cache };
        Service::start(|runtime| refresh_worker::run(config, runtime))
    }

    /// Starts one of each worker in this process: the stream lets nothing go that one of them has still to do.
    #[must_use]
    pub fn workers(&self) -> Vec<Service> {
        vec![
            self.log_worker(),
            self.metrics_worker(),
            self.invalidate_worker(),
            self.crm_worker(),
            self.refresh_worker(),
        ]
    }

    /// Starts crm-worker in this process.
    #[must_use]
    pub fn crm_worker(&self) -> Service {
        let (servers, cache) = (self.servers(), self.cache_settings());
        Service::start(|runtime| crm_worker::run(crm_worker::Config { servers, cache }, runtime))
    }

    /// The servers of this world as a worker's settings.
    #[must_use]
    pub fn servers(&self) -> worker::Servers {
        worker::Servers {
            broker: Broker { nats_url: self.nats.url() },
            database: Database { database_url: self.database_url.clone() },
        }
    }

    /// Gives the cache's server a command.
    ///
    /// # Panics
    /// When it does not carry it out.
    pub async fn redis_command(&self, words: &[&str]) -> redis::Value {
        let client = redis::Client::open(self.redis.url()).expect("an address of Redis");
        let mut connection = client.get_multiplexed_async_connection().await.expect("Redis answers");
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query_async(&mut connection).await.expect("Redis carries it out")
    }

    /// The number that a script on the cache's server returns.
    ///
    /// # Panics
    /// When it returns none.
    pub async fn redis_number(&self, script: &str) -> i64 {
        let found = self.redis_command(&["EVAL", script, "0"]).await;
        redis::from_redis_value(found).expect("a number")
    }

    /// Waits until the worker has nothing left to do.
    pub async fn settled(&self, worker: &str) {
        until(&format!("{worker} has settled everything"), async || {
            let lag = self.bus.lag(worker).await.ok().flatten();
            (lag == Some(Lag { pending: 0, unacked: 0 })).then_some(())
        })
        .await;
    }

    /// Deletes the worker's consumer under it.
    ///
    /// # Panics
    /// When the broker does not.
    pub async fn delete_consumer(&self, worker: &str) {
        self.events().await.delete_consumer(worker).await.expect("the consumer can be deleted");
    }

    /// Pauses the worker's consumer for a while.
    ///
    /// # Panics
    /// When the broker does not.
    pub async fn pause_consumer(&self, worker: &str, pause: Duration) {
        let until = chrono::Utc::now() + pause;
        self.events().await.pause_consumer(worker, until).await.expect("the consumer can be paused");
    }

    /// Gives the event stream so many bytes of room.
    ///
    /// # Panics
    /// When the broker does not.
    pub async fn resize_events(&self, max_bytes: i64) {
        self.alter_events(|config| config.max_bytes = max_bytes).await;
    }

    /// Has the event stream take no batches, as one that was made by an earlier version.
    ///
    /// # Panics
    /// When the broker does not.
    pub async fn refuse_batches(&self) {
        self.alter_events(|config| config.allow_atomic_publish = false).await;
    }

    async fn alter_events(&self, alter: impl FnOnce(&mut async_nats::jetstream::stream::Config)) {
        let client = async_nats::connect(self.nats.url()).await.expect("the broker answers");
        let jetstream = async_nats::jetstream::new(client);
        let mut config = jetstream.get_stream(bus::EVENTS).await.expect("the stream").cached_info().config.clone();
        alter(&mut config);
        jetstream.update_stream(config).await.expect("the stream can be altered");
    }

    /// The newest message under a subject of the event stream, as whoever knows nothing of us would get it.
    ///
    /// # Panics
    /// When there is none.
    pub async fn raw_event(&self, subject: &str) -> (Vec<(String, String)>, Vec<u8>) {
        let message = self.events().await.direct_get_last_for_subject(subject).await.expect("the event is stored");
        let headers = message
            .headers
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name.to_string(), value.to_string())));
        (headers.collect(), message.payload.to_vec())
    }

    pub(crate) async fn events(&self) -> async_nats::jetstream::stream::Stream<()> {
        let client = async_nats::connect(self.nats.url()).await.expect("the broker answers");
        async_nats::jetstream::new(client).get_stream_no_info(bus::EVENTS).await.expect("the stream's name is one")
    }

    /// Ends a world in which everything was settled and nothing was rejected.
    pub async fn end(self) {
        self.settled(log_worker::NAME).await;
        self.end_with_dead_letters(0).await;
    }

    /// Ends a world in which so many events were rejected.
    ///
    /// # Panics
    /// When the number differs.
    pub async fn end_with_dead_letters(mut self, expected: u64) {
        let found = self.bus.dead_letters().await.expect("the broker answers");
        assert_eq!(found, expected, "dead letters");
        self.ended = true;
    }

    /// Ends a world whose servers are not fit to be asked.
    pub fn abandon(mut self) {
        self.ended = true;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !self.ended && !std::thread::panicking() {
            panic!("a world is ended with `end`, so that what was left undone is found");
        }
    }
}
