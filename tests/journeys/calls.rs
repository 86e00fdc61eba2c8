//! Calls of every kind, whatever the order of their events.

use serde_json::{Value, json};
use sources::retell::Lifecycle;
use testkit::{Delivery, World};

use crate::{call, count, row, with};

/// The events of one eventful call, in the order in which they happen.
fn story(id: &str) -> Vec<Delivery> {
    let ended = with(
        call(id),
        json!({ "call_status": "ended", "end_timestamp": 1_795_000_093_800_i64, "duration_ms": 92_600, "transcript": "whole",
            "disconnection_reason": "call_transfer", "call_cost": { "combined_cost": 14.2 }, "metadata": { "offhook_id": "answer_1" } }),
    );
    let analysis = |summary: &str| json!({ "call_analysis": { "call_summary": summary, "user_sentiment": "Positive", "call_successful": true, "in_voicemail": false } });
    let later = |call: Value, event: &str, ms: i64| {
        Delivery::new(json!({ "event": event, "event_timestamp": ms, "call": call }).to_string())
    };
    vec![
        Delivery::event("call_started", &call(id)),
        later(with(call(id), json!({ "transcript": "half" })), "transcript_updated", 1_795_000_050_000),
        later(with(call(id), json!({ "transfer_destination": "+15005550009" })), "transfer_started", 1_795_000_060_000),
        later(with(call(id), json!({ "transfer_destination": "+15005550009" })), "transfer_bridged", 1_795_000_070_000),
        Delivery::event("call_ended", &ended),
        later(call(id), "transfer_ended", 1_795_000_095_000),
        later(with(ended.clone(), analysis("first")), "call_analyzed", 1_795_000_100_000),
        later(with(ended, analysis("second")), "call_analyzed", 1_795_000_200_000),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_any_repetition_give_the_same_row() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let worker = world.log_worker();
    let orders: [(&str, Vec<usize>); 4] = [
        ("call_forward", (0..8).collect()),
        ("call_backward", (0..8).rev().collect()),
        ("call_mixed", vec![6, 3, 0, 7, 2, 5, 1, 4]),
        ("call_again", vec![4, 4, 0, 7, 7, 6, 1, 2, 3, 5, 0, 6]),
    ];
    for (id, order) in &orders {
        let story = story(id);
        for &nth in order {
            story[nth].clone().acknowledged(&url).await;
            // One batch per event, so that the row is written and read back each time.
            world.settled(log_worker::NAME).await;
        }
    }
    let comparable = async |id: &str| {
        let mut row = row(&world.pool, id).await.expect("a row");
        let row = row.as_object_mut().expect("an object");
        // The keys of the events, and so the stamps, hold the call's id.
        row.remove("provenance");
        row.remove("call_id");
        Value::Object(row.clone())
    };
    let forward = comparable("call_forward").await;
    assert_eq!(
        (&forward["transcript"], &forward["summary"], &forward["cost_cents"]),
        (&json!("whole"), &json!("second"), &json!(14.2))
    );
    assert_eq!((&forward["status"], &forward["transfer_destination"]), (&json!("ended"), &json!("+15005550009")));
    assert_eq!(
        (&forward["answer_id"], &forward["started_at"]),
        (&json!("answer_1"), &json!("2026-11-18T11:06:41.2+00:00"))
    );
    for (id, _) in &orders[1..] {
        assert_eq!(comparable(id).await, forward, "{id}");
    }
    assert_eq!(count(&world.pool, "SELECT total_calls FROM offhook.contacts WHERE phone = '+15005550006'").await, 4);
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.events WHERE source = 'retell'").await, 4 * 8);
    ingress.stop().await;
    worker.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn web_anonymous_outbound_and_never_connected_calls_each_have_their_row() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let worker = world.log_worker();
    let web = json!({ "call_id": "call_web", "call_type": "web_call", "call_status": "ongoing", "agent_id": "agent_uptown", "start_timestamp": 1_795_000_001_200_i64 });
    let anonymous = with(call("call_anonymous"), json!({ "from_number": "anonymous" }));
    let outbound = with(
        call("call_outbound"),
        json!({ "direction": "outbound", "from_number": "+15005550001", "to_number": "+15005550007" }),
    );
    let unreached = json!({ "call_id": "call_unreached", "call_type": "phone_call", "call_status": "not_connected", "direction": "outbound",
        "from_number": "+15005550001", "to_number": "+15005550008", "disconnection_reason": "dial_no_answer" });
    let stranger = with(
        call("call_stranger"),
        json!({ "to_number": "+15005559999", "agent_id": "agent_nobody", "from_number": null }),
    );
    for call in [&web, &anonymous, &outbound, &stranger] {
        Delivery::event("call_started", call).acknowledged(&url).await;
    }
    Delivery::event("call_ended", &unreached).acknowledged(&url).await;
    world.settled(log_worker::NAME).await;

    let expected = [
        ("call_web", json!(["active", null, null, "uptown"])),
        ("call_anonymous", json!(["active", "inbound", null, "main"])),
        ("call_outbound", json!(["active", "outbound", "+15005550007", "main"])),
        ("call_unreached", json!(["not_connected", "outbound", "+15005550008", "main"])),
        ("call_stranger", json!(["active", "inbound", null, "unassigned"])),
    ];
    for (id, expected) in expected {
        let row = row(&world.pool, id).await.expect("a row");
        assert_eq!(json!([row["status"], row["direction"], row["contact_phone"], row["branch"]]), expected, "{id}");
    }
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.contacts").await, 2);
    ingress.stop().await;
    worker.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_transcript_an_emoji_and_a_nul_are_kept() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let worker = world.log_worker();
    let huge = "Agent: très bien 👍\n".repeat(7 * 1024 * 1024 / 23);
    Delivery::event("call_ended", &with(call("call_huge"), json!({ "transcript": huge }))).acknowledged(&url).await;
    let odd = r#"{"event":"call_ended","call":{"call_id":"call_odd","call_status":"ended","transcript":"a\u0000b \ud83d\ude00 \ud83d cut"}}"#;
    Delivery::new(odd).acknowledged(&url).await;
    world.settled(log_worker::NAME).await;

    let row_of_huge = row(&world.pool, "call_huge").await.expect("a row");
    assert!(row_of_huge["transcript"] == huge, "the transcript of {} bytes came through whole", huge.len());
    assert_eq!(row(&world.pool, "call_odd").await.expect("a row")["transcript"], "ab 😀 \u{fffd} cut");
    let archived: Vec<u8> = sqlx::query_scalar("SELECT body FROM offhook.events WHERE subject = 'call_odd'")
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(archived, odd.as_bytes(), "the archive keeps the provider's bytes");
    ingress.stop().await;
    worker.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_unknown_types_and_unreadable_bodies_are_archived_and_make_no_call() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let worker = world.log_worker();
    let bodies = [
        r#"{"event":"chat_started","chat":{"chat_id":"chat_1"}}"#,
        r#"{"event":"transcript_updated","chat":{"chat_id":"chat_1"}}"#,
        r#"{"event":"call_teleported","call":{"call_id":"call_1"}}"#,
        r#"{"event":"call_ended"}"#,
        r#"{"event":"call_ended","call":"not an object"}"#,
        "\u{feff}not JSON at all",
        "",
    ];
    for body in bodies {
        Delivery::new(body).acknowledged(&url).await;
    }
    world.settled(log_worker::NAME).await;
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.events").await, 7);
    assert_eq!(
        count(&world.pool, "SELECT count(*) FROM offhook.events WHERE type = 'other.unknown' AND fault IS NOT NULL")
            .await,
        4
    );
    assert_eq!(
        count(
            &world.pool,
            "SELECT count(*) FROM offhook.events WHERE type IN ('chat.started', 'chat.transcript_updated')"
        )
        .await,
        2
    );
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.calls").await, 0);
    ingress.stop().await;
    worker.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_call_id_in_two_orgs_is_two_calls() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let worker = world.log_worker();
    for (org, key) in [("demo", testkit::KEY), ("other", testkit::OTHER_KEY)] {
        Delivery::event("call_started", &call("call_same")).to(org).signed_by(key).acknowledged(&url).await;
    }
    world.settled(log_worker::NAME).await;
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.calls WHERE call_id = 'call_same'").await, 2);
    // The number belongs to `demo`: it says nothing of a branch of `other`.
    assert_eq!(
        count(
            &world.pool,
            "SELECT count(*) FROM offhook.calls WHERE (org, branch) IN (('demo', 'main'), ('other', 'unassigned'))"
        )
        .await,
        2
    );
    ingress.stop().await;
    worker.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_lifecycle_becomes_a_whole_row() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    let worker = world.log_worker();
    let life = Lifecycle {
        call_id: "call_life".to_owned(),
        agent_id: "agent_demo".to_owned(),
        direction: contract::Direction::Inbound,
        from_number: "+15005550006".to_owned(),
        to_number: "+15005550001".to_owned(),
        started_at: chrono::Utc::now(),
        turns: 4,
    };
    for (_, body) in life.events() {
        Delivery::new(body).acknowledged(&url).await;
    }
    world.settled(log_worker::NAME).await;
    let row = row(&world.pool, "call_life").await.expect("a row");
    for (column, value) in row.as_object().expect("an object") {
        let silent = ["transferred", "transfer_destination", "answer_id"].contains(&column.as_str());
        assert_eq!(value.is_null(), silent, "{column}: {value}");
    }
    ingress.stop().await;
    worker.stop().await;
    world.end().await;
}
