//! Each source's door, from a signed delivery to the stream and the archive; and that like calls make like rows.

use chrono::Utc;
use contract::{EventType, Source};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use sources::{calcom, elevenlabs, webhook, whatsapp};
use testkit::{Delivery, Service, World, until};

use crate::{count, row};

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==";
const INSTANCE_KEY: &str = "B6D711FCDE4D4FD5936544120E713976";

/// The usual world with an org that every source calls, and all of them with one secret.
async fn world() -> (World, Service, String) {
    let world = World::start().await;
    world.write_key("many", SECRET);
    let sources: String = ["retell", "elevenlabs", "whatsapp", "calcom", "webhook"]
        .map(|source| format!("[org.source.{source}]\nsecrets = [\"file:{}\"]\n", world.path("many.key").display()))
        .concat();
    let channel = |fields: &str| format!("[[org.channel]]\nbranch = \"main\"\n{fields}\n");
    let channels = [
        channel("kind = \"phone\"\naddress = \"+15005550021\""),
        channel("kind = \"whatsapp\"\naddress = \"clinic-01\""),
        channel("kind = \"webhook\"\naddress = \"leads\"\ntype_field = \"type\""),
    ];
    let many = format!(
        "[[org]]\nid = \"many\"\nname = \"Many\"\n[[org.branch]]\nid = \"main\"\ntime_zone = \"UTC\"\n{}{sources}",
        channels.concat()
    );
    world.apply_orgs(&format!("{}\n{many}", world.orgs_file())).await;
    let (ingress, url) = world.ingress().await;
    (world, ingress, url)
}

/// Posts a body with these headers.
pub(crate) async fn post(url: &str, path: &str, headers: &[(&'static str, String)], body: &str) -> Response {
    let request = Client::new().post(format!("{url}/v1/{path}")).header("content-type", "application/json");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    request.body(body.to_owned()).send().await.expect("ingress answers")
}

async fn refused(response: Response, status: u16, code: &str) {
    assert_eq!(response.status(), status, "{code}");
    let body: Value = response.json().await.expect("a refusal is JSON");
    assert_eq!(body["error"]["code"], code, "{body}");
}

/// The latest event of a type from a source: its id, its channel and its body.
async fn stored(world: &World, kind: EventType, source: Source) -> (String, String, String) {
    let found = world.stored(&kind.subject(&"many".parse().expect("an org id"), source), 0).await;
    let (_, input) = found.last().unwrap_or_else(|| panic!("{kind} of {source} is stored"));
    let body = String::from_utf8(input.body.to_vec()).expect("text");
    (input.envelope.id.clone(), input.envelope.channel.clone(), body)
}

pub(crate) fn conversation(id: &str) -> String {
    json!({
        "type": "post_call_transcription", "event_timestamp": Utc::now().timestamp(),
        "data": {
            "agent_id": "agent_1", "conversation_id": id, "status": "done",
            "transcript": [{ "role": "agent", "message": "Hello" }, { "role": "user", "message": "Hi" }],
            "metadata": {
                "start_time_unix_secs": 1_795_000_001, "call_duration_secs": 61,
                "phone_call": { "type": "twilio", "direction": "inbound", "agent_number": "+15005550021", "external_number": "+15005550006" },
            },
            "analysis": { "call_successful": "success", "transcript_summary": "Greeted." },
        },
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn like_calls_of_two_providers_make_like_rows() {
    let (world, ingress, url) = world().await;
    let worker = world.log_worker();
    let body = conversation("conv_1");
    let signature = || [(elevenlabs::SIGNATURE_HEADER, elevenlabs::sign(SECRET, body.as_bytes(), Utc::now()))];
    assert_eq!(post(&url, "many/elevenlabs/events", &signature(), &body).await.status(), 200);
    // Repeated with a later signature it is the same event.
    assert_eq!(post(&url, "many/elevenlabs/events", &signature(), &body).await.status(), 200);
    let call = json!({
        "call_id": "call_1", "call_type": "phone_call", "call_status": "ended", "direction": "inbound", "agent_id": "agent_1",
        "from_number": "+15005550006", "to_number": "+15005550021", "start_timestamp": 1_795_000_001_000_i64, "duration_ms": 61_000,
        "transcript": "Agent: Hello\nUser: Hi\n", "call_analysis": { "call_summary": "Greeted.", "call_successful": true },
    });
    Delivery::event("call_analyzed", &call).to("many").signed_by(SECRET).acknowledged(&url).await;

    let mut rows = Vec::new();
    for id in ["conv_1", "call_1"] {
        rows.push(until("the call's row", async || row(&world.pool, id).await).await);
    }
    let alike = ["org", "branch", "status", "direction", "call_type", "from_number", "to_number", "contact_phone"];
    for column in alike.into_iter().chain(["started_at", "duration_ms", "transcript", "summary", "successful"]) {
        assert!(!rows[0][column].is_null() && rows[0][column] == rows[1][column], "{column}: {rows:#?}");
    }
    assert_eq!((&rows[0]["source"], &rows[0]["branch"]), (&json!("elevenlabs"), &json!("main")));
    world.settled(log_worker::NAME).await;
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.events WHERE source = 'elevenlabs'").await, 1);
    assert_eq!(count(&world.pool, "SELECT total_calls FROM offhook.contacts WHERE org = 'many'").await, 2);

    refused(post(&url, "many/elevenlabs/events", &[], &body).await, 401, "bad_signature").await;
    let old = elevenlabs::sign(SECRET, body.as_bytes(), Utc::now() - chrono::TimeDelta::minutes(31));
    let old = [(elevenlabs::SIGNATURE_HEADER, old)];
    refused(post(&url, "many/elevenlabs/events", &old, &body).await, 401, "stale_signature").await;
    refused(post(&url, "demo/elevenlabs/events", &signature(), &body).await, 404, "unknown_org").await;
    ingress.stop().await;
    worker.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whatsapp_message_is_kept_without_the_key_of_its_instance() {
    let (world, ingress, url) = world().await;
    let worker = world.log_worker();
    let message = |key: &str| {
        format!(
            r#"{{"event":"messages.upsert","instance":"clinic-01","data":{{"key":{{"remoteJid":"15005550006@s.whatsapp.net","fromMe":false,"id":"3EB0"}},
            "pushName":"Noor","message":{{"conversation":"my \"apikey\": \"none\""}},"messageTimestamp":1795000000}}, "apikey" : {key} }}"#
        )
    };
    let body = message(&format!("\"{INSTANCE_KEY}\""));
    let token = [("authorization", whatsapp::sign(SECRET, Utc::now()))];
    let plain = [(whatsapp::API_KEY_HEADER, SECRET.to_owned())];
    for shown in [&token, &plain] {
        assert_eq!(post(&url, "many/whatsapp/clinic-01", shown, &body).await.status(), 200);
    }
    let (id, channel, kept) = stored(&world, EventType::MessageReceived, Source::WHATSAPP).await;
    assert_eq!(id, "whatsapp:messages.upsert:4aa51bc71ad6db06b40f2370621c0a93:in:3EB0");
    assert_eq!((channel.as_str(), kept), ("clinic-01", message("null")));
    world.settled(log_worker::NAME).await;
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.events WHERE source = 'whatsapp'").await, 1);

    refused(post(&url, "many/whatsapp/clinic-02", &plain, &body).await, 404, "unknown_org").await;
    refused(post(&url, "many/whatsapp/clinic-01", &[], &body).await, 401, "bad_signature").await;
    let late = [("authorization", whatsapp::sign(SECRET, Utc::now() - chrono::TimeDelta::hours(1)))];
    refused(post(&url, "many/whatsapp/clinic-01", &late, &body).await, 401, "stale_signature").await;
    ingress.stop().await;
    worker.stop().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn appointments_and_any_other_senders_events_are_taken_once() {
    let (world, ingress, url) = world().await;
    let worker = world.log_worker();
    let booked = json!({ "triggerEvent": "BOOKING_CREATED", "createdAt": Utc::now().to_rfc3339(), "payload": { "uid": "bk_1" } });
    let booked = booked.to_string();
    let signature = [(calcom::SIGNATURE_HEADER, calcom::sign(SECRET, booked.as_bytes()))];
    for _ in 0..2 {
        assert_eq!(post(&url, "many/calcom/events", &signature, &booked).await.status(), 200);
    }
    let (id, channel, kept) = stored(&world, EventType::AppointmentBooked, Source::CALCOM).await;
    assert!(id.starts_with("calcom:BOOKING_CREATED:bk_1:"), "{id}");
    assert_eq!((channel.as_str(), kept), ("", booked.clone()));
    let unsigned = [(calcom::SIGNATURE_HEADER, "no-secret-provided".to_owned())];
    refused(post(&url, "many/calcom/events", &unsigned, &booked).await, 401, "bad_signature").await;

    let lead = r#"{"type":"lead.created","data":{"id":"lead_7"}}"#;
    let headers = || webhook::sign(SECRET, "msg_1", lead.as_bytes(), Utc::now()).expect("a secret of the standard");
    for _ in 0..2 {
        assert_eq!(post(&url, "many/webhook/leads", &headers(), lead).await.status(), 204);
    }
    let (id, channel, kept) = stored(&world, EventType::OtherUnknown, Source::WEBHOOK).await;
    assert_eq!((id.as_str(), channel.as_str(), kept.as_str()), ("webhook:lead.created:msg_1", "leads", lead));
    refused(post(&url, "many/webhook/leads", &headers()[..2], lead).await, 401, "bad_signature").await;
    refused(post(&url, "many/webhook/others", &headers(), lead).await, 404, "unknown_org").await;
    world.settled(log_worker::NAME).await;
    assert_eq!(
        count(&world.pool, "SELECT count(*) FROM offhook.events WHERE source IN ('calcom', 'webhook')").await,
        2
    );
    ingress.stop().await;
    worker.stop().await;
    world.end().await;
}
