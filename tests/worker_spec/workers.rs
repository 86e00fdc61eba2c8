//! Every worker, one entry each; the house rule `spec` misses none.

use serde_json::json;
use testkit::{Input, World, booking, chat, story};

use crate::{
    crm, invalidate, metrics, refresh,
    spec::{Step, Trial, Worker},
};

const NO_VENDOR: &str = "it calls no vendor";
const BESIDE_EVENTS: &str = "its vendors are called beside events; see tests/journeys/refresh";

pub(crate) static WORKERS: &[Worker] = &[
    Worker {
        name: log_worker::NAME,
        start: World::log_worker,
        steps: log_steps,
        poison: log_poison,
        rows: |world| Box::pin(world.log_rows()),
        table: "offhook.calls",
        emits: Some("events.*.call.recorded.log-worker"),
        not_applicable: &[
            (Trial::Vendor429, NO_VENDOR),
            (Trial::Vendor500, NO_VENDOR),
            (Trial::VendorHangs, NO_VENDOR),
        ],
    },
    Worker {
        name: metrics_worker::NAME,
        start: World::metrics_worker,
        steps: metrics::steps,
        poison: metrics::poison,
        rows: |world| Box::pin(world.metrics_rows()),
        table: "offhook.call_contributions",
        emits: None,
        not_applicable: &[
            (Trial::Vendor429, NO_VENDOR),
            (Trial::Vendor500, NO_VENDOR),
            (Trial::VendorHangs, NO_VENDOR),
        ],
    },
    Worker {
        name: invalidate_worker::NAME,
        start: World::invalidate_worker,
        steps: invalidate::steps,
        poison: invalidate::poison,
        rows: |world| Box::pin(world.invalidations()),
        table: "offhook.invalidations",
        // By tag, not by event; see tests/journeys/invalidation.rs.
        emits: None,
        not_applicable: &[
            (Trial::Vendor429, NO_VENDOR),
            (Trial::Vendor500, NO_VENDOR),
            (Trial::VendorHangs, NO_VENDOR),
        ],
    },
    Worker {
        name: crm_worker::NAME,
        start: World::crm_worker,
        steps: crm::steps,
        poison: crm::poison,
        rows: |world| Box::pin(world.crm_rows()),
        table: "offhook.crm_contacts",
        emits: None,
        not_applicable: &[],
    },
    Worker {
        name: refresh_worker::NAME,
        start: World::refresh_worker,
        steps: refresh::steps,
        poison: refresh::poison,
        rows: |world| Box::pin(world.refresh_rows()),
        table: "offhook.memories",
        emits: None,
        not_applicable: &[
            (Trial::Vendor429, BESIDE_EVENTS),
            (Trial::Vendor500, BESIDE_EVENTS),
            (Trial::VendorHangs, BESIDE_EVENTS),
        ],
    },
];

fn log_steps(count: usize) -> Vec<Step> {
    let told = |nth| {
        let calls = story("call", nth).into_iter().chain(change(nth));
        calls.chain(booking("visit", nth)).chain(chat("message", nth))
    };
    (0..).flat_map(told).take(count).map(step).collect()
}

/// Now and then the CRM changes the name or the address of one of the callers.
fn change(nth: usize) -> Option<Input> {
    let body = json!({
        "type": "ContactUpdate", "webhookId": format!("w{nth}"), "locationId": "loc", "id": format!("c{}", nth % 17),
        "phone": format!("+1500555{:04}", 2000 + nth % 17), "name": format!("Typed {nth}"),
        "email": nth.is_multiple_of(2).then(|| format!("typed{nth}@example.com")),
        "dateUpdated": format!("2026-11-01T00:00:{:02}Z", nth % 60),
    });
    nth.is_multiple_of(3).then(|| Input::highlevel(body.to_string()))
}

fn log_poison() -> (Step, &'static str) {
    let body = r#"{"event":"call_ended","call":{"call_id":"call_poison","end_timestamp":1795000000000,"transcript":"poison"}}"#;
    let constraint = "ALTER TABLE offhook.calls ADD CONSTRAINT no_poison CHECK (transcript <> 'poison')";
    (step(Input::retell(body)), constraint)
}

fn step(input: Input) -> Step {
    Step { before: String::new(), input }
}
