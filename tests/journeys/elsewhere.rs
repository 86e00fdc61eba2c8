//! What is changed elsewhere, at the calendar and at the CRM, is told by every process soon after, although the vendors
//! themselves tell it late.

use std::time::Duration;

use serde_json::json;
use sources::{calcom, highlevel};
use testkit::{KEY, Process, Question, World, until};

use crate::{office::booking, sources::post};

const JANE: &str = "+15005550006";
const OURS: &str = "+15005550077";
/// Of this test alone; HighLevel's own signs nothing for us.
const PRIVATE_KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c2b7e151628aed2a6abf7158809cf4f3c";
/// So long the vendors go on telling what was.
const LAG: Duration = Duration::from_millis(1_500);

const ORG: &str = r#"
[[org]]
id = "annex"
name = "Annex"
[[org.branch]]
id = "main"
time_zone = "America/New_York"
calendar = "calcom:1001"
[[org.channel]]
kind = "phone"
address = "+15005550077"
branch = "main"
deadline_ms = 5000
[org.source.retell]
secrets = ["file:DIR/demo.key"]
[org.source.calcom]
secrets = ["file:DIR/demo.key"]
[org.source.highlevel]
public_keys = ["file:DIR/highlevel.pub"]
[org.vendor.calcom]
base_url = "SANDBOX/calcom"
token = "file:DIR/demo.key"
[org.vendor.highlevel]
base_url = "SANDBOX/highlevel"
token = "file:DIR/demo.key"
location_id = "loc_demo"
"#;

/// What both processes tell of a variable.
async fn told(processes: &[Process; 2], name: &str) -> [String; 2] {
    let mut told = [String::new(), String::new()];
    for (process, told) in processes.iter().zip(&mut told) {
        let url = process.url(answer::NAME).await;
        *told = Question::ring(JANE, OURS).to("annex", KEY).ask(&url).await.get(name).to_owned();
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_and_a_new_name_are_told_by_every_process() {
    let world = World::start().await;
    let vendors = world.vendors().await;
    vendors.with_read_lag(LAG).await;
    std::fs::write(world.path("highlevel.pub"), highlevel::public_key(PRIVATE_KEY).expect("a key")).expect("a folder");
    let dir = world.path("").display().to_string();
    let org = ORG.replace("DIR", dir.trim_end_matches('/')).replace("SANDBOX", &vendors.url);
    world.apply_orgs(&(world.orgs_file() + &org)).await;
    let (ingress, url) = world.ingress().await;
    let workers = [world.log_worker(), world.invalidate_worker()];
    let more = [("OFFHOOK_CACHE_OPERATION_MS", "1000")];
    let processes = [(); 2].map(|()| world.process(&[answer::NAME], &more));
    for process in &processes {
        process.ready().await;
    }

    let [first, same] = told(&processes, "first_available_slot").await;
    assert!(!first.is_empty() && first == same, "a slot is offered");
    let booked = vendors.book_at_calcom(&first, json!({ "name": "Ana", "email": "ana@example.com" })).await;
    let uid = booked["uid"].as_str().expect("its id").to_owned();
    let body = booking("BOOKING_CREATED", &uid, 0, &first, json!({ "eventTypeId": 1001 })).to_string();
    let signed = [(calcom::SIGNATURE_HEADER, calcom::sign(KEY, body.as_bytes()))];
    assert_eq!(post(&url, "annex/calcom/events", &signed, &body).await.status(), 200);
    until("nobody is offered it any more", async || {
        told(&processes, "first_available_slot").await.iter().all(|slot| *slot != first).then_some(())
    })
    .await;

    // As it stands with the booking, until the CRM says otherwise.
    assert_eq!(told(&processes, "customer_name").await, ["Noor Haddad", "Noor Haddad"]);
    let change = json!({ "type": "ContactUpdate", "webhookId": "w1", "locationId": "loc_demo", "id": "con_1",
        "phone": JANE, "name": "Jane Smith", "dateUpdated": chrono::Utc::now() });
    let body = change.to_string();
    let signed = [(highlevel::SIGNATURE_HEADER, highlevel::sign(PRIVATE_KEY, body.as_bytes()).expect("a key"))];
    assert_eq!(post(&url, "annex/highlevel/events", &signed, &body).await.status(), 200);
    until("everybody tells the new name", async || {
        (told(&processes, "customer_name").await == ["Jane Smith", "Jane Smith"]).then_some(())
    })
    .await;

    for process in processes {
        assert!(process.terminate().await.success());
    }
    for service in workers.into_iter().chain([ingress]) {
        service.stop().await;
    }
    vendors.stop().await;
    world.end_with_dead_letters(0).await;
}
