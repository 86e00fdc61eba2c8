//! Daily figures: exact, whatever comes late, twice, out of order, or on the night the clocks change.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::types::Json;
use testkit::{Delivery, World};

use crate::{call, with};

/// Every day that has calls, as (branch, day, the figures).
async fn days(world: &World) -> Vec<Value> {
    let select = sqlx::query_scalar::<_, Json<Value>>(
        "SELECT to_jsonb(m) - 'updated_at' - 'org' FROM offhook.daily_metrics AS m WHERE calls > 0 ORDER BY org, branch, day",
    );
    select.fetch_all(&world.pool).await.expect("the database answers").into_iter().map(|Json(day)| day).collect()
}

async fn settle(world: &World) {
    world.settled(log_worker::NAME).await;
    world.settled(metrics_worker::NAME).await;
}

fn at(text: &str) -> i64 {
    text.parse::<DateTime<Utc>>().expect("a time").timestamp_millis()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_counts_once_and_its_late_analysis_is_added() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let (worker, metrics) = (world.log_worker(), world.metrics_worker());
    let started = with(call("call_1"), json!({ "start_timestamp": at("2026-11-16T15:00:00Z") }));
    let ended = with(
        started.clone(),
        json!({ "call_status": "ended", "end_timestamp": at("2026-11-16T15:02:00Z"), "duration_ms": 120_000 }),
    );
    let analyzed = with(
        ended.clone(),
        json!({ "call_cost": { "combined_cost": 14.2 }, "call_analysis": { "call_successful": true, "in_voicemail": false } }),
    );
    for (event, call) in [("call_ended", &ended), ("call_started", &started), ("call_ended", &ended)] {
        Delivery::event(event, call).acknowledged(&url).await;
        settle(&world).await;
    }
    let day = |successful: i64, cost: f64| {
        json!({ "branch": "main", "day": "2026-11-16", "calls": 1, "inbound": 1, "outbound": 0, "answered": 1, "not_connected": 0,
            "successful": successful, "transfers": 0, "voicemails": 0, "duration_ms": 120_000, "cost_cents": cost })
    };
    assert_eq!(days(&world).await, [with(day(0, 0.0), json!({ "cost_cents": 0 }))]);
    for _ in 0..2 {
        Delivery::event("call_analyzed", &analyzed).acknowledged(&url).await;
        settle(&world).await;
    }
    assert_eq!(days(&world).await, [day(1, 14.2)]);

    // Later the provider changes its mind, and finds a voicemail and a transfer.
    let again = with(
        analyzed,
        json!({ "disconnection_reason": "call_transfer", "call_analysis": { "call_successful": false, "in_voicemail": true } }),
    );
    let again = json!({ "event": "call_analyzed", "event_timestamp": (Utc::now() + TimeDelta::minutes(1)).timestamp_millis(), "call": again });
    Delivery::new(again.to_string()).acknowledged(&url).await;
    let outbound = json!({ "call_id": "call_2", "call_status": "not_connected", "direction": "outbound", "from_number": "+15005550001",
        "to_number": "+15005550007", "end_timestamp": at("2026-11-16T16:00:00Z") });
    Delivery::event("call_ended", &outbound).acknowledged(&url).await;
    settle(&world).await;
    let changed = json!({ "calls": 2, "outbound": 1, "not_connected": 1, "transfers": 1, "voicemails": 1 });
    assert_eq!(days(&world).await, [with(day(0, 14.2), changed)]);
    world.assert_recount().await;

    let summary = sqlx::query_scalar::<_, Json<Value>>("SELECT to_jsonb(s) FROM offhook.daily_summary AS s")
        .fetch_one(&world.pool)
        .await
        .unwrap()
        .0;
    assert_eq!((&summary["answer_rate"], &summary["average_duration_ms"]), (&json!(0.5), &json!(120_000)));
    assert_eq!((&summary["transfer_rate"], &summary["success_rate"]), (&json!(1.0), &json!(0.0)));
    for stopped in [ingress, worker, metrics] {
        stopped.stop().await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_belongs_to_the_local_day_of_its_branch() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let (worker, metrics) = (world.log_worker(), world.metrics_worker());
    // New York leaves summer time on 2026-11-01 at 06:00 UTC: 23:59 on the day before and on the day itself are four and
    // five hours behind UTC.
    let calls = [
        ("call_before", "2026-11-01T03:59:00Z", "2026-10-31"),
        ("call_midnight", "2026-11-01T04:01:00Z", "2026-11-01"),
        ("call_twice_one", "2026-11-01T06:30:00Z", "2026-11-01"),
        ("call_night", "2026-11-02T04:59:00Z", "2026-11-01"),
        ("call_after", "2026-11-02T05:01:00Z", "2026-11-02"),
    ];
    for (id, started, _) in calls {
        Delivery::event("call_started", &with(call(id), json!({ "start_timestamp": at(started) })))
            .acknowledged(&url)
            .await;
    }
    settle(&world).await;
    for (id, _, day) in calls {
        let found: String = sqlx::query_scalar("SELECT day::text FROM offhook.call_contributions WHERE call_id = $1")
            .bind(id)
            .fetch_one(&world.pool)
            .await
            .unwrap();
        assert_eq!(found, day, "{id}");
    }
    assert_eq!(days(&world).await.iter().map(|day| day["calls"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 3, 1]);

    // The branch moves: a call that is heard of again moves to its new day, and takes its old one along.
    world.apply_orgs(&world.orgs_file().replacen("America/New_York", "Asia/Tokyo", 1)).await;
    for (id, started, _) in calls {
        let ended = with(call(id), json!({ "start_timestamp": at(started), "duration_ms": 1000 }));
        Delivery::event("call_ended", &ended).acknowledged(&url).await;
    }
    settle(&world).await;
    let moved: Vec<_> = days(&world).await.iter().map(|day| (day["day"].clone(), day["calls"].clone())).collect();
    assert_eq!(moved, [(json!("2026-11-01"), json!(3)), (json!("2026-11-02"), json!(2))]);
    world.assert_recount().await;
    for stopped in [ingress, worker, metrics] {
        stopped.stop().await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_each_worker_that_meet_the_events_of_the_same_calls_at_once_count_them_once() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let workers = [world.log_worker(), world.log_worker(), world.metrics_worker(), world.metrics_worker()];
    let mut sent = Vec::new();
    for nth in 0..60 {
        let started = with(
            call(&format!("call_{nth}")),
            json!({ "start_timestamp": at("2026-11-16T15:00:00Z") + nth * 3_600_000 }),
        );
        let ended = with(started.clone(), json!({ "duration_ms": 1000 + nth, "call_cost": { "combined_cost": 0.1 } }));
        let analyzed = with(ended.clone(), json!({ "call_analysis": { "call_successful": nth % 3 == 0 } }));
        // All three at once, some of them twice.
        for (event, call) in [
            ("call_analyzed", &analyzed),
            ("call_started", &started),
            ("call_ended", &ended),
            ("call_started", &started),
        ] {
            let (delivery, url) = (Delivery::event(event, call), url.clone());
            sent.push(tokio::spawn(async move { delivery.acknowledged(&url).await }));
        }
    }
    for delivery in sent {
        delivery.await.expect("acknowledged");
    }
    settle(&world).await;
    let total: (i64, i64, String) = sqlx::query_as(
        "SELECT sum(calls)::bigint, sum(successful)::bigint, sum(cost_cents)::text FROM offhook.daily_metrics",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    assert_eq!(total, (60, 20, "6.0".to_owned()));
    world.assert_recount().await;
    ingress.stop().await;
    for worker in workers {
        worker.stop().await;
    }
    world.end().await;
}
