//! What follows a call, made visible: the contact at the CRM, the day's figures, the memory at its vendor.
//!
//! Looks until all is there, and gives up after a while: whoever has no CRM or no memory vendor sees the rest.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use contract::PhoneNumber;
use serde_json::{Value, json};
use sqlx::{PgPool, types::Json};

use crate::output::Output;

/// A pause of the CRM's, or the memory vendor's ingestion, and some room.
const ARRIVAL_MAX: Duration = Duration::from_secs(20);
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// One thing that follows: what to say of the row that the query finds.
struct Step {
    name: &'static str,
    /// Of org and phone; one JSON object.
    query: &'static str,
    says: fn(&Value) -> String,
}

/// In the order in which people ask for them. The newest call is the one that has just ended.
const STEPS: [Step; 3] = [
    Step {
        name: "crm",
        query: "SELECT to_jsonb(r) FROM (
                SELECT c.vendor, c.external_id, count(n.call_id) AS notes
                FROM offhook.crm_contacts AS c
                JOIN offhook.crm_notes AS n USING (org, phone, vendor)
                WHERE c.org = $1 AND c.phone = $2 AND c.pushed_version = c.version AND n.state = 'added'
                    AND n.call_id = (SELECT call_id FROM offhook.calls WHERE org = $1 AND contact_phone = $2
                                     ORDER BY started_at DESC LIMIT 1)
                GROUP BY c.vendor, c.external_id LIMIT 1) AS r",
        says: |row| {
            format!("in the CRM: contact {} at {}, tagged, with a note", text(row, "external_id"), text(row, "vendor"))
        },
    },
    Step {
        name: "metrics",
        query: "SELECT to_jsonb(r) FROM (
                SELECT s.branch, s.day, s.calls, s.answered, s.successful, s.average_duration_ms
                FROM offhook.daily_summary AS s
                JOIN offhook.call_contributions AS c USING (org, branch, day)
                WHERE org = $1 AND c.successful = 1
                    AND c.call_id = (SELECT call_id FROM offhook.calls WHERE org = $1 AND contact_phone = $2
                                     ORDER BY started_at DESC LIMIT 1)) AS r",
        says: |row| {
            let (branch, day, calls) = (text(row, "branch"), text(row, "day"), &row["calls"]);
            format!(
                "counted: {branch} on {day}: {calls} calls, {} answered, {} successful",
                row["answered"], row["successful"]
            )
        },
    },
    Step {
        name: "memory",
        query: "SELECT to_jsonb(r) FROM (
                SELECT m.vendor, m.state FROM offhook.memories AS m
                LEFT JOIN offhook.invalidations AS i
                    ON i.org = m.org AND i.tag = 'memory' AND i.parts = jsonb_build_array($2::text) AND i.asked_at >= m.created_at
                WHERE m.org = $1 AND (m.state = 'untold' OR m.state IN ('stored', 'given_up') AND i.bumped_at >= i.asked_at)
                    AND m.call_id = (SELECT call_id FROM offhook.calls WHERE org = $1 AND contact_phone = $2
                                   ORDER BY started_at DESC LIMIT 1)) AS r",
        says: |row| match text(row, "state") {
            "stored" => format!("remembered: told to {}, and read back", text(row, "vendor")),
            state => format!("memory: {state}"),
        },
    },
];

/// Shows each step as it comes to pass after the newest call with this phone.
pub(crate) async fn show(pool: &PgPool, org: &str, phone: &PhoneNumber, output: Output) -> anyhow::Result<()> {
    let began = Instant::now();
    let deadline = tokio::time::Instant::now() + ARRIVAL_MAX;
    for Step { name, query, says } in STEPS {
        let Ok(found) = tokio::time::timeout_at(deadline, seen(pool, query, org, phone)).await else {
            let s = ARRIVAL_MAX.as_secs();
            output.result(format_args!("  {name}: nothing within {s} s"), &json!({ "step": name, "seen": false }));
            continue;
        };
        let (row, after_ms) = (found?, began.elapsed().as_secs_f64() * 1000.0);
        let seen = json!({ "step": name, "seen": true, "after_ms": after_ms, "row": row });
        output.result(format_args!("  after {after_ms:.0} ms {}", says(&row)), &seen);
    }
    Ok(())
}

async fn seen(pool: &PgPool, query: &'static str, org: &str, phone: &PhoneNumber) -> anyhow::Result<Value> {
    loop {
        let row = sqlx::query_scalar::<_, Json<Value>>(query).bind(org).bind(phone.as_str());
        if let Some(Json(row)) = row.fetch_optional(pool).await.context("Postgres can't be asked")? {
            return Ok(row);
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or("-")
}
