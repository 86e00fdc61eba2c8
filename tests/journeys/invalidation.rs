//! What has changed is told to nobody as it was: on every process, and whatever Redis does meanwhile.

use cache::{Cache, Level};
use context::Contact;
use contract::{EventType, Source};
use serde_json::{Value, json};
use testkit::{Input, World, until};
use tokio_util::sync::CancellationToken;

const CONTACTS: usize = 20;
const TOLD: &str = "events.demo.cache.bumped.invalidate-worker";

/// Two processes with a cache, as the answer service has it.
struct Readers {
    caches: [Cache; 2],
    stop: CancellationToken,
}

impl Readers {
    async fn of(world: &World) -> Self {
        let stop = CancellationToken::new();
        let open = || context::open(&world.cache_settings(), &world.pool, &world.bus, &stop).expect("Redis's address");
        let readers = Self { caches: [open(), open()], stop };
        readers.connected().await;
        readers
    }

    async fn connected(&self) {
        until("both are connected", async || self.caches.iter().all(Cache::is_connected).then_some(())).await;
    }

    /// The names that the two tell of a contact, and from where.
    async fn names(&self, world: &World, nth: usize) -> Vec<(String, Level)> {
        let contact = Contact { org: "demo".parse().expect("an org id"), phone: phone(nth).parse().expect("a number") };
        let mut names = Vec::new();
        for cache in &self.caches {
            let read =
                cache.get(&contact, || contact.clone().load(world.pool.clone())).await.expect("it can be loaded");
            names.push((read.value.as_ref().and_then(|facts| facts.name.clone()).unwrap_or_default(), read.from));
        }
        names
    }

    async fn all_tell(&self, world: &World, name: &str) -> bool {
        for nth in 0..CONTACTS {
            if self.names(world, nth).await.iter().any(|(told, _)| told != name) {
                return false;
            }
        }
        true
    }
}

fn phone(nth: usize) -> String {
    format!("+1500555{nth:04}")
}

/// Gives every contact this name, as log-worker does: the row, then the event.
async fn rename_all(world: &World, name: &str) {
    for nth in 0..CONTACTS {
        let phone = phone(nth);
        let rename = sqlx::query(
            "INSERT INTO offhook.contacts (org, phone, name) VALUES ('demo', $1, $2)
             ON CONFLICT (org, phone) DO UPDATE SET name = excluded.name",
        );
        rename.bind(&phone).bind(name).execute(&world.pool).await.expect("the database takes it");
        let id = format!("{phone}:{name}");
        world.publish(&Input::follow_up(Source::LOG_WORKER, EventType::ContactRecorded, &id, &phone, &json!({}))).await;
    }
}

/// Until nothing is left to invalidate.
pub(crate) async fn worked_off(world: &World) {
    let left = "SELECT to_jsonb(i) FROM offhook.invalidations AS i WHERE due_at IS NOT NULL";
    until("nothing is due", async || world.rows(left).await.is_empty().then_some(())).await;
}

async fn told(world: &World) -> Vec<Value> {
    let stored = world.stored(TOLD, 0).await;
    stored.into_iter().map(|(_, input)| serde_json::from_slice(&input.body).expect("JSON")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_renamed_by_an_event_is_told_anew_by_every_process() {
    let world = World::start().await;
    let worker = world.invalidate_worker();
    let readers = Readers::of(&world).await;
    rename_all(&world, "Jane").await;
    until("all tell the first name", async || readers.all_tell(&world, "Jane").await.then_some(())).await;
    rename_all(&world, "Joan").await;
    until("all tell the new name", async || readers.all_tell(&world, "Joan").await.then_some(())).await;
    worked_off(&world).await;
    let told = told(&world).await;
    for nth in 0..CONTACTS {
        let tag = json!({ "tag": "contact", "parts": [phone(nth)] });
        assert!(told.contains(&tag), "{tag} is told");
    }
    readers.stop.cancel();
    worker.stop().await;
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_changed_at_the_crm_is_taken_out_under_its_former_number_too() {
    let world = World::start().await;
    let worker = world.invalidate_worker();
    let known = format!(
        "INSERT INTO offhook.crm_contacts (org, phone, vendor, external_id) VALUES
            ('demo', '{}', 'highlevel', 'c1'), ('other', '{}', 'highlevel', 'c1')",
        phone(1),
        phone(3)
    );
    world.sql(&known).await;
    let change =
        json!({ "type": "ContactUpdate", "webhookId": "w1", "locationId": "loc", "id": "c1", "phone": phone(2) });
    world.publish(&Input::highlevel(change.to_string())).await;
    let mut told = until("both are told twice", async || Some(told(&world).await).filter(|told| told.len() == 4)).await;
    told.sort_by_key(ToString::to_string);
    let [former, present] = [1, 2].map(|nth| json!({ "tag": "contact", "parts": [phone(nth)] }));
    assert_eq!(told, [former.clone(), former, present.clone(), present]);
    worked_off(&world).await;
    worker.stop().await;
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_is_away_nothing_is_taken_out_again_and_again() {
    let mut world = World::start().await;
    let worker = world.invalidate_worker();
    let readers = Readers::of(&world).await;
    rename_all(&world, "Jane").await;
    world.settled(invalidate_worker::NAME).await;
    worked_off(&world).await;
    let before = told(&world).await.len();
    world.sql("UPDATE offhook.invalidations SET asked = nextval('offhook.invalidations_asked'), bumps_due = 1, due_at = now() + interval '2 s'").await;
    world.nats.kill().await.expect("nats-server can be killed");
    let bumped = "SELECT to_jsonb(i) FROM offhook.invalidations AS i WHERE bumped";
    until("all are taken out", async || (world.rows(bumped).await.len() == CONTACTS).then_some(())).await;
    assert!(readers.all_tell(&world, "Jane").await);
    let times = "SELECT to_jsonb(max(bumped_at)) FROM offhook.invalidations";
    let once = world.rows(times).await;
    let claimed = "SELECT to_jsonb(min(due_at)) FROM offhook.invalidations";
    let first = world.rows(claimed).await;
    until("all are claimed again", async || (world.rows(claimed).await != first).then_some(())).await;
    world.nats.restart().await.expect("nats-server starts");
    worked_off(&world).await;
    assert_eq!(world.rows(times).await, once, "and not taken out again");
    until("each is told", async || (told(&world).await.len() == before + CONTACTS).then_some(())).await;
    readers.stop.cancel();
    worker.stop().await;
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_vendor_told_is_taken_out_twice() {
    let world = World::start().await;
    let worker = world.invalidate_worker();
    let stored = Input::follow_up(Source::REFRESH_WORKER, EventType::MemoryStored, "call", &phone(1), &json!({}));
    world.publish(&stored).await;
    let twice = until("it is told twice", async || Some(told(&world).await).filter(|told| told.len() == 2)).await;
    assert_eq!(twice, [json!({ "tag": "memory", "parts": [phone(1)] }), twice[0].clone()]);
    worked_off(&world).await;
    worker.stop().await;
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_frozen_invalidations_wait_as_one_per_contact_and_then_reach_everybody() {
    let world = World::start().await;
    let worker = world.invalidate_worker();
    let readers = Readers::of(&world).await;
    rename_all(&world, "Jane").await;
    until("all tell the first name", async || readers.all_tell(&world, "Jane").await.then_some(())).await;
    worked_off(&world).await;
    let before = told(&world).await.len();

    world.redis.freeze().expect("Redis can be frozen");
    for name in ["Joan", "June", "Jody"] {
        rename_all(&world, name).await;
    }
    world.settled(invalidate_worker::NAME).await;
    let waiting = world.rows("SELECT to_jsonb(i) FROM offhook.invalidations AS i WHERE due_at IS NOT NULL").await;
    assert_eq!(waiting.len(), CONTACTS, "no event waits, and each contact once");
    world.redis.thaw().expect("Redis can be thawed");
    worked_off(&world).await;
    until("copies of the processes are gone", async || readers.all_tell(&world, "Jody").await.then_some(())).await;
    let told = told(&world).await.len() - before;
    // What was under way when the last name came is done again for it.
    assert!((CONTACTS..=2 * CONTACTS).contains(&told), "{told} invalidations of {CONTACTS} contacts are told");
    readers.stop.cancel();
    worker.stop().await;
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_redis_was_killed_no_process_tells_an_old_value() {
    let mut world = World::start().await;
    let worker = world.invalidate_worker();
    let readers = Readers::of(&world).await;
    rename_all(&world, "Jane").await;
    until("all tell the first name", async || readers.all_tell(&world, "Jane").await.then_some(())).await;

    world.redis.kill().await.expect("Redis can be killed");
    rename_all(&world, "Joan").await;
    world.settled(invalidate_worker::NAME).await;
    until("without Redis too", async || readers.all_tell(&world, "Joan").await.then_some(())).await;
    rename_all(&world, "June").await;
    world.settled(invalidate_worker::NAME).await;
    until("and again", async || readers.all_tell(&world, "June").await.then_some(())).await;
    world.redis.restart().await.expect("Redis starts");
    readers.connected().await;
    for nth in 0..CONTACTS {
        let names = readers.names(&world, nth).await;
        assert!(names.iter().all(|(name, _)| name == "June"), "{names:?}");
    }
    worked_off(&world).await;
    assert!(readers.all_tell(&world, "June").await);
    readers.stop.cancel();
    worker.stop().await;
    world.end_with_dead_letters(0).await;
}
