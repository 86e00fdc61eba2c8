//! The effects of workers as rows that can be compared, and the database as somebody who makes them wait.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Postgres, Transaction, types::Json};

use crate::{World, until};

const EVENTS: &str = "SELECT to_jsonb(e) - 'received_at' - 'body' || jsonb_build_object('body', md5(body)) FROM offhook.events AS e ORDER BY event_key";
const INBOX: &str =
    "SELECT to_jsonb(i) - 'claimed_at' FROM offhook.inbox AS i WHERE worker = 'log-worker' ORDER BY event_key";
/// Which numbers a call had for a while depends on the order in which its events came.
const CALLS: &str = "SELECT to_jsonb(c) - 'created_at' - 'updated_at' - 'first_received_at' - 'former_phones' FROM offhook.calls AS c ORDER BY org, source, call_id";
/// A contact that a call named first and then no more stays, without calls and without a name.
const CONTACTS: &str = "SELECT to_jsonb(c) - 'created_at' - 'updated_at' FROM offhook.contacts AS c WHERE total_calls > 0 OR name IS NOT NULL ORDER BY org, phone";
const APPOINTMENTS: &str = "SELECT to_jsonb(a) - 'created_at' - 'updated_at' - 'first_received_at' FROM offhook.appointments AS a ORDER BY org, vendor, external_id";
const MESSAGES: &str =
    "SELECT to_jsonb(m) - 'created_at' - 'updated_at' - 'first_received_at' FROM offhook.messages AS m
    ORDER BY org, source, channel, conversation, direction, message_id";
/// One that all messages have left stays, without messages.
const CONVERSATIONS: &str =
    "SELECT to_jsonb(c) - 'created_at' - 'updated_at' FROM offhook.conversations AS c WHERE received + sent > 0
    ORDER BY org, source, channel, contact";
const CONTRIBUTIONS: &str = "SELECT to_jsonb(c) FROM offhook.call_contributions AS c ORDER BY org, source, call_id";
/// A day that a call was counted on first and then no more stays, without calls.
const DAYS: &str =
    "SELECT to_jsonb(m) - 'updated_at' FROM offhook.daily_metrics AS m WHERE calls > 0 ORDER BY org, branch, day";
const INVALIDATIONS: &str =
    "SELECT jsonb_build_array(org, tag, parts) FROM offhook.invalidations ORDER BY org, tag, parts";
/// How often a state changed, and how far it is pushed, is another matter in every run.
const DESIRED: &str = "SELECT jsonb_build_array(org, phone, vendor, desired, version > 0) FROM offhook.crm_contacts ORDER BY org, phone, vendor";
const NOTES: &str = "SELECT jsonb_build_array(org, vendor, source, call_id, phone) FROM offhook.crm_notes ORDER BY org, vendor, source, call_id";
/// How far a memory is told depends on the vendor and on the time.
const MEMORIES: &str =
    "SELECT to_jsonb(m) FROM (SELECT org, source, call_id FROM offhook.memories) AS m ORDER BY org, source, call_id";
const RECOUNT: &str = "WITH recount AS (
        SELECT org, branch, day, sum(calls) AS calls, sum(inbound) AS inbound, sum(outbound) AS outbound, sum(answered) AS answered,
            sum(not_connected) AS not_connected, sum(successful) AS successful, sum(transfers) AS transfers,
            sum(voicemails) AS voicemails, sum(duration_ms) AS duration_ms, sum(cost_cents) AS cost_cents
        FROM offhook.call_figures GROUP BY org, branch, day
     ), kept AS (
        SELECT org, branch, day, calls, inbound, outbound, answered, not_connected, successful, transfers, voicemails, duration_ms, cost_cents
        FROM offhook.daily_metrics WHERE calls > 0
     )
     SELECT to_jsonb(d) FROM ((TABLE recount EXCEPT TABLE kept) UNION ALL (TABLE kept EXCEPT TABLE recount)) AS d";

impl World {
    /// What log-worker has written, without what differs from run to run.
    pub async fn log_rows(&self) -> Value {
        let [events, inbox, calls, contacts] = [EVENTS, INBOX, CALLS, CONTACTS].map(|select| self.rows(select));
        let [appointments, messages, conversations] =
            [APPOINTMENTS, MESSAGES, CONVERSATIONS].map(|select| self.rows(select));
        json!({
            "events": events.await, "inbox": inbox.await, "calls": calls.await, "contacts": contacts.await,
            "appointments": appointments.await, "messages": messages.await, "conversations": conversations.await,
        })
    }

    /// What metrics-worker has written, without what differs from run to run.
    pub async fn metrics_rows(&self) -> Value {
        json!({ "contributions": self.rows(CONTRIBUTIONS).await, "days": self.rows(DAYS).await })
    }

    /// What invalidate-worker has written, without what differs from run to run.
    pub async fn invalidations(&self) -> Value {
        json!({ "invalidations": self.rows(INVALIDATIONS).await })
    }

    /// What crm-worker desires, without what differs from run to run.
    pub async fn crm_rows(&self) -> Value {
        json!({ "contacts": self.rows(DESIRED).await, "notes": self.rows(NOTES).await })
    }

    /// What refresh-worker has written, without what differs from run to run.
    pub async fn refresh_rows(&self) -> Value {
        json!({ "memories": self.rows(MEMORIES).await })
    }

    /// The rows of a query that selects one JSON value.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn rows(&self, select: &'static str) -> Vec<Value> {
        let rows = sqlx::query_scalar::<_, Json<Value>>(select).fetch_all(&self.pool).await;
        rows.expect("the database answers").into_iter().map(|Json(row)| row).collect()
    }

    /// Fails unless the daily sums are what counting all calls anew gives.
    ///
    /// # Panics
    /// When they are not.
    pub async fn assert_recount(&self) {
        let differing = self.rows(RECOUNT).await;
        assert!(differing.is_empty(), "the sums are not what a recount gives: {differing:?}");
    }

    /// Runs statements of the test's own.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn sql(&self, statements: &str) {
        let done = sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&self.pool).await;
        done.expect("the database takes it");
    }

    /// Keeps everybody from writing to the table until the transaction ends, which must be within 15 s.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn hold(&self, table: &str) -> Transaction<'static, Postgres> {
        let mut hold = self.pool.begin().await.expect("the database answers");
        let lock = format!("LOCK TABLE {table} IN EXCLUSIVE MODE");
        sqlx::query(AssertSqlSafe(lock)).execute(&mut *hold).await.expect("the table can be locked");
        hold
    }

    /// Waits until the worker is in the middle of applying events to the table and can't go on. What it does beside its events
    /// inserts nothing there.
    pub async fn held_up(&self, worker: &str, table: &str) {
        let waits = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = $1 AND wait_event_type = 'Lock'
                AND starts_with(ltrim(query), 'INSERT INTO ' || $2)";
        until(&format!("{worker} is held up"), async || {
            let found: i64 = sqlx::query_scalar(waits).bind(worker).bind(table).fetch_one(&self.pool).await.ok()?;
            (found > 0).then_some(())
        })
        .await;
    }

    /// Ends what PostgreSQL still does for a worker that was killed: it would else commit what it waits to do, or hold its locks.
    pub async fn alone(&self, worker: &str) {
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = $1";
        until(&format!("{worker} has no connection left"), async || {
            let found: i64 = sqlx::query_scalar(end).bind(worker).fetch_one(&self.pool).await.ok()?;
            (found == 0).then_some(())
        })
        .await;
    }
}
