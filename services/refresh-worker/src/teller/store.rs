//! The teller's SQL: rows of `memories`, claimed by lease, and the calls that they are about.

use std::time::Duration;

use chrono::{DateTime, Utc};
use contract::{OrgId, PhoneNumber};
use sqlx::{FromRow, PgPool, Row as _, postgres::PgRow, types::Json};
use uuid::Uuid;
use vendors::Message;

use crate::desk::{LEASE, ORGS_MAX, ROWS_MAX};

/// How far the telling is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Due,
    Adding,
    Added,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The vendor tells what it was told.
    Stored,
    /// It may, or it may not.
    GivenUp,
    /// The vendor does not want to be told.
    Refused,
    /// There was nobody to tell, or nothing.
    Untold,
}

/// A call that is being told, while the lease is ours.
pub(crate) struct Row {
    pub(crate) source: String,
    pub(crate) call_id: String,
    pub(crate) state: State,
    /// How long it was in this state when it was claimed.
    pub(crate) in_state: Duration,
    pub(crate) phone: Option<PhoneNumber>,
    /// The caller's name, when telling has only just begun.
    pub(crate) name: Option<String>,
    pub(crate) vendor: Option<String>,
    pub(crate) messages: Option<Vec<Message>>,
    pub(crate) told: usize,
    pub(crate) receipt: Option<String>,
    /// Of what is told, what is committed.
    kept: usize,
    attempts: i32,
    lease: Uuid,
}

/// What there is to tell.
pub(crate) struct Call {
    pub(crate) contact_phone: String,
    pub(crate) name: Option<String>,
    pub(crate) transcript: String,
    pub(crate) summary: Option<String>,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Adding => "adding",
            Self::Added => "added",
        }
    }
}

impl Ended {
    /// Its name, in the table and in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::GivenUp => "given_up",
            Self::Refused => "refused",
            Self::Untold => "untold",
        }
    }
}

/// Orgs of which something is due, but for these, the longest overdue first.
pub(crate) async fn due(pool: &PgPool, but: Vec<String>) -> sqlx::Result<Vec<String>> {
    let due = sqlx::query_scalar(
        "SELECT org FROM offhook.memories
         WHERE state IN ('due', 'adding', 'added') AND due_at <= now() AND org <> ALL($1)
         GROUP BY org ORDER BY min(due_at) LIMIT $2",
    );
    due.bind(but).bind(ORGS_MAX as i64).fetch_all(pool).await
}

impl FromRow<'_, PgRow> for Row {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let state = match row.try_get::<&str, _>("state")? {
            "added" => State::Added,
            "adding" => State::Adding,
            _ => State::Due,
        };
        let phone: Option<String> = row.try_get("phone")?;
        let messages: Option<Json<Vec<Message>>> = row.try_get("messages")?;
        let told = usize::try_from(row.try_get::<i32, _>("told")?).unwrap_or_default();
        Ok(Self {
            source: row.try_get("source")?,
            call_id: row.try_get("call_id")?,
            state,
            in_state: Duration::try_from_secs_f64(row.try_get("in_state")?).unwrap_or_default(),
            phone: phone.and_then(|phone| phone.parse().ok()),
            name: None,
            vendor: row.try_get("vendor")?,
            messages: messages.map(|Json(messages)| messages),
            told,
            kept: told,
            receipt: row.try_get("receipt")?,
            attempts: row.try_get("attempts")?,
            lease: row.try_get("lease")?,
        })
    }
}

impl FromRow<'_, PgRow> for Call {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            contact_phone: row.try_get("contact_phone")?,
            name: row.try_get("name")?,
            transcript: row.try_get("transcript")?,
            summary: row.try_get("summary")?,
            started_at: row.try_get("started_at")?,
            ended_at: row.try_get("ended_at")?,
        })
    }
}

impl Row {
    /// Takes some of what is due, the longest due first.
    pub(crate) async fn claim(pool: &PgPool, org: &OrgId) -> sqlx::Result<Vec<Self>> {
        let claim = sqlx::query_as(
            "UPDATE offhook.memories AS m SET lease = $2, due_at = now() + make_interval(secs => $3)
             FROM (SELECT source, call_id FROM offhook.memories
                   WHERE org = $1 AND state IN ('due', 'adding', 'added') AND due_at <= now()
                   ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED) AS d
             WHERE m.org = $1 AND m.source = d.source AND m.call_id = d.call_id
             RETURNING m.*, extract(epoch FROM now() - m.state_since)::float8 AS in_state",
        );
        let claim = claim.bind(org.as_str()).bind(Uuid::new_v4()).bind(LEASE.as_secs_f64()).bind(ROWS_MAX);
        claim.fetch_all(pool).await
    }

    /// The call, if it still has something to tell.
    pub(crate) async fn call(&self, pool: &PgPool, org: &OrgId) -> sqlx::Result<Option<Call>> {
        let call = sqlx::query_as(
            "SELECT k.contact_phone, c.name, k.transcript, k.summary, k.started_at,
                coalesce(k.ended_at, k.started_at + least(k.duration_ms, 86400000) * interval '1 ms') AS ended_at
             FROM offhook.calls AS k LEFT JOIN offhook.contacts AS c ON c.org = k.org AND c.phone = k.contact_phone
             WHERE k.org = $1 AND k.source = $2 AND k.call_id = $3 AND k.contact_phone IS NOT NULL AND k.transcript <> ''",
        );
        call.bind(org.as_str()).bind(&self.source).bind(&self.call_id).fetch_optional(pool).await
    }

    /// Failures since it last got any further.
    pub(crate) fn failures(&self) -> u32 {
        self.attempts.unsigned_abs()
    }

    /// Keeps what is told to whom; whether the lease is still ours.
    pub(crate) async fn freeze(&self, pool: &PgPool, org: &OrgId) -> sqlx::Result<bool> {
        let freeze = sqlx::query(
            "UPDATE offhook.memories SET phone = $5, vendor = $6, messages = $7, updated_at = now()
             WHERE org = $1 AND source = $2 AND call_id = $3 AND lease = $4",
        );
        let freeze = freeze.bind(org.as_str()).bind(&self.source).bind(&self.call_id).bind(self.lease);
        let phone = self.phone.as_ref().map(PhoneNumber::as_str);
        let freeze = freeze.bind(phone).bind(&self.vendor).bind(self.messages.as_ref().map(Json));
        Ok(freeze.execute(pool).await?.rows_affected() == 1)
    }

    /// Keeps how far it is, for another lease; whether that was still ours.
    pub(crate) async fn step(&mut self, pool: &PgPool, org: &OrgId, state: State) -> sqlx::Result<bool> {
        let step = sqlx::query(
            "UPDATE offhook.memories SET state = $5, told = $6, receipt = $7, attempts = $9,
                 state_since = CASE WHEN state = $5 THEN state_since ELSE now() END,
                 due_at = now() + make_interval(secs => $8), updated_at = now()
             WHERE org = $1 AND source = $2 AND call_id = $3 AND lease = $4",
        );
        let step = step.bind(org.as_str()).bind(&self.source).bind(&self.call_id).bind(self.lease);
        // To have tried once more is no progress: else nobody who fails over and over would ever be left alone.
        if self.told > self.kept || state == State::Added {
            (self.kept, self.attempts) = (self.told, 0);
        }
        let told = i32::try_from(self.told).unwrap_or(i32::MAX);
        let step =
            step.bind(state.as_str()).bind(told).bind(&self.receipt).bind(LEASE.as_secs_f64()).bind(self.attempts);
        let held = step.execute(pool).await?.rows_affected() == 1;
        if self.state != state {
            (self.state, self.in_state) = (state, Duration::ZERO);
        }
        Ok(held)
    }

    /// Gives it back, to be looked at again after a while.
    pub(crate) async fn wait(&self, pool: &PgPool, org: &OrgId, time: Duration) -> sqlx::Result<()> {
        self.give_back(pool, org, time, 0, None).await
    }

    /// The same, after a failure, which counts or does not.
    pub(crate) async fn failed(
        &self,
        pool: &PgPool,
        org: &OrgId,
        time: Duration,
        counts: bool,
        why: &str,
    ) -> sqlx::Result<()> {
        tracing::debug!(%org, source = self.source, call = self.call_id, why, "not remembered yet");
        self.give_back(pool, org, time, counts.into(), Some(why)).await
    }

    async fn give_back(
        &self,
        pool: &PgPool,
        org: &OrgId,
        time: Duration,
        failures: i32,
        why: Option<&str>,
    ) -> sqlx::Result<()> {
        let back = sqlx::query(
            "UPDATE offhook.memories SET lease = NULL, due_at = now() + make_interval(secs => $5), attempts = attempts + $6,
                 last_error = $7, updated_at = now()
             WHERE org = $1 AND source = $2 AND call_id = $3 AND lease = $4",
        );
        let back = back.bind(org.as_str()).bind(&self.source).bind(&self.call_id).bind(self.lease);
        back.bind(time.as_secs_f64()).bind(failures).bind(why).execute(pool).await.map(|_| ())
    }

    /// Marks its end; whether the lease was still ours. What was refused may be asked for again, as it was.
    pub(crate) async fn end(&self, pool: &PgPool, org: &OrgId, ended: Ended, why: Option<&str>) -> sqlx::Result<bool> {
        let end = sqlx::query(
            "UPDATE offhook.memories SET state = $5, state_since = now(), lease = NULL, last_error = $6, updated_at = now(),
                 messages = CASE WHEN $5 = 'refused' THEN messages END
             WHERE org = $1 AND source = $2 AND call_id = $3 AND lease = $4",
        );
        let end = end.bind(org.as_str()).bind(&self.source).bind(&self.call_id).bind(self.lease);
        Ok(end.bind(ended.as_str()).bind(why).execute(pool).await?.rows_affected() == 1)
    }
}
