//! The journey of one call, one contact or one event, made visible: the event on the stream, the row in Postgres.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bus::Bus;
use contract::{EventType, OrgId, PhoneNumber, Source, Timestamp};
use serde_json::json;
use sqlx::{PgPool, Row as _};

use crate::{delivery::Delivery, output::Output};

/// How long the broker may take to be ready, and an acknowledged call to show up before the journey is given up.
pub(crate) const ARRIVAL_MAX: Duration = Duration::from_secs(15);
const LOOK_PAUSE: Duration = Duration::from_millis(2);

/// Which call is followed.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) org: &'a OrgId,
    pub(crate) source: Source,
    /// The provider's id.
    pub(crate) id: &'a str,
}

/// Shows the call's last event on the stream.
pub(crate) async fn show_event(bus: &Bus, call: Call<'_>, output: Output) -> anyhow::Result<()> {
    let (subject, call_id) = (EventType::CallAnalyzed.subject(call.org, call.source), call.id);
    let stored = bus.latest(&subject).await?;
    let stored = stored.filter(|stored| stored.envelope.subject.as_deref() == Some(call_id));
    let stored = stored.with_context(|| format!("the stream holds no {subject} of {call_id}"))?;
    let (key, sequence) = (stored.envelope.key(), stored.sequence);
    output.result(
        format_args!("  on the stream: {} {sequence}, subject {subject}, id {}, key {key}", bus::EVENTS, stored.envelope.id),
        &json!({ "step": "stream", "stream": bus::EVENTS, "sequence": sequence, "subject": subject, "event_id": stored.envelope.id, "event_key": key.to_string() }),
    );
    Ok(())
}

/// Waits for the call's whole row and shows it.
pub(crate) async fn show_row(
    pool: &PgPool,
    Call { org, source, id: call_id }: Call<'_>,
    began: Instant,
    output: Output,
) -> anyhow::Result<()> {
    let row = tokio::time::timeout(ARRIVAL_MAX, async {
        loop {
            let select = sqlx::query(
                "SELECT status, direction, branch, contact_phone, duration_ms, summary FROM offhook.calls
                 WHERE org = $1 AND source = $2 AND call_id = $3 AND summary IS NOT NULL",
            );
            if let Some(row) =
                select.bind(org.as_str()).bind(source.as_str()).bind(call_id).fetch_optional(pool).await?
            {
                return anyhow::Ok(row);
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    });
    let row = row.await.with_context(|| {
        format!("no whole row of {call_id} within {} s; is log-worker running?", ARRIVAL_MAX.as_secs())
    })??;
    let took_ms = began.elapsed().as_secs_f64() * 1000.0;
    let text = |column: &str| row.try_get::<Option<String>, _>(column).ok().flatten().unwrap_or_else(|| "-".to_owned());
    let duration_ms: Option<i64> = row.try_get("duration_ms")?;
    output.result(
        format_args!(
            "  in Postgres after {took_ms:.0} ms: call {call_id}: {}, {}, branch {}, contact {}, {:.0} s: {}",
            text("status"),
            text("direction"),
            text("branch"),
            text("contact_phone"),
            duration_ms.unwrap_or_default() as f64 / 1000.0,
            text("summary"),
        ),
        &json!({ "step": "row", "after_ms": took_ms, "call_id": call_id, "status": text("status"), "branch": text("branch"),
            "contact_phone": text("contact_phone"), "duration_ms": duration_ms, "summary": text("summary") }),
    );
    Ok(())
}

/// Waits until the contact's row has this name and shows it.
pub(crate) async fn show_contact(
    pool: &PgPool,
    org: &OrgId,
    phone: &PhoneNumber,
    name: &str,
    output: Output,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let row = tokio::time::timeout(ARRIVAL_MAX, async {
        loop {
            let select = sqlx::query_as::<_, (Option<String>, i64)>(
                "SELECT email, total_calls FROM offhook.contacts WHERE org = $1 AND phone = $2 AND name = $3",
            );
            if let Some(row) = select.bind(org.as_str()).bind(phone.as_str()).bind(name).fetch_optional(pool).await? {
                return anyhow::Ok(row);
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    });
    let (email, total_calls) = row.await.with_context(|| {
        let s = ARRIVAL_MAX.as_secs();
        format!("{phone} is not called {name} within {s} s; is log-worker running, and is no newer name known?")
    })??;
    let took_ms = began.elapsed().as_secs_f64() * 1000.0;
    let written_to = email.as_deref().unwrap_or("-");
    output.result(
        format_args!("  in Postgres after {took_ms:.0} ms: contact {phone}: {name}, {written_to}, {total_calls} calls"),
        &json!({ "step": "row", "after_ms": took_ms, "phone": phone, "name": name, "email": email, "total_calls": total_calls }),
    );
    Ok(())
}

/// An event in the archive: its type, its id, what it is about, when it happened.
pub(crate) type Archived = (String, String, Option<String>, Timestamp);

/// The delivery's row in the archive, if it is there yet.
pub(crate) async fn archived(pool: &PgPool, delivery: &Delivery) -> sqlx::Result<Option<Archived>> {
    let keys: Vec<uuid::Uuid> = delivery.keys().into_iter().map(contract::EventKey::as_uuid).collect();
    let select = "SELECT type, event_id, subject, occurred_at FROM offhook.events WHERE event_key = ANY($1)";
    sqlx::query_as(select).bind(keys).fetch_optional(pool).await
}

/// Waits until the delivery is archived and shows its row.
pub(crate) async fn show_archived(
    pool: &PgPool,
    delivery: &Delivery,
    began: Instant,
    output: Output,
) -> anyhow::Result<()> {
    let row = tokio::time::timeout(ARRIVAL_MAX, async {
        loop {
            if let Some(row) = archived(pool, delivery).await? {
                return anyhow::Ok(row);
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    });
    let (kind, id, subject, at) = row.await.with_context(|| {
        format!("{} is not archived within {} s; is log-worker running?", delivery.event, ARRIVAL_MAX.as_secs())
    })??;
    let took_ms = began.elapsed().as_secs_f64() * 1000.0;
    let about = subject.as_deref().unwrap_or("-");
    output.result(
        format_args!("  in Postgres after {took_ms:.0} ms: {kind} of {about} at {at}, id {id}"),
        &json!({ "step": "row", "after_ms": took_ms, "type": kind, "event_id": id, "subject": subject, "occurred_at": at }),
    );
    Ok(())
}
