//! HubSpot as we call it against HubSpot as it is simulated: neither was written from the other.

use std::{collections::BTreeMap, time::Duration};

use cache::{Cache, Parts};
use contract::PhoneNumber;
use serde_json::json;
use testkit::{Sandbox, World};
use tokio::time::Instant;
use vendors::{
    By, Limits, VendorError, Vendors,
    hubspot::{Account, Push},
};

/// A seeded caller, whom people typed in without the property for voice.
const JANE: &str = "+15005550006";
const NEW: &str = "+14155550100";

struct Stage {
    world: World,
    sandbox: Sandbox,
    vendors: Vendors,
}

impl Stage {
    async fn start() -> Self {
        let world = World::start().await;
        let sandbox = world.vendors().await;
        sandbox.without_delays().await;
        let cache = Cache::start(&world.cache_settings(), Parts::default()).expect("a cache");
        let vendors = Vendors::new(cache, Limits::default()).expect("a client");
        Self { world, sandbox, vendors }
    }

    fn account(&self, named: bool) -> Account {
        let name = |name: &str| named.then(|| name.to_owned());
        Account {
            org: "demo".parse().expect("an org id"),
            base_url: format!("{}/hubspot", self.sandbox.url),
            token: "pat-anything".to_owned().into(),
            phone_property: name("voice_phone_e164"),
            tags_property: name("voice_tags"),
        }
    }

    async fn end(self) {
        self.sandbox.stop().await;
        self.world.end_with_dead_letters(0).await;
    }
}

fn by() -> By {
    By::background(Instant::now() + Duration::from_secs(60))
}

fn phone(number: &str) -> PhoneNumber {
    number.parse().expect("a number")
}

fn push(number: &str, tag: &str) -> Push {
    Push {
        phone: Some(phone(number)),
        tags: vec![tag.to_owned()],
        properties: BTreeMap::from([("last_call_summary".to_owned(), "A chipped tooth.".to_owned())]),
        ..Push::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_property_of_its_own_a_number_has_one_contact_however_it_began() {
    let stage = Stage::start().await;
    let account = stage.account(true);
    let hubspot = stage.vendors.hubspot(&account);
    let known = hubspot.lookup(&phone(JANE), by()).await.unwrap().expect("the seeded caller");
    assert_eq!((known.name().as_deref(), known.email()), (Some("Jane Doe"), Some("jane.doe@demo.example")));
    for tag in ["vip", "roof", "vip"] {
        let pushed = hubspot.upsert(&push(JANE, tag), by()).await.unwrap();
        assert_eq!((pushed.new, &pushed.contact.id), (false, &known.id));
    }
    let now = hubspot.lookup(&phone(JANE), by()).await.unwrap().expect("still there");
    assert_eq!((now.property("voice_tags"), now.name().as_deref()), (Some("vip;roof"), Some("Jane Doe")));
    let first = hubspot.upsert(&push(NEW, "new"), by()).await.unwrap();
    let again = hubspot.upsert(&push(NEW, "new").with_name("Ana Ruiz"), by()).await.unwrap();
    assert!(first.new && !again.new);
    assert_eq!(first.contact.id, again.contact.id);
    let taken = Push { email: Some("Jane.Doe@demo.example".to_owned()), ..push(NEW, "new") };
    assert_eq!(hubspot.upsert(&taken, by()).await.unwrap().contact.id, first.contact.id, "the address is left alone");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_one_a_contact_is_searched_for_and_made_and_then_found() {
    let stage = Stage::start().await;
    let account = stage.account(false);
    let hubspot = stage.vendors.hubspot(&account);
    assert_eq!(hubspot.lookup(&phone(NEW), by()).await.unwrap(), None);
    let first = hubspot.upsert(&push(NEW, "dropped"), by()).await.unwrap();
    let again = hubspot.upsert(&push(NEW, "dropped").with_name("Ana Ruiz"), by()).await.unwrap();
    assert_eq!((first.new, again.new, &again.contact.id), (true, false, &first.contact.id));
    let unknown = Push { properties: BTreeMap::from([("colour".to_owned(), "red".to_owned())]), ..push(NEW, "") };
    let refused = hubspot.update(&first.contact.id, &unknown, by()).await;
    assert!(matches!(refused, Err(VendorError::Refused(400, _))), "{refused:?}");
    let gone = hubspot.update("1", &push(NEW, ""), by()).await;
    assert!(matches!(gone, Err(VendorError::Refused(404, _))), "{gone:?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_was_added_without_an_answer_is_found_by_its_mark() {
    let stage = Stage::start().await;
    let account = stage.account(true);
    let hubspot = stage.vendors.hubspot(&account);
    let contact = hubspot.upsert(&push(NEW, "new"), by()).await.unwrap().contact;
    assert_eq!(hubspot.notes(&contact.id, by()).await.unwrap(), []);
    let fault =
        json!([{ "vendor": "hubspot", "operation": "note.create", "status": 500, "after_effect": true, "times": 1 }]);
    stage.sandbox.faults(fault).await;
    let at = "2026-11-20T10:00:00Z".parse().expect("a moment");
    let failed = hubspot.add_note(&contact.id, "Booked. [call_1]", at, by()).await.unwrap_err();
    assert!(failed.may_have_happened(), "{failed}");
    let notes = hubspot.notes(&contact.id, by()).await.unwrap();
    assert_eq!(notes.iter().filter(|note| note.body().contains("[call_1]")).count(), 1);
    assert_eq!(stage.sandbox.times("hubspot note.create").await, 1, "never repeated by itself");
    stage.end().await;
}
