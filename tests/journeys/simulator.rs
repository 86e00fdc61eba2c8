//! One event of every source, as people send them by hand: signed the provider's way, followed to its row.

use serde_json::Value;
use testkit::World;

use crate::{count, tools::offhook};

const ORGS: &str = include_str!("../../orgs.demo.toml");
const WEBHOOK_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==";
const OTHER_SECRET: &str = "whsec_ISEhISEhISEhISEhISEhISEhISEhISEh";

#[tokio::test(flavor = "multi_thread")]
async fn every_source_can_be_spoken_for_and_its_event_followed() {
    let world = World::start().await;
    world.apply_orgs(ORGS).await;
    let secrets = ["DEMO_RETELL_API_KEY", "DEMO_ELEVENLABS_SECRET", "DEMO_WHATSAPP_KEY", "DEMO_CALCOM_SECRET"];
    let mut secrets: Vec<(&str, &str)> = secrets.map(|name| (name, name)).into();
    secrets.push(("DEMO_WEBHOOK_SECRET", WEBHOOK_SECRET));
    let ingress = world.process(&["ingress"], &secrets);
    ingress.ready().await;
    let worker = world.log_worker();
    let mut environment = world.environment();
    environment.push(("OFFHOOK_URL", ingress.url("ingress").await));
    environment.extend(secrets.iter().map(|(name, secret)| (*name, (*secret).to_owned())));

    let by_hand: [(&[&str], &str); 9] = [
        (&["call"], ""),
        (&["call", "--source", "elevenlabs"], ""),
        (&["message"], "message.received"),
        (&["message", "--from-me"], "message.sent"),
        (&["appointment"], "appointment.booked"),
        (&["appointment", "rescheduled", "--uid", "bk_1"], "appointment.rescheduled"),
        (&["appointment", "cancelled", "--uid", "bk_1"], "appointment.cancelled"),
        (&["appointment", "no-show"], "appointment.no_show"),
        (&["webhook", "--type", "lead.lost"], "other.unknown"),
    ];
    for (arguments, kind) in by_hand {
        let (code, printed, why) = offhook(&[&["simulate"], arguments].concat(), &environment).await;
        assert_eq!(code, 0, "{arguments:?}: {why}");
        let acknowledged = &printed[0];
        assert!(acknowledged["status"].as_u64().is_some_and(|status| status / 100 == 2), "{acknowledged}");
        assert!(acknowledged["ack_ms"].as_f64() > Some(0.0), "{acknowledged}");
        let row = printed.last().expect("a row is shown");
        assert_eq!(row["step"], "row", "{arguments:?}: {row}");
        assert!(kind.is_empty() || row["type"] == kind, "{arguments:?}: {row}");
    }
    assert_eq!(count(&world.pool, "SELECT count(*) FROM offhook.calls WHERE branch = 'main'").await, 2);
    let lost = "SELECT count(*) FROM offhook.events WHERE event_id LIKE 'webhook:lead.lost:msg_%'";
    assert_eq!(count(&world.pool, lost).await, 1);

    // Another secret than ingress has, and none.
    for (name, arguments) in [
        ("DEMO_ELEVENLABS_SECRET", &["call", "--source", "elevenlabs"][..]),
        ("DEMO_WHATSAPP_KEY", &["message"]),
        ("DEMO_CALCOM_SECRET", &["appointment"]),
        ("DEMO_WEBHOOK_SECRET", &["webhook"]),
    ] {
        let arguments = [&["simulate"], arguments].concat();
        let others = environment.iter().filter(|(variable, _)| *variable != name).cloned();
        let wrong: Vec<_> = others.clone().chain([(name, OTHER_SECRET.to_owned())]).collect();
        let (code, printed, why) = offhook(&arguments, &wrong).await;
        assert!(code == 1 && printed == Vec::<Value>::new() && why.contains("bad_signature"), "{arguments:?}: {why}");
        assert_eq!(offhook(&arguments, &others.collect::<Vec<_>>()).await.0, 64, "{arguments:?}");
    }
    assert!(ingress.terminate().await.success());
    worker.stop().await;
    world.end().await;
}
