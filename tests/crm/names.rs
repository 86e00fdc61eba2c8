//! Names that go round: heard on a call, pushed to the CRM, and told back by it as if it had known.

use chrono::Utc;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sources::highlevel::{Change, SIGNATURE_HEADER, public_key, sign};
use testkit::Service;

use crate::stage::{DEMO, ORGS, STRANGER, Stage, call};

/// Of this test alone; HighLevel's own signs nothing for us.
const PRIVATE_KEY: &str = "2b7e151628aed2a6abf7158809cf4f3c2b7e151628aed2a6abf7158809cf4f3c";

/// A stage whose CRM tells of its contacts, and who pushes to it.
struct Round {
    stage: Stage,
    services: [Service; 2],
    url: String,
}

impl Round {
    async fn start() -> Self {
        let stage = Stage::start().await;
        stage.world.write_key("highlevel", &public_key(PRIVATE_KEY).expect("a key"));
        let source = "[org.source.highlevel]\npublic_keys = [\"file:DIR/highlevel.key\"]\n[org.vendor.highlevel]";
        stage.apply(&ORGS.replacen("[org.vendor.highlevel]", source, 1)).await;
        let (ingress, url) = stage.world.ingress().await;
        let services = [ingress, stage.world.crm_worker()];
        Self { stage, services, url }
    }

    /// The `nth` call, on which the caller is heard to give this name and address; all of it is pushed.
    async fn hear(&self, nth: usize, name: &str, email: &str) {
        let mut call = call(STRANGER, nth, Some("Asked for the price."));
        call["call_analysis"]["custom_analysis_data"] = json!({ "customer_name": name, "customer_email": email });
        self.stage.tell("call_analyzed", &call).await;
        self.stage.pushed().await;
    }

    /// The CRM tells of the contact as it has it now.
    async fn tell_back(&self) {
        let contact = self.stage.contact(DEMO, STRANGER).await.expect("a contact");
        let text = |name: &str| contact[name].as_str().unwrap_or_default().to_owned();
        let at = Utc::now();
        let change = Change {
            webhook_id: format!("w{}", at.timestamp_micros()),
            location_id: DEMO.to_owned(),
            contact_id: text("id"),
            name: text("name"),
            phone: STRANGER.to_owned(),
            email: Some(text("email")),
            at,
        };
        let body = change.body();
        let signature = sign(PRIVATE_KEY, &body).expect("a key");
        let request = Client::new().post(format!("{}/v1/demo/highlevel/events", self.url));
        let response = request.header(SIGNATURE_HEADER, signature).body(body).send().await.expect("ingress answers");
        assert_eq!(response.status(), 200);
        self.stage.recorded().await;
    }

    /// A user of the CRM types this name in, and the CRM tells it.
    async fn type_in(&self, name: &str) {
        let contact = self.stage.contact(DEMO, STRANGER).await.expect("a contact");
        let path = format!("/contacts/{}", contact["id"].as_str().expect("an id"));
        self.stage.vendors.highlevel(Method::PUT, &path, json!({ "name": name })).await;
        self.tell_back().await;
    }

    /// What the contact is called, and its address.
    async fn called(&self) -> Value {
        let select = "SELECT jsonb_build_array(name, email) FROM offhook.contacts WHERE phone = '+15005550099'";
        self.stage.world.rows(select).await.remove(0)
    }

    /// What the CRM is to call the contact, if it has no name for it, and the address to fill in.
    async fn desired(&self) -> Value {
        let select = "SELECT jsonb_build_array(desired->'name', desired->'email') FROM offhook.crm_contacts
            WHERE phone = '+15005550099' AND pushed_version = version";
        self.stage.world.rows(select).await.remove(0)
    }

    /// What the CRM calls the contact.
    async fn at_the_crm(&self) -> Value {
        self.stage.contact(DEMO, STRANGER).await.expect("a contact")["name"].clone()
    }

    async fn end(self) {
        for service in self.services {
            service.stop().await;
        }
        self.stage.end(0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_pushed_and_hear_back_keeps_no_later_caller_from_being_heard() {
    let round = Round::start().await;
    round.hear(1, "Jon", "jon@example.com").await;
    assert_eq!(round.at_the_crm().await, "Jon");
    round.tell_back().await;
    assert_eq!(round.called().await, json!(["Jon", "jon@example.com"]));
    round.hear(2, "John", "john@example.com").await;
    assert_eq!(round.called().await, json!(["John", "john@example.com"]));
    assert_eq!(round.desired().await, json!(["John", "john@example.com"]));
    assert_eq!(round.at_the_crm().await, "Jon", "what the CRM has is not overwritten");
    // And so it says Jon again, as its contact has changed with the push.
    round.tell_back().await;
    assert_eq!(round.called().await, json!(["John", "john@example.com"]));
    round.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_of_the_crm_types_in_outranks_whatever_is_heard_later() {
    let round = Round::start().await;
    round.hear(1, "Jon", "jon@example.com").await;
    round.tell_back().await;
    round.type_in("Jonathan").await;
    assert_eq!(round.called().await[0], "Jonathan");
    for (nth, name) in [(2, "John"), (3, "Jonathan"), (4, "Joan")] {
        round.hear(nth, name, "jon@example.com").await;
        round.tell_back().await;
        assert_eq!(round.called().await[0], "Jonathan", "{name}");
    }
    assert_eq!((round.at_the_crm().await, &round.desired().await[0]), (json!("Jonathan"), &json!("Jonathan")));
    round.end().await;
}
