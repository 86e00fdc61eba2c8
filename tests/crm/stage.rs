//! The vocabulary: two orgs with a CRM each, calls that happen there, and what the CRM then holds.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use contract::OrgId;
use serde_json::{Value, json};
use testkit::{Input, Process, Sandbox, Service, World, until};

/// Whom both CRMs know by name, with a note of nobody's and no tag.
pub(crate) const JANE: &str = "+15005550006";
/// Whom no CRM knows.
pub(crate) const STRANGER: &str = "+15005550099";
/// The accounts of the two orgs.
pub(crate) const DEMO: &str = "loc_demo";
pub(crate) const OTHER: &str = "loc_other";

pub(crate) const ORGS: &str = r#"
[[org]]
id = "demo"
name = "Demo Dental"
[[org.branch]]
id = "main"
time_zone = "America/New_York"
[org.source.retell]
secrets = ["file:DIR/demo.key"]
[org.vendor.highlevel]
base_url = "SANDBOX/highlevel"
token = "file:DIR/demo.key"
location_id = "loc_demo"
tags = "front desk, english"
last_call_id_field = "cf_call"
last_call_at_field = "cf_at"

[[org]]
id = "other"
name = "Other Optics"
[[org.branch]]
id = "main"
time_zone = "Europe/Madrid"
[org.source.retell]
secrets = ["file:DIR/other.key"]
[org.vendor.highlevel]
base_url = "SANDBOX/highlevel"
token = "file:DIR/other.key"
location_id = "loc_other"
"#;

/// Contacts whose newest call, or one of whose summaries, is not desired yet.
const LACKS: &str = "SELECT count(*) FROM offhook.contacts AS c
    LEFT JOIN offhook.crm_contacts AS d ON (d.org, d.phone) = (c.org, c.phone)
    LEFT JOIN LATERAL (
        SELECT call_id FROM offhook.calls WHERE org = c.org AND contact_phone = c.phone ORDER BY started_at DESC LIMIT 1
    ) AS k ON true
    WHERE d.desired->'last_call'->>'call_id' IS DISTINCT FROM k.call_id OR EXISTS (
        SELECT 1 FROM offhook.calls AS s WHERE s.org = c.org AND s.contact_phone = c.phone AND s.summary IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM offhook.crm_notes AS n WHERE (n.org, n.source, n.call_id) = (s.org, s.source, s.call_id)
        )
    )";

/// A world with CRMs in which calls are recorded; whoever pushes is for the test to start.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) vendors: Sandbox,
    log: Service,
}

/// The whole story of the `nth` call of many, as its analysis tells it.
pub(crate) fn call(phone: &str, nth: usize, summary: Option<&str>) -> Value {
    let started = start(nth).timestamp_millis();
    let mut call = json!({
        "call_id": format!("call_{nth}"), "call_status": "ended", "direction": "inbound", "agent_id": "agent_demo",
        "from_number": phone, "to_number": "+15005550001", "start_timestamp": started, "duration_ms": 84_000,
    });
    if let Some(summary) = summary {
        call["call_analysis"] = json!({ "call_summary": summary, "call_successful": true });
    }
    call
}

/// When the `nth` call began.
pub(crate) fn start(nth: usize) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).expect("a time") + TimeDelta::minutes(i64::try_from(nth).expect("few"))
}

impl Stage {
    /// Vendors answer at once.
    pub(crate) async fn start() -> Self {
        Self::with(ORGS).await
    }

    /// A stage with these orgs; `SANDBOX` is where the vendors are, `DIR` where the secrets.
    pub(crate) async fn with(orgs: &str) -> Self {
        let world = World::start().await;
        let vendors = world.vendors().await;
        vendors.without_delays().await;
        let log = world.log_worker();
        let stage = Self { world, vendors, log };
        stage.apply(orgs).await;
        stage
    }

    /// Changes the orgs.
    pub(crate) async fn apply(&self, orgs: &str) {
        let dir = self.world.path("");
        let orgs = orgs.replace("DIR", dir.display().to_string().trim_end_matches('/'));
        self.world.apply_orgs(&orgs.replace("SANDBOX", &self.vendors.url)).await;
    }

    /// Waits until log-worker has recorded everything; nobody else need be there.
    pub(crate) async fn recorded(&self) {
        self.world.settled(log_worker::NAME).await;
    }

    /// An event of org `demo`.
    pub(crate) async fn tell(&self, event: &str, call: &Value) {
        self.tell_to("demo", event, call).await;
    }

    pub(crate) async fn tell_to(&self, org: &str, event: &str, call: &Value) {
        let mut input = Input::retell(json!({ "event": event, "call": call }).to_string());
        input.envelope.org = org.parse::<OrgId>().expect("an org id");
        self.world.publish(&input).await;
    }

    /// Waits until every event has become a desired state. By the rows: what the broker says of a consumer may be older than
    /// the last event.
    pub(crate) async fn desired(&self) {
        let told = self.world.stored("events.*.call.*.retell", 0).await;
        let told: BTreeSet<_> = told.into_iter().map(|(_, input)| input.envelope.key().to_string()).collect();
        until("every event is recorded, and its contact desired", async || {
            let lacks: i64 = sqlx::query_scalar(LACKS).fetch_one(&self.world.pool).await.ok()?;
            let recorded: i64 =
                sqlx::query_scalar("SELECT count(*) FROM offhook.events").fetch_one(&self.world.pool).await.ok()?;
            (lacks == 0 && usize::try_from(recorded).ok()? >= told.len()).then_some(())
        })
        .await;
        self.world.settled(log_worker::NAME).await;
        self.world.settled(crm_worker::NAME).await;
    }

    /// Waits until all that is desired is pushed or refused.
    pub(crate) async fn pushed(&self) {
        self.desired().await;
        until("everything is pushed", async || (self.due("demo").await + self.due("other").await == 0).then_some(()))
            .await;
    }

    /// How many contacts of an org wait for a push, or are in one.
    pub(crate) async fn due(&self, org: &str) -> i64 {
        let count = "SELECT count(*) FROM offhook.crm_contacts WHERE org = $1 AND due_at IS NOT NULL";
        sqlx::query_scalar(count).bind(org).fetch_one(&self.world.pool).await.expect("the database answers")
    }

    /// The contact of this number as the CRM has it.
    pub(crate) async fn contact(&self, location: &str, phone: &str) -> Option<Value> {
        let state = self.vendors.state().await;
        let contacts = state["highlevel"][location]["contacts"].as_array().expect("a list").clone();
        let mut found = contacts.into_iter().filter(|contact| contact["phone"] == phone);
        let contact = found.next();
        assert!(found.next().is_none(), "{phone} is there twice");
        contact
    }

    /// One of the contact's own fields at the CRM; null if it has none.
    pub(crate) async fn field(&self, location: &str, phone: &str, id: &str) -> Value {
        let contact = self.contact(location, phone).await.unwrap_or_default();
        let fields = contact["customFields"].as_array().cloned().unwrap_or_default();
        fields.into_iter().find(|field| field["id"] == id).map_or(Value::Null, |field| field["value"].clone())
    }

    /// The notes of all contacts of a location, in order of the alphabet.
    pub(crate) async fn notes(&self, location: &str) -> Vec<String> {
        let state = self.vendors.state().await;
        let notes = state["highlevel"][location]["notes"].as_array().expect("a list").clone();
        let mut notes: Vec<String> =
            notes.iter().map(|note| note["body"].as_str().unwrap_or_default().to_owned()).collect();
        notes.sort();
        notes
    }

    /// How often an operation of HighLevel was asked for.
    pub(crate) async fn times(&self, operation: &str) -> usize {
        self.vendors.journal(&format!("vendor=highlevel&operation={operation}")).await.len()
    }

    /// Waits until an operation is under way at the vendor.
    pub(crate) async fn under_way(&self, operation: &str) {
        until(&format!("{operation} is under way"), async || {
            let journal = self.vendors.journal(&format!("vendor=highlevel&operation={operation}")).await;
            journal.iter().any(|line| line["status"].is_null()).then_some(())
        })
        .await;
    }

    /// Ends all claims at once, as time would.
    pub(crate) async fn end_claims(&self) {
        self.world.sql("UPDATE offhook.crm_contacts SET due_at = now() WHERE claim IS NOT NULL").await;
    }

    /// Starts a pusher in a process of its own.
    pub(crate) async fn process(&self) -> Process {
        let process = self.world.process(&[crm_worker::NAME], &[]);
        process.ready().await;
        process
    }

    /// Ends a stage with so many rejected pushes.
    pub(crate) async fn end(self, dead_letters: u64) {
        self.log.stop().await;
        self.vendors.stop().await;
        self.world.end_with_dead_letters(dead_letters).await;
    }
}
