//! One shape: the same names for every caller, whatever is known of them and whoever does not answer.

use std::collections::BTreeMap;

use answer::VARIABLES;
use context::tags;
use serde_json::json;
use testkit::Answer;

use crate::stage::{JANE, OTHER, STRANGER, Stage, phone};

/// A number that wants other words.
const DRESSED: &str = "+15005550004";
const DRESSED_CHANNEL: &str = r#"
[[org.channel]]
kind = "phone"
address = "+15005550004"
branch = "main"
deadline_ms = 5000
greeting = { known = "Hi {customer_name} of {business_name}. {parking}{nothing}", unknown = "Welcome, {customer_name}." }
[org.channel.variables]
parking = { default = "Behind the house.", max = 40 }
tier = { default = "" }
customer_name = { default = "friend", max = 6 }
is_open = { default = "perhaps" }
customer_facts_count = { default = "", max = 1 }
"#;

/// Fails unless these are the usual names and `more`, each value within its maximum.
fn assert_whole(what: &str, answer: &Answer, more: &[(&str, usize)]) {
    let usual = VARIABLES.iter().map(|(name, _, max)| (*name, *max));
    let mut expected: BTreeMap<&str, usize> = usual.collect();
    expected.extend(more.iter().copied());
    let (names, known): (Vec<_>, Vec<_>) = (answer.variables.keys().collect(), expected.keys().collect());
    assert!(names == known, "{what}: {names:?} are not {known:?}");
    for (name, max) in expected {
        let chars = answer.get(name).chars().count();
        assert!(chars <= max, "{what}: {name} has {chars} characters, the maximum is {max}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_same_names_whatever_is_known() {
    let stage = Stage::start().await;
    assert_whole("known", &stage.ring(JANE).await, &[]);
    let cached = stage.ring(JANE).await;
    assert_eq!(cached.degraded(), [""; 0]);
    assert_whole("cached", &cached, &[]);
    stage.bump([tags::contact(&phone(JANE)), tags::memory(&phone(JANE))]).await;
    let refreshed = stage.ring(JANE).await;
    assert_eq!(refreshed.get("customer_name"), "Jane Doe");
    assert_whole("refreshed", &refreshed, &[]);
    assert_whole("unknown", &stage.ring(STRANGER).await, &[]);
    assert_whole("anonymous", &stage.ring("anonymous").await, &[]);
    assert_whole("of the org's own code", &stage.caller(&format!("demo/callers/{JANE}")).await, &[]);
    assert_whole("neutral", &stage.ring_at(JANE, OTHER).await, &[]);
    assert_whole("of the other org", &stage.ring_other(JANE).await, &[]);

    let broken = ["highlevel", "zep", "langfuse"].map(|vendor| json!({ "vendor": vendor, "status": 400 }));
    stage.vendors.faults(json!(broken)).await;
    let degraded = stage.ring("+15005550010").await;
    assert_eq!(degraded.degraded(), ["appointments", "crm", "memory"]);
    assert_whole("degraded", &degraded, &[]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_any_server_has_the_same_names() {
    let mut stage = Stage::start().await;
    stage.world.nats.kill().await.expect("it can be killed");
    stage.world.redis.kill().await.expect("it can be killed");
    stage.world.sql("ALTER TABLE offhook.contacts RENAME TO contacts_away").await;
    stage.vendors.faults(json!([{ "vendor": "highlevel", "hang": true }, { "vendor": "zep", "hang": true }])).await;
    let answer = stage.ring_at(JANE, crate::stage::HURRIED).await;
    assert_whole("alone", &answer, &[]);
    for part in ["contact", "crm", "memory", "slots", "appointments"] {
        assert!(answer.degraded().contains(&part), "{part} is not in {:?}", answer.degraded());
    }
    assert_eq!((answer.get("business_name"), answer.get("customer_known")), ("Demo Dental", "no"));
    stage.abandon();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_has_variables_defaults_maxima_and_greetings_of_its_own() {
    let stage = Stage::with(DRESSED_CHANNEL).await;
    let more = [("parking", 40), ("tier", 500), ("customer_name", 6), ("customer_facts_count", 1)];
    let known = stage.ring_at(JANE, DRESSED).await;
    assert_whole("known", &known, &more);
    assert_eq!(known.get("greeting"), "Hi Jane D of Demo Dental. Behind the house.{nothing}");
    assert_eq!((known.get("parking"), known.get("tier")), ("Behind the house.", ""));
    assert_ne!(known.get("is_open"), "perhaps", "what is known goes before the default");

    let unknown = stage.ring_at(STRANGER, DRESSED).await;
    assert_whole("unknown", &unknown, &more);
    assert_eq!((unknown.get("greeting"), unknown.get("customer_name")), ("Welcome, friend.", "friend"));
    let usual =
        [("known", JANE, "Hello Jane Doe, thank you"), ("unknown", STRANGER, "Thank you for calling Demo Dental.")];
    for (what, caller, begin) in usual {
        let greeting = stage.ring(caller).await;
        assert!(greeting.get("greeting").starts_with(begin), "{what}: {}", greeting.get("greeting"));
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_is_cut_between_characters() {
    let stage = Stage::with(DRESSED_CHANNEL).await;
    let names = [
        ("+15005550031", "🦷".repeat(300), "🦷".repeat(6)),
        ("+15005550032", "Zoe\u{301} \u{1f469}\u{200d}\u{2695}\u{fe0f}".to_owned(), "Zoe\u{301} \u{1f469}".to_owned()),
        ("+15005550033", "Ωμέγα και άλφα".to_owned(), "Ωμέγα ".to_owned()),
        ("+15005550034", "Ana".to_owned(), "Ana".to_owned()),
    ];
    for (number, name, cut) in names {
        stage.contact(number, Some(&name), 1).await;
        let answer = stage.ring_at(number, DRESSED).await;
        assert_eq!(answer.get("customer_name"), cut);
        assert_whole(&name, &stage.ring(number).await, &[]);
    }
    stage.end().await;
}
