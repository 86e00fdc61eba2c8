//! Live calls while Redis, Postgres, the broker and the vendors freeze, die and dawdle: every question is answered in full,
//! and what is missing is named; afterwards answers are whole again by themselves.
//!
//! Prints how long answers took, and asserts nothing about it but that nothing hangs.

mod ask;
mod judge;
mod stage;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::LocalSet;

use self::{
    judge::Judged,
    stage::{Server, Stage},
};

/// How long one trouble lasts, unless it must outlast a limit.
const TROUBLE: Duration = Duration::from_millis(1_200);
/// Longer than one attempt to publish takes.
const PAST_PUBLISHING: Duration = Duration::from_secs(5);
/// The parts of an answer that each vendor has.
const VENDORS: [(&str, &[&str]); 4] = [
    ("highlevel", &["crm", "slots", "appointments"]),
    ("zep", &["memory"]),
    ("mem0", &["memory"]),
    ("langfuse", &["prompt"]),
];

/// The ways in which a vendor fails, as the sandbox's rules have them.
fn ways() -> [(&'static str, Value); 3] {
    [
        ("hangs", json!({ "hang": true })),
        ("is slow", json!({ "delay_ms": 2_000 })),
        ("fails", json!({ "status": 500, "delay_ms": 5 })),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_is_answered_while_a_server_is_away() {
    LocalSet::new().run_until(servers()).await;
}

async fn servers() {
    let mut stage = Stage::set().await;
    for (server, part) in [(Server::Postgres, Some("contact")), (Server::Redis, None), (Server::Broker, None)] {
        stage.freeze(server);
        let told = stage.ask(&format!("{server:?} is frozen"), TROUBLE).await;
        told.name(part.as_slice());
        if matches!(server, Server::Postgres) {
            // The CRM is well, and is not asked only when Postgres has answered.
            let (contact, crm) = (told.lacking("contact"), told.lacking("crm"));
            assert!(crm * 10 < contact, "{contact} answers without a contact, {crm} without the CRM's");
        }
        stage.thaw(server);
        stage.whole_again().await;
        stage.kill(server).await;
        let lasting = if matches!(server, Server::Broker) { PAST_PUBLISHING } else { TROUBLE };
        stage.ask(&format!("{server:?} is killed"), lasting).await.name(part.as_slice());
        stage.restart(server).await;
        stage.whole_again().await;
    }
    assert_eq!(stage.end().await, 0, "events outwait a broker that is away for seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_is_answered_while_a_vendor_is_in_trouble() {
    LocalSet::new().run_until(vendors()).await;
}

async fn vendors() {
    let mut stage = Stage::set().await;
    for (vendor, parts) in VENDORS {
        let mut told = Judged::default();
        for (way, rule) in ways() {
            stage.faults(&[with_vendor(vendor, &rule)]).await;
            told.add(stage.ask(&format!("{vendor} {way}"), TROUBLE).await);
        }
        told.name(parts);
        stage.faults(&[]).await;
        stage.whole_again().await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_is_answered_while_nothing_works() {
    LocalSet::new().run_until(everything()).await;
}

async fn everything() {
    let mut stage = Stage::set().await;
    for (way, rule) in ways() {
        stage.faults(&VENDORS.map(|(vendor, _)| with_vendor(vendor, &rule))).await;
        for server in [Server::Redis, Server::Postgres, Server::Broker] {
            stage.freeze(server);
        }
        let told = stage.ask(&format!("all servers are frozen and every vendor {way}"), TROUBLE).await;
        told.name(&["contact", "crm", "memory", "appointments"]);
        for server in [Server::Redis, Server::Postgres, Server::Broker] {
            stage.kill(server).await;
        }
        let told = stage.ask(&format!("all servers are dead and every vendor {way}"), TROUBLE).await;
        told.name(&["contact", "crm", "memory", "slots", "appointments", "prompt"]);
        for server in [Server::Redis, Server::Postgres, Server::Broker] {
            stage.restart(server).await;
        }
        stage.faults(&[]).await;
        stage.whole_again().await;
    }
    stage.end().await;
}

fn with_vendor(vendor: &str, rule: &Value) -> Value {
    let mut rule = rule.clone();
    rule["vendor"] = vendor.into();
    rule
}
