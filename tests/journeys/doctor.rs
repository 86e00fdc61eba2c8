//! The doctor: a healthy installation is all green, and each fault is one red line with its cure.

use serde_json::{Value, json};
use testkit::{Process, Sandbox, Service, World};

use crate::{count, tools::offhook};

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==";
/// The variable with the secret that every source of the org has.
const VARIABLE: &str = "DOCTORS_SECRET";
const HIGHLEVEL_KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

/// A world with one org that has everything, and all services that an event meets.
struct Clinic {
    world: World,
    ingress: Process,
    workers: Vec<Service>,
    sandbox: Sandbox,
    environment: Vec<(&'static str, String)>,
}

/// What the doctor said.
struct Said {
    code: i32,
    findings: Vec<Value>,
}

impl Clinic {
    async fn open() -> Self {
        let world = World::start().await;
        let sandbox = world.vendors().await;
        sandbox.without_delays().await;
        world.apply_orgs(&orgs(&sandbox.url)).await;
        let public_key = sources::highlevel::public_key(HIGHLEVEL_KEY).expect("a key");
        let secrets = [(VARIABLE, SECRET), ("DOCTORS_PUBLIC_KEY", &public_key)];
        let ingress = world.process(&["ingress"], &secrets);
        ingress.ready().await;
        let workers = world.workers();
        let mut environment = world.environment();
        environment.push(("OFFHOOK_URL", ingress.url("ingress").await));
        environment.push(("OFFHOOK_ADMIN_URL", ingress.url("admin").await));
        environment.push(("DEMO_HIGHLEVEL_PRIVATE_KEY", HIGHLEVEL_KEY.to_owned()));
        environment.extend(secrets.map(|(name, secret)| (name, secret.to_owned())));
        Self { world, ingress, workers, sandbox, environment }
    }

    /// Asks the doctor, with one variable changed.
    async fn ask_with(&self, changed: Option<(&'static str, &str)>) -> Said {
        let mut environment = self.environment.clone();
        environment.extend(changed.map(|(name, value)| (name, value.to_owned())));
        // As long as a busy machine needs; what fails, fails at its end.
        let (code, printed, why) = offhook(&["doctor", "--limit", "15"], &environment).await;
        let [report] = printed.as_slice() else { panic!("one object, not {printed:?}: {why}") };
        let findings = report["findings"].as_array().expect("a list").clone();
        let said = Said { code, findings };
        assert_eq!(report["red"], said.of("red").len(), "{report}");
        assert_eq!(report["healthy"], said.of("red").is_empty(), "{report}");
        assert!(!report.to_string().contains(SECRET), "a secret is never printed");
        said
    }

    async fn close(self) {
        assert!(self.ingress.terminate().await.success());
        for worker in self.workers {
            worker.stop().await;
        }
        self.sandbox.stop().await;
        self.world.end_with_dead_letters(0).await;
    }
}

impl Said {
    fn of(&self, grade: &str) -> Vec<&Value> {
        self.findings.iter().filter(|finding| finding["grade"] == grade).collect()
    }

    /// The only red line: of this topic, about this, with a cure that says so much.
    fn only_red(&self, topic: &str, what: &str, cure: &str) {
        let red = self.of("red");
        let [finding] = red.as_slice() else { panic!("one red line, not {red:#?}") };
        assert_eq!((self.code, &finding["topic"], &finding["what"]), (1, &json!(topic), &json!(what)), "{finding}");
        assert!(finding["cure"].as_str().is_some_and(|told| told.contains(cure)), "{finding}");
    }
}

/// An org that every source calls and that has a vendor of each sort.
fn orgs(sandbox: &str) -> String {
    let sources: String = ["retell", "elevenlabs", "whatsapp", "calcom", "webhook", "api"]
        .map(|source| format!("[org.source.{source}]\nsecrets = [\"env:{VARIABLE}\"]\n"))
        .concat();
    let vendors: String = [("highlevel", "location_id = \"loc_demo\"\n"), ("zep", ""), ("hubspot", "")]
        .map(|(vendor, more)| {
            format!("[org.vendor.{vendor}]\nbase_url = \"{sandbox}/{vendor}\"\ntoken = \"env:{VARIABLE}\"\n{more}")
        })
        .concat();
    format!(
        "[[org]]\nid = \"clinic\"\nname = \"Clinic\"\n\
         [[org.branch]]\nid = \"main\"\ntime_zone = \"America/New_York\"\ncalendar = \"highlevel:cal_main\"\n\
         [[org.channel]]\nkind = \"whatsapp\"\naddress = \"clinic-01\"\nbranch = \"main\"\n\
         [[org.channel]]\nkind = \"webhook\"\naddress = \"leads\"\nbranch = \"main\"\ntype_field = \"event.name\"\n\
         {sources}[org.source.highlevel]\npublic_keys = [\"env:DOCTORS_PUBLIC_KEY\"]\n{vendors}\
         [org.vendor.langfuse]\nbase_url = \"{sandbox}/langfuse\"\npublic_key = \"pk-lf-demo\"\nsecret_key = \"env:{VARIABLE}\"\n\
         prompt_known = \"receptionist-known\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_installation_is_all_green_and_counts_nothing() {
    let clinic = Clinic::open().await;
    let said = clinic.ask_with(None).await;
    assert_eq!((said.code, said.of("green").len()), (0, said.findings.len()), "{:#?}", said.findings);
    let sources = ["retell", "elevenlabs", "whatsapp/clinic-01", "calcom", "webhook/leads", "highlevel"];
    for what in sources {
        let followed = |finding: &&Value| {
            finding["what"] == format!("source {what}")
                && finding["found"].as_str().is_some_and(|found| found.contains("in Postgres "))
        };
        assert!(said.findings.iter().any(|finding| followed(&finding)), "{what} in {:#?}", said.findings);
    }
    for what in [
        "vendor zep",
        "vendor hubspot",
        "vendor langfuse",
        "calendar of main",
        "migrations",
        "session",
        "worker log-worker",
    ] {
        assert!(said.findings.iter().any(|finding| finding["what"] == what), "{what} in {:#?}", said.findings);
    }
    clinic.world.settled(log_worker::NAME).await;
    let pool = &clinic.world.pool;
    let plain = "SELECT count(*) FROM offhook.events WHERE type = 'other.unknown' AND fault IS NULL AND event_id LIKE '%doctor_%'";
    assert_eq!(count(pool, plain).await, sources.len() as i64);
    for table in ["SELECT count(*) FROM offhook.calls", "SELECT count(*) FROM offhook.contacts"] {
        assert_eq!(count(pool, table).await, 0, "{table}");
    }
    assert_eq!(count(pool, "SELECT count(*) FROM offhook.daily_metrics").await, 0);
    clinic.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_ingress_does_not_have_and_a_redis_that_is_away_are_one_red_line_each() {
    let clinic = Clinic::open().await;
    let said = clinic.ask_with(Some(("REDIS_URL", "redis://127.0.0.1:1"))).await;
    said.only_red("Redis", "server", "REDIS_URL");
    assert!(said.of("amber").is_empty(), "{:#?}", said.of("amber"));

    // Of one source, so that there is one line.
    let org = "[[org]]\nid = \"one\"\nname = \"One\"\n[[org.branch]]\nid = \"main\"\ntime_zone = \"UTC\"\n";
    let file = format!("{org}[org.source.retell]\nsecrets = [\"env:{VARIABLE}\"]\n");
    clinic.world.apply_orgs(&file).await;
    let said = clinic.ask_with(Some((VARIABLE, "another"))).await;
    said.only_red("one", "source retell", VARIABLE);
    assert!(said.of("amber").is_empty(), "{:#?}", said.of("amber"));
    clinic.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stopped_and_a_consumer_that_is_missing_are_one_red_line_each() {
    let mut clinic = Clinic::open().await;
    clinic.world.settled(log_worker::NAME).await;
    clinic.workers.remove(0).stop().await;
    let said = clinic.ask_with(None).await;
    said.only_red("NATS", "worker log-worker", "offhook run log-worker");
    assert!(said.of("amber").iter().all(|finding| finding["topic"] == "clinic"), "{:#?}", said.of("amber"));
    clinic.workers.insert(0, clinic.world.log_worker());
    clinic.world.settled(log_worker::NAME).await;

    clinic.workers.remove(1).stop().await;
    clinic.world.delete_consumer(metrics_worker::NAME).await;
    let said = clinic.ask_with(None).await;
    said.only_red("NATS", "worker metrics-worker", "offhook streams apply");
    assert!(said.of("amber").is_empty(), "{:#?}", said.of("amber"));
    clinic.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_vendor_refuses_and_a_server_that_is_away_are_one_red_line_each() {
    let clinic = Clinic::open().await;
    clinic.sandbox.faults(json!([{ "vendor": "highlevel", "status": 401 }])).await;
    let said = clinic.ask_with(None).await;
    said.only_red("clinic", "vendor highlevel", "token");
    let amber = said.of("amber");
    assert!(amber.len() == 1 && amber[0]["what"] == "calendar of main", "{amber:#?}");

    let said = clinic.ask_with(Some(("NATS_URL", "nats://127.0.0.1:1"))).await;
    said.only_red("NATS", "server", "NATS_URL");
    clinic.sandbox.faults(json!([])).await;
    let said = clinic.ask_with(Some(("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"))).await;
    said.only_red("PostgreSQL", "server", "DATABASE_URL");
    assert!(said.of("amber").iter().all(|finding| finding["topic"] == "clinic"), "{:#?}", said.of("amber"));
    let (code, printed, _) = offhook(&["doctor", "--limit", "1"], &[]).await;
    let findings = printed[0]["findings"].to_string();
    assert!(code == 1 && findings.contains("NATS_URL") && findings.contains("DATABASE_URL"), "{findings}");
    clinic.close().await;
}
