//! Journeys: what crosses services, from a signed delivery to a row, with real servers and through every outage.

mod appointments;
mod broker;
mod cache;
mod calls;
mod command_line;
mod conformance;
mod doctor;
mod elsewhere;
mod five_times;
mod hostile;
mod hubspot;
mod invalidation;
mod large_bodies;
mod messages;
mod metrics;
mod names;
mod of_all;
mod office;
mod one_event;
mod orgs_live;
mod outages;
mod poison;
mod processes;
mod refresh;
mod refusals;
mod responses;
mod retention;
mod rings;
mod simulator;
mod sources;
mod story;
mod together;
mod tools;
mod traces;

use serde_json::{Value, json};
use sqlx::{PgPool, types::Json};
use testkit::until;

/// A call as Retell tells of it, from the usual caller to the usual number.
fn call(id: &str) -> Value {
    json!({
        "call_id": id, "call_type": "phone_call", "call_status": "ongoing", "direction": "inbound", "agent_id": "agent_demo",
        "from_number": "+15005550006", "to_number": "+15005550001", "start_timestamp": 1_795_000_001_200_i64,
    })
}

/// The same call with more, or other, fields.
fn with(mut call: Value, more: Value) -> Value {
    if let (Value::Object(call), Value::Object(more)) = (&mut call, more) {
        call.extend(more);
    }
    call
}

/// A row of `calls` as JSON, without what differs from run to run; `None` if there is none.
async fn row(pool: &PgPool, call_id: &str) -> Option<Value> {
    let select = sqlx::query_scalar::<_, Json<Value>>(
        "SELECT to_jsonb(c) - 'created_at' - 'updated_at' - 'first_received_at' FROM offhook.calls AS c WHERE call_id = $1",
    );
    select.bind(call_id).fetch_optional(pool).await.expect("the database answers").map(|Json(row)| row)
}

/// How many rows a table has.
async fn count(pool: &PgPool, count_query: &'static str) -> i64 {
    sqlx::query_scalar(count_query).fetch_one(pool).await.expect("the database answers")
}

/// Waits until `count_query` gives `expected`.
async fn counted(pool: &PgPool, count_query: &'static str, expected: i64) {
    let what = format!("{count_query} = {expected}");
    until(&what, async || {
        let found = sqlx::query_scalar::<_, i64>(count_query).fetch_one(pool).await.ok()?;
        (found == expected).then_some(())
    })
    .await;
}
