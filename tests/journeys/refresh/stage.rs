//! The vocabulary: two orgs with vendors, calls that ring and calls that are over, and what became of them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use cache::{Cache, Clock, Parts, Tag};
use chrono::Utc;
use context::{Announcer, KINDS};
use contract::{Envelope, EventType, OrgId, Source, Timestamp};
use serde_json::{Value, json};
use sqlx::{Row as _, types::Json};
use testkit::{Input, Process, Sandbox, World, until};
use uuid::Uuid;

/// Whom every vendor knows.
pub(super) const JANE: &str = "+15005550006";
/// The main number of org `demo`.
pub(super) const MAIN: &str = "+15005550001";
/// What the worker has published once a memory can be read.
pub(super) const STORED: &str = "events.*.memory.stored.refresh-worker";

const ORGS: &str = r#"
[[org]]
id = "demo"
name = "Demo Dental"
[[org.branch]]
id = "main"
time_zone = "America/New_York"
hours = { mon = ["09:00-17:00"] }
calendar = "highlevel:cal_main"
[[org.channel]]
kind = "phone"
address = "+15005550001"
branch = "main"
deadline_ms = 5000
[org.source.retell]
secrets = ["file:DIR/demo.key"]
[org.source.elevenlabs]
secrets = ["file:DIR/demo.key"]
[org.vendor.highlevel]
base_url = "SANDBOX/highlevel"
token = "file:DIR/demo.key"
location_id = "loc_demo"
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
[org.source.retell]
secrets = ["file:DIR/other.key"]
[org.vendor.highlevel]
base_url = "SANDBOX/highlevel"
token = "file:DIR/other.key"
location_id = "loc_other"
[org.vendor.mem0]
base_url = "SANDBOX/mem0"
token = "file:DIR/other.key"
"#;

/// A world whose orgs have vendors.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) vendors: Sandbox,
}

impl Stage {
    /// Vendors that answer at once and remember at once.
    pub(super) async fn start() -> Self {
        Self::of(ORGS).await
    }

    /// The same, with the calendar of org `demo` at Cal.com.
    pub(super) async fn with_calcom() -> Self {
        let account =
            "[org.vendor.calcom]\nbase_url = \"SANDBOX/calcom\"\ntoken = \"file:DIR/demo.key\"\n[org.vendor.zep]";
        Self::of(&ORGS.replacen("highlevel:cal_main", "calcom:1001", 1).replacen("[org.vendor.zep]", account, 1)).await
    }

    async fn of(orgs: &str) -> Self {
        let world = World::start().await;
        let vendors = world.vendors().await;
        vendors.without_delays().await;
        let dir = world.path("").display().to_string();
        world.apply_orgs(&orgs.replace("DIR", dir.trim_end_matches('/')).replace("SANDBOX", &vendors.url)).await;
        Self { world, vendors }
    }

    /// A process of the worker.
    pub(super) fn worker(&self, more: &[(&str, &str)]) -> Process {
        self.world.process(&[refresh_worker::NAME], &[&[("OFFHOOK_CACHE_OPERATION_MS", "1000")], more].concat())
    }

    /// Somebody rings at the main branch, as the answer service tells of it.
    pub(super) async fn rings(&self, org: &str, phone: &str) {
        self.rang(org, phone, Utc::now()).await;
    }

    /// Somebody rang there at that time.
    pub(super) async fn rang(&self, org: &str, phone: &str, at: Timestamp) {
        let id = Uuid::now_v7().simple().to_string();
        let body = json!({ "offhook_id": id, "contact_phone": phone, "branch": "main" });
        self.publish((org, Source::ANSWER, EventType::CallInbound), at, &id, &body).await;
    }

    /// A call is over, and its summary is there, if it has one.
    pub(super) async fn call(&self, org: &str, id: &str, phone: &str, transcript: &str, summary: Option<&str>) {
        let query = sqlx::query(
            "INSERT INTO offhook.calls (org, source, call_id, contact_phone, started_at, ended_at, transcript, summary, first_received_at)
             VALUES ($1, 'retell', $2, $3, now(), now(), $4, $5, now())
             ON CONFLICT (org, source, call_id) DO UPDATE SET transcript = excluded.transcript, summary = excluded.summary",
        );
        let query = query.bind(org).bind(id).bind(phone).bind(transcript).bind(summary);
        query.execute(&self.world.pool).await.expect("the call is written");
        self.recorded(org, id, &format!("{summary:?}")).await;
    }

    /// A call's row has changed, as this says.
    pub(super) async fn recorded(&self, org: &str, id: &str, how: &str) {
        let body = json!({ "source": "retell", "call_id": id, "branch": "main", "contact_phone": JANE });
        let id = format!("{id}:{how}");
        self.publish((org, Source::LOG_WORKER, EventType::CallRecorded), Utc::now(), &id, &body).await;
    }

    /// What the worker that invalidates does once it hears of a change.
    pub(super) async fn bump(&self, org: &str, tag: Tag, body: &Value) {
        let announce = Some(Arc::new(Announcer(self.world.bus.clone())) as _);
        let standby = Some(self.world.pool.clone());
        let parts = Parts { kinds: KINDS.to_vec(), standby, announce, clock: Clock::default() };
        let cache = Cache::start(&self.world.cache_settings(), parts).expect("an address of Redis");
        until("the cache is connected", async || cache.is_connected().then_some(())).await;
        let id: OrgId = org.parse().expect("an org id");
        cache.bump([tag.of(&id)]).await.expect("Redis and Postgres confirm it");
        let unique = Uuid::now_v7().to_string();
        self.publish((org, Source::INVALIDATE_WORKER, EventType::CacheBumped), Utc::now(), &unique, body).await;
    }

    async fn publish(&self, (org, source, kind): (&str, Source, EventType), at: Timestamp, id: &str, body: &Value) {
        let envelope = Envelope {
            org: org.parse().expect("an org id"),
            source,
            channel: String::new(),
            id: format!("{kind}:{id}"),
            kind,
            subject: Some(id.to_owned()),
            time: at,
            received_at: at,
            content_type: "application/json".to_owned(),
            fault: None,
        };
        self.world.publish(&Input { envelope, body: Bytes::from(body.to_string()) }).await;
    }

    /// Waits until so many things are wanted, and all of them are warm.
    pub(super) async fn warm(&self, things: i64) {
        until(&format!("{things} things are warm"), async || {
            let query = "SELECT count(*), count(*) FILTER (WHERE lease IS NULL AND attempts = 0 AND warm_at > now()) FROM offhook.hot";
            let row = sqlx::query(query).fetch_one(&self.world.pool).await.ok()?;
            let (all, warm): (i64, i64) = (row.try_get(0).ok()?, row.try_get(1).ok()?);
            (all == things && warm == things).then_some(())
        })
        .await;
    }

    /// A call's row of `memories`.
    pub(super) async fn memory(&self, call_id: &str) -> Option<Value> {
        let query = sqlx::query_scalar::<_, Json<Value>>(
            "SELECT to_jsonb(m) || jsonb_build_object('due_in_s', extract(epoch FROM due_at - now())::float8)
             FROM offhook.memories AS m WHERE call_id = $1",
        );
        query.bind(call_id).fetch_optional(&self.world.pool).await.expect("the database answers").map(|Json(row)| row)
    }

    /// Waits until the telling of a call has come to this state.
    pub(super) async fn memory_is(&self, call_id: &str, state: &str) -> Value {
        until(&format!("{call_id} is {state}"), async || self.memory(call_id).await.filter(|row| row["state"] == state))
            .await
    }

    /// What Zep holds of a call of org `demo`, message by message.
    pub(super) async fn thread(&self, phone: &str, call_id: &str) -> Vec<String> {
        let state = self.vendors.state().await;
        let thread = &state["zep"]["users"][format!("demo:{phone}")]["threads"][format!("demo:retell:{call_id}")];
        thread.as_array().into_iter().flatten().map(|message| text(&message["content"])).collect()
    }

    /// What mem0 holds of a call of org `other`.
    pub(super) async fn remembered(&self, call_id: &str) -> Vec<String> {
        let state = self.vendors.state().await;
        let all = state["mem0"]["memories"].as_array().cloned().unwrap_or_default();
        let of_call = all.iter().filter(|memory| memory["metadata"]["call"] == format!("retell:{call_id}"));
        of_call.map(|memory| text(&memory["memory"])).collect()
    }

    /// The calls of which it was said that they can be remembered.
    pub(super) async fn stored(&self) -> Vec<String> {
        let stored = self.world.stored(STORED, 0).await;
        stored.into_iter().map(|(_, input)| input.envelope.id).collect()
    }

    /// Ends whoever is waited for beyond the end of their lease.
    pub(super) async fn lease_is_over(&self) {
        self.world.sql("UPDATE offhook.memories SET due_at = now()").await;
    }

    /// Ends a stage on which nothing was rejected.
    pub(super) async fn end(self, workers: impl IntoIterator<Item = Process>) {
        self.end_with_dead_letters(0, workers).await;
    }

    /// Ends a stage on which so many dead letters were written.
    pub(super) async fn end_with_dead_letters(self, expected: u64, workers: impl IntoIterator<Item = Process>) {
        for worker in workers {
            assert!(worker.terminate().await.success());
        }
        self.vendors.stop().await;
        self.world.end_with_dead_letters(expected).await;
    }
}

/// So many turns of a conversation.
pub(super) fn transcript(turns: usize) -> String {
    let turn = |nth: usize| format!("{}: turn {nth} of it\n", if nth.is_multiple_of(2) { "Agent" } else { "User" });
    (0..turns).map(turn).collect()
}

/// No longer than a condition may take.
pub(super) const LAG: Duration = Duration::from_millis(1_500);

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
