//! The vocabulary: a world whose two orgs have vendors, a running answer service, and who rings there.

use std::sync::Arc;

use cache::{Cache, Clock, Parts, Tag};
use context::{Announcer, KINDS};
use contract::{OrgId, PhoneNumber};
use testkit::{Answer, OTHER_KEY, Question, Sandbox, Service, World, until};

/// Whom every vendor knows.
pub(crate) const JANE: &str = "+15005550006";
/// Whom nobody knows.
pub(crate) const STRANGER: &str = "+15005550099";
/// Where answers may take as long as they need.
pub(crate) const MAIN: &str = "+15005550001";
/// Where they may take 100 ms.
pub(crate) const HURRIED: &str = "+15005550002";
/// Where they may take two seconds.
pub(crate) const USUAL: &str = "+15005550003";
/// The number of the other org.
pub(crate) const OTHER: &str = "+15005550101";
/// What the own code of org `demo` shows.
pub(crate) const API_KEY: &str = "api_key_of_this_test";

/// Two orgs with vendors. `MORE` is where a test adds to the first one.
const ORGS: &str = r#"
[[org]]
id = "demo"
name = "Demo Dental"
[[org.branch]]
id = "main"
time_zone = "America/New_York"
hours = { mon = ["09:00-17:00"], tue = ["09:00-17:00"] }
calendar = "highlevel:cal_main"
[[org.channel]]
kind = "phone"
address = "+15005550001"
branch = "main"
deadline_ms = 5000
[[org.channel]]
kind = "phone"
address = "+15005550002"
branch = "main"
deadline_ms = 100
[[org.channel]]
kind = "phone"
address = "+15005550003"
branch = "main"
deadline_ms = 2000
[[org.channel]]
kind = "agent"
address = "agent_demo"
branch = "main"
deadline_ms = 5000
# MORE
[org.source.retell]
secrets = ["file:DIR/demo.key"]
[org.source.api]
secrets = ["file:DIR/api.key"]
[org.vendor.highlevel]
base_url = "SANDBOX/highlevel"
token = "file:DIR/demo.key"
location_id = "loc_demo"
[org.vendor.calcom]
base_url = "SANDBOX/calcom"
token = "file:DIR/demo.key"
[org.vendor.zep]
base_url = "SANDBOX/zep"
token = "file:DIR/demo.key"
[org.vendor.langfuse]
base_url = "SANDBOX/langfuse"
public_key = "pk_demo"
secret_key = "file:DIR/demo.key"
prompt_known = "receptionist-known"
prompt_unknown = "receptionist-new"

[[org]]
id = "other"
name = "Other Optics"
[[org.branch]]
id = "main"
time_zone = "Europe/Madrid"
calendar = "highlevel:cal_other"
[[org.channel]]
kind = "phone"
address = "+15005550101"
branch = "main"
deadline_ms = 5000
[org.source.retell]
secrets = ["file:DIR/other.key"]
[org.vendor.highlevel]
base_url = "SANDBOX/highlevel"
token = "file:DIR/other.key"
location_id = "loc_other"
[org.vendor.mem0]
base_url = "SANDBOX/mem0"
token = "file:DIR/other.key"
[org.vendor.langfuse]
base_url = "SANDBOX/langfuse"
public_key = "pk_other"
secret_key = "file:DIR/other.key"
prompt_known = "receptionist-known"
"#;

/// A world in which somebody answers.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) vendors: Sandbox,
    pub(crate) url: String,
    pub(crate) answer: Option<Service>,
}

impl Stage {
    /// The usual orgs, and vendors that answer at once.
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// Org `demo` has more branches and channels.
    pub(crate) async fn with(more: &str) -> Self {
        let mut stage = Self::unanswered(more).await;
        stage.answered().await;
        stage
    }

    /// Somebody answers from now on.
    pub(crate) async fn answered(&mut self) {
        let (answer, url) = self.world.answer().await;
        (self.answer, self.url) = (Some(answer), url);
    }

    /// Nobody answers yet.
    pub(crate) async fn unanswered(more: &str) -> Self {
        Self::unanswered_with(more, |_| {}).await
    }

    /// Nobody answers yet, and the world has more files.
    pub(crate) async fn unanswered_with(more: &str, prepare: impl FnOnce(&World)) -> Self {
        let world = World::start().await;
        prepare(&world);
        let vendors = world.vendors().await;
        vendors.without_delays().await;
        world.write_key("api", API_KEY);
        let more = more.replace("DIR/", &world.path("").display().to_string());
        world.apply_orgs(&orgs(&world, &vendors).replace("# MORE", &more)).await;
        Self { world, vendors, url: String::new(), answer: None }
    }

    /// Somebody rings at the main number of org `demo`.
    pub(crate) async fn ring(&self, from: &str) -> Answer {
        self.ring_at(from, MAIN).await
    }

    /// Somebody rings at a number of org `demo`.
    pub(crate) async fn ring_at(&self, from: &str, to: &str) -> Answer {
        Question::ring(from, to).ask(&self.url).await
    }

    /// Somebody rings at the other org.
    pub(crate) async fn ring_other(&self, from: &str) -> Answer {
        Question::ring(from, OTHER).to("other", OTHER_KEY).ask(&self.url).await
    }

    /// The own code of org `demo` asks who somebody is.
    pub(crate) async fn caller(&self, path: &str) -> Answer {
        Answer::read(self.caller_with(path, &format!("Bearer {API_KEY}")).await).await
    }

    pub(crate) async fn caller_with(&self, path: &str, authorization: &str) -> reqwest::Response {
        let request = reqwest::Client::new().get(format!("{}/v1/{path}", self.url));
        request.header("authorization", authorization).send().await.expect("a response")
    }

    /// Our own tables know this contact of org `demo`.
    pub(crate) async fn contact(&self, phone: &str, name: Option<&str>, calls: i64) {
        let query = sqlx::query(
            "INSERT INTO offhook.contacts (org, phone, name, total_calls) VALUES ('demo', $1, $2, $3)
             ON CONFLICT (org, phone) DO UPDATE SET name = excluded.name, total_calls = excluded.total_calls",
        );
        query.bind(phone).bind(name).bind(calls).execute(&self.world.pool).await.expect("the contact is written");
    }

    /// Invalidates what carries these tags in org `demo`, as workers do.
    pub(crate) async fn bump(&self, tags: impl IntoIterator<Item = Tag>) {
        let announce = Some(Arc::new(Announcer(self.world.bus.clone())) as _);
        let standby = Some(self.world.pool.clone());
        let parts = Parts { kinds: KINDS.to_vec(), standby, announce, clock: Clock::default() };
        let cache = Cache::start(&self.world.cache_settings(), parts).expect("an address of Redis");
        until("the cache is connected", async || cache.is_connected().then_some(())).await;
        let org: OrgId = "demo".parse().expect("an org id");
        cache.bump(tags.into_iter().map(|tag| tag.of(&org))).await.expect("Redis and Postgres confirm it");
    }

    /// Ends a stage whose servers are not fit to be asked.
    pub(crate) fn abandon(self) {
        self.world.abandon();
    }

    /// Ends a stage on which nothing was rejected.
    pub(crate) async fn end(self) {
        if let Some(answer) = self.answer {
            answer.stop().await;
        }
        self.vendors.stop().await;
        self.world.end_with_dead_letters(0).await;
    }
}

/// The orgs file of this stage.
pub(crate) fn orgs(world: &World, vendors: &Sandbox) -> String {
    ORGS.replace("DIR", world.path("").display().to_string().trim_end_matches('/')).replace("SANDBOX", &vendors.url)
}

/// A number that is one.
pub(crate) fn phone(number: &str) -> PhoneNumber {
    number.parse().expect("a phone number")
}
