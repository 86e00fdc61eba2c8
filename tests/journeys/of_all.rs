//! Addresses that serve many orgs: whose an event is, its verified body tells; what is nobody's is kept and counted.

use chrono::Utc;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use sources::{elevenlabs, highlevel};
use testkit::{World, until};

use crate::count;

const SECRET: &str = "wsec_of_the_platform";
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const MORE: &str = r#"
[[org.channel]]
kind = "agent"
address = "agent_many"
branch = "main"
[org.source.elevenlabs]
secrets = ["file:DIR/many.key"]
[org.vendor.highlevel]
token = "file:DIR/many.key"
location_id = "loc_many"
"#;

/// The usual world with an org `many`, and ingress in a process of its own, whose counters are its own.
async fn world() -> (World, testkit::Process, String) {
    let world = World::start().await;
    world.write_key("many", "secret_of_many");
    world.write_key("platform", SECRET);
    world.write_key("highlevel", &highlevel::public_key(SEED).expect("a key"));
    let folder = world.path("");
    let more = MORE.replace("DIR/", &folder.display().to_string());
    let branch = "[[org.branch]]\nid = \"main\"\ntime_zone = \"UTC\"";
    let many = format!("[[org]]\nid = \"many\"\nname = \"Many\"\n{branch}\n{more}");
    world.apply_orgs(&format!("{}\n{many}", world.orgs_file())).await;
    let reference = |name: &str| format!("file:{}", world.path(name).display());
    let settings = [
        ("OFFHOOK_ELEVENLABS_SECRETS", reference("platform.key")),
        ("OFFHOOK_HIGHLEVEL_PUBLIC_KEYS", reference("highlevel.key")),
    ];
    let ingress = world.process(&["ingress"], &settings.each_ref().map(|(name, value)| (*name, value.as_str())));
    ingress.ready().await;
    let url = ingress.url("ingress").await;
    (world, ingress, url)
}

async fn post(url: &str, path: &str, header: (&'static str, String), body: &str) -> Response {
    let request = Client::new().post(format!("{url}/v1/{path}")).header(header.0, header.1);
    request.body(body.to_owned()).send().await.expect("ingress answers")
}

async fn refused(response: Response, status: u16, code: &str) {
    assert_eq!(response.status(), status, "{code}");
    let body: Value = response.json().await.expect("a refusal is JSON");
    assert_eq!(body["error"]["code"], code, "{body}");
}

fn conversation(agent: &Value, id: &str) -> String {
    let data = json!({
        "agent_id": agent, "conversation_id": id, "status": "done", "transcript": [{ "role": "user", "message": "Hi" }],
        "metadata": {
            "start_time_unix_secs": 1_795_000_001, "call_duration_secs": 61,
            "phone_call": { "type": "twilio", "direction": "inbound", "agent_number": "+15005550021", "external_number": "+15005550006" },
        },
    });
    json!({ "type": "post_call_transcription", "event_timestamp": Utc::now().timestamp(), "data": data }).to_string()
}

fn contact(location: &Value) -> String {
    json!({
        "type": "ContactUpdate", "timestamp": Utc::now().to_rfc3339(), "webhookId": location.to_string(), "locationId": location,
        "id": "ctc_1", "name": "Noor Haddad", "phone": "+15005550007",
    })
    .to_string()
}

fn signed(body: &str) -> (&'static str, String) {
    (elevenlabs::SIGNATURE_HEADER, elevenlabs::sign(SECRET, body.as_bytes(), Utc::now()))
}

fn signed_by_highlevel(body: &str) -> (&'static str, String) {
    (highlevel::SIGNATURE_HEADER, highlevel::sign(SEED, body.as_bytes()).expect("a key"))
}

/// The source and the org of each event in the archive.
const ARCHIVE: &str = "SELECT jsonb_build_array(source, org) FROM offhook.events ORDER BY source, org";

#[tokio::test(flavor = "multi_thread")]
async fn whose_an_event_is_its_verified_body_tells() {
    let (world, ingress, url) = world().await;
    let workers = world.workers();
    for (agent, id) in [("agent_many", "conv_1"), ("agent_uptown", "conv_2")] {
        let body = conversation(&json!(agent), id);
        assert_eq!(post(&url, "elevenlabs/events", signed(&body), &body).await.status(), 200, "{agent}");
    }
    let body = contact(&json!("loc_many"));
    assert_eq!(post(&url, "highlevel/events", signed_by_highlevel(&body), &body).await.status(), 200);
    until("the calls are recorded", async || {
        let rows = world.rows("SELECT jsonb_build_array(org, call_id) FROM offhook.calls ORDER BY call_id").await;
        (rows == [json!(["many", "conv_1"]), json!(["demo", "conv_2"])]).then_some(())
    })
    .await;
    world.settled(log_worker::NAME).await;
    let named = "SELECT to_jsonb(org) FROM offhook.contacts WHERE name = 'Noor Haddad'";
    assert_eq!(world.rows(named).await, [json!("many")]);
    let of_whom = json!([["elevenlabs", "demo"], ["elevenlabs", "many"], ["highlevel", "many"]]);
    assert_eq!(json!(world.rows(ARCHIVE).await), of_whom);
    assert_eq!(ingress.metric("offhook_ingress_unknown_org_total").await, 0.0);
    // The org's own address, and another way to the same event, make no second one.
    let body = conversation(&json!("agent_many"), "conv_3");
    let own = (elevenlabs::SIGNATURE_HEADER, elevenlabs::sign("secret_of_many", body.as_bytes(), Utc::now()));
    assert_eq!(post(&url, "many/elevenlabs/events", own, &body).await.status(), 200);
    assert_eq!(post(&url, "elevenlabs/events", signed(&body), &body).await.status(), 200);
    world.settled(log_worker::NAME).await;
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.events WHERE subject = 'conv_3'").await, 1);
    assert!(ingress.terminate().await.success());
    for worker in workers {
        worker.stop().await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nobodys_is_kept_and_counted_and_is_no_call_and_no_contact() {
    let (world, ingress, url) = world().await;
    let workers = world.workers();
    let strange = [json!("agent_of_nobody"), json!(null), json!(7)];
    for (nth, agent) in strange.iter().enumerate() {
        let body = conversation(agent, &format!("conv_{nth}"));
        assert_eq!(post(&url, "elevenlabs/events", signed(&body), &body).await.status(), 200, "{agent}");
    }
    assert_eq!(post(&url, "elevenlabs/events", signed("{"), "{").await.status(), 200, "not even JSON");
    for location in [json!("loc_of_nobody"), json!(null)] {
        let body = contact(&location);
        assert_eq!(post(&url, "highlevel/events", signed_by_highlevel(&body), &body).await.status(), 200, "{location}");
    }
    let counted =
        async |source: &str| ingress.metric(&format!("offhook_ingress_unknown_org_total{{source=\"{source}\"}}")).await;
    assert_eq!((counted("elevenlabs").await, counted("highlevel").await), (4.0, 2.0));
    world.settled(log_worker::NAME).await;
    let nobodys = [["elevenlabs", "_"]; 4].iter().chain(&[["highlevel", "_"]; 2]).map(|event| json!(event));
    assert_eq!(world.rows(ARCHIVE).await, nobodys.collect::<Vec<_>>());
    for table in ["SELECT count(*) FROM offhook.calls", "SELECT count(*) FROM offhook.contacts"] {
        assert_eq!(count(&world.pool, table).await, 0, "{table}");
    }
    assert!(ingress.terminate().await.success());
    for worker in workers {
        worker.stop().await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_platforms_own_keys_open_them() {
    let (world, ingress, url) = world().await;
    let body = conversation(&json!("agent_many"), "conv_1");
    let of_the_org = (elevenlabs::SIGNATURE_HEADER, elevenlabs::sign("secret_of_many", body.as_bytes(), Utc::now()));
    let late = Utc::now() - chrono::TimeDelta::minutes(31);
    let late = (elevenlabs::SIGNATURE_HEADER, elevenlabs::sign(SECRET, body.as_bytes(), late));
    refused(post(&url, "elevenlabs/events", of_the_org, &body).await, 401, "bad_signature").await;
    refused(post(&url, "elevenlabs/events", ("x-nothing", String::new()), &body).await, 401, "bad_signature").await;
    refused(post(&url, "elevenlabs/events", late, &body).await, 401, "stale_signature").await;
    let body = contact(&json!("loc_many"));
    let seed = SEED.replace('9', "8");
    let forged = (highlevel::SIGNATURE_HEADER, highlevel::sign(&seed, body.as_bytes()).expect("a key"));
    refused(post(&url, "highlevel/events", forged, &body).await, 401, "bad_signature").await;
    assert_eq!(ingress.metric("offhook_ingress_acknowledged_total").await, 0.0);

    // A key that is exchanged counts at once.
    world.write_key("platform", "wsec_the_next");
    let body = conversation(&json!("agent_many"), "conv_1");
    until("the next key counts", async || {
        let header = elevenlabs::sign("wsec_the_next", body.as_bytes(), Utc::now());
        let taken = post(&url, "elevenlabs/events", (elevenlabs::SIGNATURE_HEADER, header), &body).await;
        (taken.status() == 200).then_some(())
    })
    .await;
    assert!(ingress.terminate().await.success());
    // Without settings nobody opens the one, and HighLevel alone the other.
    let plain = world.process(&["ingress"], &[]);
    plain.ready().await;
    let url = plain.url("ingress").await;
    refused(post(&url, "elevenlabs/events", signed(&body), &body).await, 401, "bad_signature").await;
    let body = contact(&json!("loc_many"));
    refused(post(&url, "highlevel/events", signed_by_highlevel(&body), &body).await, 401, "bad_signature").await;
    assert!(plain.terminate().await.success());
    world.end_with_dead_letters(0).await;
}
