//! What contacts are called: HighLevel's word, signed, and what was heard on a call.

use chrono::{DateTime, TimeDelta, Utc};
use contract::{EventType, OrgId, Source};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use sources::highlevel::{Change, SIGNATURE_HEADER, public_key, sign};
use testkit::{Delivery, Service, World, until};

use crate::{call, count, counted, with};

const PHONE: &str = "+15005550006";
const RECORDED: &str = "events.clinic.contact.recorded.log-worker";
/// Of this test alone; HighLevel's own signs nothing for us.
const PRIVATE_KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c2b7e151628aed2a6abf7158809cf4f3c";

/// An org with a voice agent and a CRM, and what serves it.
struct Clinic {
    world: World,
    services: [Service; 2],
    url: String,
}

impl Clinic {
    async fn start() -> Self {
        let world = World::start().await;
        std::fs::write(world.path("highlevel.pub"), public_key(PRIVATE_KEY).unwrap()).unwrap();
        let clinic = format!(
            "[[org]]\nid = \"clinic\"\nname = \"Clinic\"\n[org.source.retell]\nsecrets = [\"file:{}\"]\n\
             [org.source.highlevel]\npublic_keys = [\"file:{}\"]\n\
             [org.vendor.highlevel]\ntoken = \"env:NO_TOKEN\"\nlocation_id = \"loc_clinic\"\n",
            world.path("demo.key").display(),
            world.path("highlevel.pub").display()
        );
        world.apply_orgs(&(world.orgs_file() + &clinic)).await;
        let (ingress, url) = world.ingress().await;
        let services = [ingress, world.log_worker()];
        Self { world, services, url }
    }

    async fn send(&self, org: &str, body: impl Into<Vec<u8>>, signature: Option<String>) -> Response {
        let request = Client::new().post(format!("{}/v1/{org}/highlevel/events", self.url)).body(body.into());
        let signed = signature.into_iter().fold(request, |request, text| request.header(SIGNATURE_HEADER, text));
        signed.send().await.expect("ingress answers")
    }

    /// Sends it signed; it must be taken.
    async fn take(&self, body: impl Into<Vec<u8>>) {
        let body = body.into();
        let signature = sign(PRIVATE_KEY, &body).unwrap();
        let response = self.send("clinic", body, Some(signature)).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap_or_default());
    }

    /// Sends it; it must be refused like this.
    async fn refuse(&self, org: &str, body: impl Into<Vec<u8>>, signature: Option<String>, status: u16, code: &str) {
        let response = self.send(org, body, signature).await;
        assert_eq!(response.status(), status, "{code}");
        assert_eq!(response.json::<Value>().await.expect("JSON")["error"]["code"], code);
    }

    /// Name, e-mail address and calls of the usual contact, if there is one.
    async fn contact(&self) -> Option<(Option<String>, Option<String>, i64)> {
        let select = "SELECT name, email, total_calls FROM offhook.contacts WHERE (org, phone) = ('clinic', $1)";
        sqlx::query_as(select).bind(PHONE).fetch_optional(&self.world.pool).await.expect("the database answers")
    }

    async fn is_called(&self, name: &str) {
        let what = format!("the contact is called {name}");
        until(&what, async || self.contact().await.filter(|(found, ..)| found.as_deref() == Some(name))).await;
    }

    async fn end(self) {
        self.world.settled(log_worker::NAME).await;
        for service in self.services {
            service.stop().await;
        }
        self.world.end().await;
    }
}

fn now() -> DateTime<Utc> {
    Utc::now()
}

fn change(webhook_id: &str, name: &str, at: DateTime<Utc>) -> Change {
    Change {
        webhook_id: webhook_id.to_owned(),
        location_id: "loc_clinic".to_owned(),
        contact_id: "con_1".to_owned(),
        name: name.to_owned(),
        phone: "+1 (500) 555-0006".to_owned(),
        email: Some("noor@example.com".to_owned()),
        at,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_change_names_a_contact_that_has_never_called() {
    let clinic = Clinic::start().await;
    clinic.take(change("w1", "Noor Haddad", now()).body()).await;
    clinic.is_called("Noor Haddad").await;
    let (_, email, calls) = clinic.contact().await.unwrap();
    assert_eq!((email.as_deref(), calls), (Some("noor@example.com"), 0));
    let recorded = until("contact.recorded", async || clinic.world.bus.latest(RECORDED).await.unwrap()).await;
    assert_eq!(recorded.envelope.subject.as_deref(), Some(PHONE));
    let org: OrgId = "clinic".parse().unwrap();
    let stored = clinic.world.bus.latest(&EventType::ContactChanged.subject(&org, Source::HIGHLEVEL)).await.unwrap();
    assert_eq!(stored.unwrap().envelope.id, "highlevel:w1");
    clinic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_reordered_changes_end_with_the_newest_name() {
    let clinic = Clinic::start().await;
    let at = |minutes| now() - TimeDelta::minutes(minutes);
    let changes = [("w3", "Third", 1), ("w1", "First", 30), ("w2", "Second", 10), ("w1", "First", 30)];
    for (id, name, minutes) in changes {
        clinic.take(change(id, name, at(minutes)).body()).await;
    }
    let silent = json!({ "type": "ContactUpdate", "webhookId": "w4", "locationId": "loc_clinic", "id": "con_1",
        "timestamp": now().to_rfc3339(), "data": { "id": "con_1", "phone": PHONE, "name": null, "email": "" } });
    clinic.take(silent.to_string()).await;
    let gone = json!({ "type": "ContactDelete", "webhookId": "w5", "locationId": "loc_clinic", "id": "con_1",
        "timestamp": now().to_rfc3339(), "phone": PHONE, "name": "Gone" });
    clinic.take(gone.to_string()).await;
    clinic.world.settled(log_worker::NAME).await;
    assert_eq!(count(&clinic.world.pool, "SELECT count(*) FROM offhook.events WHERE source = 'highlevel'").await, 5);
    let (name, email, _) = clinic.contact().await.unwrap();
    assert_eq!((name.as_deref(), email.as_deref()), (Some("Third"), Some("noor@example.com")));
    clinic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_heard_holds_until_the_crm_knows_better() {
    let clinic = Clinic::start().await;
    let analyzed = |id: &str, name: &str| {
        let analysis = json!({ "call_summary": "x", "custom_analysis_data": { "customer_name": name } });
        Delivery::event("call_analyzed", &with(call(id), json!({ "call_analysis": analysis }))).to("clinic")
    };
    analyzed("call_1", "Nora Hadad").acknowledged(&clinic.url).await;
    clinic.is_called("Nora Hadad").await;
    clinic.take(change("w1", "Noor Haddad", now() - TimeDelta::minutes(60)).body()).await;
    clinic.is_called("Noor Haddad").await;
    analyzed("call_2", "Norah").acknowledged(&clinic.url).await;
    clinic.world.settled(log_worker::NAME).await;
    let (name, email, calls) = clinic.contact().await.unwrap();
    assert_eq!((name.as_deref(), email.as_deref(), calls), (Some("Noor Haddad"), Some("noor@example.com"), 2));
    let columns = "SELECT count(*) FROM offhook.calls WHERE provenance::text LIKE '%contact_name%'";
    assert_eq!(count(&clinic.world.pool, columns).await, 0, "no column of the call");
    clinic.end().await;
}

/// A contact named by the CRM, with an address that was told, and one whose name was told; as they were kept before.
const OF_BEFORE: &str = r#"
ALTER TABLE offhook.contacts DROP COLUMN said;
ALTER TABLE offhook.contacts ADD COLUMN provenance jsonb NOT NULL DEFAULT '[]';
INSERT INTO offhook.contacts (org, phone, name, email, provenance) VALUES
    ('clinic', '+15005550006', 'Noor Haddad', 'noor@example.com',
        '[[[1, 7, "00000000-0000-0000-0000-000000000001"], ["email"]], [[2, 5, "00000000-0000-0000-0000-000000000002"], ["name"]]]'),
    ('clinic', '+15005550007', 'Ana', NULL, '[[[0, 9, "00000000-0000-0000-0000-000000000003"], ["name"]]]'),
    ('clinic', '+15005550008', NULL, NULL, '[]');
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_it_was_kept_apart_still_counts() {
    let clinic = Clinic::start().await;
    let (_, _, migration) = postgres::MIGRATIONS.iter().find(|(version, ..)| *version == 12).expect("the migration");
    clinic.world.sql(OF_BEFORE).await;
    clinic.world.sql(migration).await;
    let stamp = |rank: u8, ms: i64, key: u8| json!([rank, ms, format!("00000000-0000-0000-0000-{key:012}")]);
    let address = json!([stamp(1, 7, 1), "noor@example.com"]);
    let noor = json!([stamp(2, 5, 2), "Noor Haddad"]);
    let ana = json!([stamp(0, 9, 3), "Ana"]);
    let expected = [
        json!({ "email": { "told": address, "heard": [address] }, "name": { "typed": noor, "known": [noor] } }),
        json!({ "name": { "told": ana, "heard": [ana] } }),
        json!({}),
    ];
    assert_eq!(clinic.world.rows("SELECT said FROM offhook.contacts ORDER BY phone").await, expected);
    let heard = json!({ "customer_name": "Norah", "customer_email": "norah@example.com" });
    let analysis = json!({ "call_summary": "x", "custom_analysis_data": heard });
    let call = with(call("call_1"), json!({ "call_analysis": analysis }));
    Delivery::event("call_analyzed", &call).to("clinic").acknowledged(&clinic.url).await;
    clinic.world.settled(log_worker::NAME).await;
    let (name, email, _) = clinic.contact().await.unwrap();
    assert_eq!((name.as_deref(), email.as_deref()), (Some("Noor Haddad"), Some("norah@example.com")));
    clinic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_turns_out_to_be_somebody_else_s_changes_both() {
    let clinic = Clinic::start().await;
    let event = |event: &str, from: &str| {
        Delivery::event(event, &with(call("call_1"), json!({ "from_number": from }))).to("clinic")
    };
    event("call_started", "+15005550007").acknowledged(&clinic.url).await;
    counted(&clinic.world.pool, "SELECT count(*) FROM offhook.contacts WHERE phone = '+15005550007'", 1).await;
    clinic.world.settled(log_worker::NAME).await;
    let seen = clinic.world.stored(RECORDED, 0).await.last().expect("the first contact").0;
    event("call_ended", PHONE).acknowledged(&clinic.url).await;
    let subjects = until("both are recorded", async || {
        let later = clinic.world.stored(RECORDED, seen).await;
        let mut subjects: Vec<_> = later.into_iter().filter_map(|(_, input)| input.envelope.subject).collect();
        subjects.sort();
        (subjects.len() == 2).then_some(subjects)
    })
    .await;
    assert_eq!(subjects, [PHONE, "+15005550007"]);
    let left = "SELECT total_calls FROM offhook.contacts WHERE phone = '+15005550007'";
    assert_eq!(count(&clinic.world.pool, left).await, 0);
    clinic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_highlevel_did_not_sign_or_signed_for_somebody_else_is_refused() {
    let clinic = Clinic::start().await;
    let body = change("w1", "Eve", now()).body();
    let signature = sign(PRIVATE_KEY, &body).unwrap();
    let foreign = sign(&"11".repeat(32), &body).unwrap();
    for bad in [None, Some("N/A".to_owned()), Some(foreign)] {
        clinic.refuse("clinic", body.clone(), bad, 401, "bad_signature").await;
    }
    let mut spoiled = body.clone();
    spoiled.push(b' ');
    clinic.refuse("clinic", spoiled, Some(signature.clone()), 401, "bad_signature").await;
    clinic.refuse("nobody", body.clone(), Some(signature.clone()), 404, "unknown_org").await;
    clinic.refuse("demo", body, Some(signature), 404, "unknown_org").await;
    let mut other = change("w2", "Eve", now());
    other.location_id = "loc_of_eve".to_owned();
    let other = other.body();
    let signature = sign(PRIVATE_KEY, &other).unwrap();
    clinic.refuse("clinic", other, Some(signature), 401, "bad_signature").await;
    for minutes in [-91, 91] {
        let stale = change("w3", "Eve", now() + TimeDelta::minutes(minutes)).body();
        let signature = sign(PRIVATE_KEY, &stale).unwrap();
        clinic.refuse("clinic", stale, Some(signature), 401, "stale_signature").await;
    }
    assert_eq!(clinic.contact().await, None);
    clinic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_and_cannot_be_read_is_kept_with_its_fault() {
    let clinic = Clinic::start().await;
    clinic.take("not json").await;
    clinic.take(json!({ "type": "ContactUpdate", "webhookId": "w1", "id": "con_1" }).to_string()).await;
    clinic.take(json!({ "type": "INSTALL", "webhookId": "w2", "appId": "a" }).to_string()).await;
    let kept = "SELECT count(*) FROM offhook.events WHERE source = 'highlevel' AND type = 'other.unknown'";
    counted(&clinic.world.pool, kept, 3).await;
    let faults = "SELECT count(*) FROM offhook.events WHERE source = 'highlevel' AND fault IS NOT NULL";
    assert_eq!(count(&clinic.world.pool, faults).await, 2);
    assert_eq!(clinic.contact().await, None);
    clinic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_now_is_429_as_highlevel_sends_again_after_nothing_else() {
    let mut clinic = Clinic::start().await;
    let body = change("w1", "Noor Haddad", now()).body();
    let signature = sign(PRIVATE_KEY, &body).unwrap();
    clinic.world.nats.kill().await.expect("nats-server can be killed");
    clinic.refuse("clinic", body.clone(), Some(signature), 429, "broker_unavailable").await;
    clinic.world.nats.restart().await.expect("nats-server starts");
    until("it is taken", async || {
        let signature = sign(PRIVATE_KEY, &body).unwrap();
        (clinic.send("clinic", body.clone(), Some(signature)).await.status() == 200).then_some(())
    })
    .await;
    clinic.is_called("Noor Haddad").await;
    clinic.end().await;
}
