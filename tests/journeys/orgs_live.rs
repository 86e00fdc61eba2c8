//! Orgs and secrets change while ingress runs, and are known without the broker.

use orgs::Applied;
use testkit::{Delivery, KEY, World, until};

use crate::{call, count};

fn event() -> Delivery {
    Delivery::event("call_started", &call("call_1"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_and_a_changed_org_are_live_without_a_restart() {
    let world = World::start().await;
    let (ingress, url) = world.ingress().await;
    event().acknowledged(&url).await;

    world.write_key("demo", "key_rotated");
    until("the new key is valid", async || {
        (event().signed_by("key_rotated").send(&url).await.status() == 204).then_some(())
    })
    .await;
    event().refused(&url, 401, "bad_signature").await;

    // Both valid at once, as a rotation needs.
    world.write_key("second", KEY);
    let both = world
        .orgs_file()
        .replace("demo.key\"]", &format!("demo.key\", \"file:{}\"]", world.path("second.key").display()));
    assert_eq!(world.apply_orgs(&both).await, Applied { changed: 1, unchanged: 1, ..Applied::default() });
    until("the old key is valid again", async || (event().send(&url).await.status() == 204).then_some(())).await;
    event().signed_by("key_rotated").acknowledged(&url).await;

    // A secret that is listed and not there yet may be the one that signed.
    let three = both.replace("demo.key\", ", &format!("demo.key\", \"file:{}\", ", world.path("third.key").display()));
    world.apply_orgs(&three).await;
    let by_third = || event().signed_by("key_third");
    until("the third secret is missed", async || (by_third().send(&url).await.status() == 503).then_some(())).await;
    by_third().refused(&url, 503, "secret_unavailable").await;
    world.write_key("third", "key_third");
    until("the third secret is read", async || (by_third().send(&url).await.status() == 204).then_some(())).await;
    event().signed_by("key_of_nobody").refused(&url, 401, "bad_signature").await;
    world.apply_orgs(&both).await;

    let without_other = both.split("[[org]]\nid = \"other\"").next().expect("a first part").to_owned();
    assert_eq!(world.apply_orgs(&without_other).await, Applied { removed: 1, unchanged: 1, ..Applied::default() });
    let to_other = || event().to("other").signed_by(testkit::OTHER_KEY);
    until("the removed org is unknown", async || (to_other().send(&url).await.status() == 404).then_some(())).await;
    assert_eq!(
        count(&world.pool, "SELECT count(*) FROM offhook.orgs WHERE removed_at IS NOT NULL").await,
        1,
        "its rows stay"
    );

    assert_eq!(world.apply_orgs(&both).await, Applied { added: 1, unchanged: 1, ..Applied::default() });
    until("the returned org is known", async || (to_other().send(&url).await.status() == 204).then_some(())).await;
    assert_eq!(
        world.apply_orgs(&both).await,
        Applied { unchanged: 2, ..Applied::default() },
        "repeating it changes nothing"
    );
    ingress.stop().await;
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ingress_starts_from_its_snapshot_while_the_broker_is_away() {
    let mut world = World::start().await;
    let (ingress, _) = world.ingress().await;
    until("the snapshot is written", async || world.path("orgs.json").exists().then_some(())).await;
    ingress.stop().await;
    world.nats.stop().await.expect("nats-server stops");

    let (ingress, url) = world.ingress_unready().await;
    // The snapshot may be older than an org; what it knows it knows.
    event().to("nobody").refused(&url, 503, "broker_unavailable").await;
    event().signed_by("key_of_nobody").refused(&url, 401, "bad_signature").await;
    event().refused(&url, 503, "broker_unavailable").await;
    world.nats.restart().await.expect("nats-server starts");
    until("ingress is ready", async || ingress.objections().is_empty().then_some(())).await;
    event().acknowledged(&url).await;
    until("what is not in the bucket is unknown", async || {
        (event().to("nobody").send(&url).await.status() == 404).then_some(())
    })
    .await;
    ingress.stop().await;
    world.end_with_dead_letters(0).await;
}
