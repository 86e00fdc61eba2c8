//! What is old enough goes, in batches; what is younger stays.

use std::time::Duration;

use log_worker::LogWorker;
use testkit::World;
use worker::Verb as _;

use crate::count;

#[tokio::test(flavor = "multi_thread")]
async fn old_events_and_inbox_rows_are_deleted_and_young_ones_stay() {
    let world = World::start().await;
    // More than two batches of each are old, one row of each is not.
    let fill = "
        INSERT INTO offhook.inbox (worker, version, event_key, claimed_at)
        SELECT w, 1, gen_random_uuid(), now() - age FROM
            (SELECT 'log-worker', interval '38 days' FROM generate_series(1, 12000) UNION ALL
             SELECT 'log-worker', interval '36 days' UNION ALL SELECT 'other-worker', interval '38 days') AS rows (w, age);
        INSERT INTO offhook.events (event_key, org, event_id, type, source, channel, occurred_at, received_at, content_type, body)
        SELECT gen_random_uuid(), 'demo', 'x', 'call.ended', 'retell', '', now(), now() - age, 'application/json', ''
        FROM (SELECT interval '8 days' FROM generate_series(1, 12000) UNION ALL SELECT interval '6 days') AS rows (age)";
    sqlx::raw_sql(fill).execute(&world.pool).await.expect("rows");
    let inbox =
        postgres::retire_inbox(&world.pool, log_worker::NAME, Duration::from_hours(37 * 24)).await.expect("deleted");
    let events = LogWorker::new(world.pool.clone(), world.bus.clone(), 7).tidy().await.expect("deleted");
    assert_eq!((inbox, events), (12_000, 12_000));
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.events").await, 1);
    assert_eq!(
        count(&world.pool, "SELECT count(*) FROM offhook.inbox").await,
        2,
        "another worker's rows are not ours to delete"
    );
    world.end().await;
}
