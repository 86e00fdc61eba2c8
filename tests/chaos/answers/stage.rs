//! Answer and ingress as processes, two orgs with every vendor between them, and all that can be broken.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use testkit::{KEY, Process, Service, World, WorldOptions, story, until};

use super::{
    ask::{Caller, ask_all},
    judge::{JANE, Judged},
};
use crate::load::Load;

/// The org of `make run`, whose memories are at Zep.
const DEMO: &str = include_str!("../../../orgs.demo.toml");
/// What is another in the second org, whose memories are at mem0.
const OTHER: [(&str, &str); 7] = [
    ("id = \"demo\"", "id = \"other\""),
    ("+15005550001", "+15005550002"),
    ("agent_demo", "agent_other"),
    ("loc_demo", "loc_other"),
    ("cal_main", "cal_other"),
    ("vendor.zep", "vendor.mem0"),
    ("OFFHOOK_SANDBOX_URL/zep", "OFFHOOK_SANDBOX_URL/mem0"),
];
const ORGS: [(&str, &str); 2] = [("demo", "+15005550001"), ("other", "+15005550002")];
/// Seeded callers of each org, asked about all the time.
const WARM: [&str; 4] = [JANE, "+15005550010", "+15005550011", "+15005550012"];
/// Callers of each org that nobody has heard of before each trouble.
const COLD: usize = 2;
/// Short lives for what all callers share, so that its loss is noticed.
const LIVES: &str = "slots=1s/2s,prompt=1s/2s";
/// Calls whose events reach ingress meanwhile, and events that are let go with each trouble.
const CALLS: usize = 60;
const RELEASED: usize = 10;

/// What can be frozen and killed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Server {
    Redis,
    Postgres,
    Broker,
}

/// Everything that runs.
pub(crate) struct Stage {
    world: World,
    sandbox: Service,
    sandbox_url: String,
    answer: Process,
    address: SocketAddr,
    ingress: Process,
    load: Load,
    strangers: u32,
}

impl Stage {
    /// Starts it, and waits until answers are whole.
    pub(crate) async fn set() -> Self {
        let world = World::with(WorldOptions { own_postgres: true, ..WorldOptions::default() }).await;
        let (sandbox, sandbox_url) = world.sandbox().await;
        world.apply_orgs(&[DEMO.to_owned(), other()].concat()).await;
        let secrets = ["DEMO_RETELL_API_KEY", "DEMO_API_KEY", "DEMO_VENDOR_TOKEN"].map(|name| (name, KEY));
        let more = [("OFFHOOK_SANDBOX_URL", sandbox_url.as_str()), ("OFFHOOK_CACHE_LIVES", LIVES)];
        let environment = [secrets.as_slice(), &more].concat();
        let answer = world.process(&[answer::NAME], &environment);
        let ingress = world.process(&[ingress::NAME], &environment);
        answer.ready().await;
        ingress.ready().await;
        let address = answer.url(answer::NAME).await;
        let address = address.trim_start_matches("http://").parse().expect("an address");
        let load =
            Load::new((0..CALLS).flat_map(|nth| story("call", nth)).collect(), vec![ingress.url(ingress::NAME).await]);
        let mut stage = Self { world, sandbox, sandbox_url, answer, address, ingress, load, strangers: 0 };
        stage.faults(&[]).await;
        stage.whole_again().await;
        stage
    }

    /// Makes the vendors quick but for these rules.
    pub(crate) async fn faults(&self, rules: &[Value]) {
        let names = ["highlevel_contacts", "highlevel_calendars", "hubspot", "calcom", "zep", "mem0", "langfuse"];
        let delays: serde_json::Map<_, _> = names.map(|name| (name.to_owned(), json!(5))).into_iter().collect();
        let body = json!({ "rules": rules, "settings": { "delays_ms": delays } });
        let set = reqwest::Client::new().put(format!("{}/_sandbox/faults", self.sandbox_url)).json(&body).send().await;
        let set = set.expect("the sandbox answers");
        assert!(set.status().is_success(), "{}", set.text().await.unwrap_or_default());
    }

    /// Asks about callers we know and some that nobody knows, while events reach ingress.
    pub(crate) async fn ask(&mut self, trouble: &str, lasting: Duration) -> Judged {
        let mut callers = Vec::new();
        for (org, to) in ORGS {
            let cold = (0..COLD).map(|_| self.stranger());
            let from = WARM.map(str::to_owned).into_iter().chain(cold.collect::<Vec<_>>());
            callers.extend(from.map(|from| Caller { org, to, from }));
        }
        self.load.release(RELEASED);
        let judged = Judged::new(ask_all(self.address, &callers, lasting).await);
        eprintln!("{trouble}: {}", judged.summary());
        judged
    }

    /// Waits until nothing is missing, for callers we know and for one that nobody knows.
    pub(crate) async fn whole_again(&mut self) {
        let client = reqwest::Client::new();
        for (org, to) in ORGS {
            for from in WARM.map(str::to_owned).into_iter().chain([self.stranger()]) {
                let caller = Caller { org, to, from };
                until(&format!("answers are whole again: {caller:?}"), async || {
                    let told = super::ask::ask(client.clone(), self.address, caller.clone()).await;
                    told.missing().is_empty().then_some(())
                })
                .await;
            }
        }
    }

    pub(crate) fn freeze(&self, server: Server) {
        let frozen = match server {
            Server::Redis => self.world.redis.freeze(),
            Server::Postgres => self.world.postgres.as_ref().expect("its own").freeze(),
            Server::Broker => self.world.nats.freeze(),
        };
        frozen.expect("a server can be frozen");
    }

    pub(crate) fn thaw(&self, server: Server) {
        let thawed = match server {
            Server::Redis => self.world.redis.thaw(),
            Server::Postgres => self.world.postgres.as_ref().expect("its own").thaw(),
            Server::Broker => self.world.nats.thaw(),
        };
        thawed.expect("a server can be thawed");
    }

    pub(crate) async fn kill(&mut self, server: Server) {
        let killed = match server {
            Server::Redis => self.world.redis.kill().await,
            Server::Postgres => self.world.postgres.as_mut().expect("its own").kill().await,
            Server::Broker => self.world.nats.kill().await,
        };
        killed.expect("a server can be killed");
    }

    pub(crate) async fn restart(&mut self, server: Server) {
        let restarted = match server {
            Server::Redis => self.world.redis.restart().await,
            Server::Postgres => self.world.postgres.as_mut().expect("its own").restart().await,
            Server::Broker => self.world.nats.restart().await,
        };
        restarted.expect("a server starts again");
    }

    /// Ends it: ingress has lost nothing, and each answer's event is stored or counted as lost. How many were lost.
    pub(crate) async fn end(self) -> u64 {
        let ledger = self.load.finish().await;
        assert_eq!(ledger.given_up, 0, "every event was acknowledged in the end");
        let worker = self.world.log_worker();
        self.world.settled(log_worker::NAME).await;
        let archived = self.world.rows("SELECT to_jsonb(event_id) FROM offhook.events").await;
        let archived: Vec<&str> = archived.iter().filter_map(Value::as_str).collect();
        let missing: Vec<_> = ledger.acknowledged.iter().filter(|id| !archived.contains(&id.as_str())).collect();
        assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");
        let lost = Self::accounted(&self.world, &self.answer).await;
        for process in [self.answer, self.ingress] {
            assert_eq!(process.terminate().await.code(), Some(0));
        }
        worker.stop().await;
        self.sandbox.stop().await;
        self.world.end().await;
        lost
    }

    /// Waits until each answer's event is stored or counted as lost; how many were lost.
    async fn accounted(world: &World, answer: &Process) -> u64 {
        until("each answer's event is stored or counted", async || {
            let (mut answers, mut lost) = (0, 0);
            for outcome in ["whole", "degraded"] {
                let series = format!("offhook_answer_seconds_count{{kind=\"retell_inbound\",outcome=\"{outcome}\"}}");
                answers += answer.metric(&series).await as usize;
            }
            for why in ["broker", "too_many_waiting"] {
                let series = format!("offhook_answer_events_lost_total{{why=\"{why}\"}}");
                lost += answer.metric(&series).await as usize;
            }
            let stored = world.stored("events.*.call.inbound.*", 0).await.len();
            (stored + lost >= answers).then_some(lost as u64)
        })
        .await
    }
}

impl Stage {
    /// A number that nobody has called from.
    fn stranger(&mut self) -> String {
        self.strangers += 1;
        format!("+1500777{:04}", self.strangers)
    }
}

fn other() -> String {
    OTHER.iter().fold(DEMO.to_owned(), |text, (demo, other)| text.replace(demo, other))
}
