//! Identity: who calls is what the network says, and what one org knows of them is no other's.

use context::tags;
use reqwest::Method;
use serde_json::json;
use testkit::{Question, until};

use crate::stage::{JANE, MAIN, OTHER, STRANGER, Stage, phone};

const OF_A_PERSON: [&str; 4] =
    ["highlevel contact.lookup", "highlevel appointment.list", "zep memory.search", "mem0 memory.search"];

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_one_contact_however_it_is_written() {
    let stage = Stage::start().await;
    for spelling in ["+15005550006", "+1 (500) 555-0006", "001 500.555.0006", " +1-500-555-0006\t", "+1/500/555/0006"] {
        let answer = stage.ring(spelling).await;
        assert_eq!((answer.get("customer_phone"), answer.get("customer_name")), (JANE, "Jane Doe"), "{spelling}");
        let at_ours = stage.ring_at(JANE, &spelling.replace('6', "1")).await;
        assert_eq!(at_ours.get("business_name"), "Demo Dental", "our own number as {spelling}");
    }
    assert_eq!(stage.vendors.times("highlevel contact.lookup").await, 1);
    assert_eq!(stage.vendors.times("zep memory.search").await, 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_caller_is_somebody_else_to_each_org() {
    let stage = Stage::start().await;
    let other = json!({ "locationId": "loc_other", "phone": JANE, "name": "Joan Other" });
    stage.vendors.highlevel(Method::POST, "/contacts/upsert", other).await;
    for _ in 0..2 {
        let (ours, theirs) = (stage.ring(JANE).await, stage.ring_other(JANE).await);
        assert_eq!((ours.get("customer_name"), theirs.get("customer_name")), ("Jane Doe", "Joan Other"));
        assert_eq!((ours.get("business_name"), theirs.get("business_name")), ("Demo Dental", "Other Optics"));
    }
    stage.contact(JANE, Some("Jane of Demo"), 4).await;
    stage.bump([tags::contact(&phone(JANE))]).await;
    until("demo knows her itself", async || (stage.ring(JANE).await.get("total_calls") == "4").then_some(())).await;
    let theirs = stage.ring_other(JANE).await;
    assert_eq!((theirs.get("customer_name"), theirs.get("total_calls")), ("Joan Other", "0"));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_withholds_their_number_is_greeted_and_nobody_is_asked_who_it_is() {
    let stage = Stage::start().await;
    // The contact of a number that networks send instead of a withheld one would be everybody.
    stage.contact("+266696687", Some("Everybody"), 9).await;
    let withheld = [
        "anonymous",
        "Anonymous",
        "RESTRICTED",
        "unavailable",
        "unknown",
        "private",
        "+266696687",
        "",
        " ",
        "5550006",
        "+150055",
        "+150055500061234567",
        "sip:jane@example.com",
        "+1500555000x",
        "null",
        "+0015005550006",
        "\u{202a}\u{0}",
    ];
    for from in withheld {
        let answer = stage.ring(from).await;
        assert_eq!((answer.get("customer_phone"), answer.get("customer_known")), ("", "no"), "{from}");
        assert_eq!((answer.get("customer_name"), answer.get("total_calls")), ("", "0"), "{from}");
        assert!(answer.get("greeting").contains("Demo Dental"), "{from}");
        assert_eq!((answer.get("has_availability"), answer.degraded()), ("yes", Vec::new()), "{from}");
    }
    let missing = json!({ "call_inbound": { "to_number": MAIN } }).to_string();
    assert_eq!(Question::new(missing).ask(&stage.url).await.get("customer_phone"), "");
    let asked = stage.vendors.asked().await;
    assert!(OF_A_PERSON.iter().all(|person| !asked.contains(&(*person).to_owned())), "{asked:?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_not_the_orgs_is_answered_neutrally_and_counted() {
    let stage = Stage::unanswered("").await;
    let process = stage.world.process(&["answer"], &[]);
    process.ready().await;
    let url = process.url("answer").await;
    let strange = [OTHER, STRANGER, "+15005550009", "anonymous", "", "sip:main"];
    for to in strange {
        let answer = Question::ring(JANE, to).ask(&url).await;
        for name in ["business_name", "customer_phone", "customer_name", "available_slots", "system_prompt", "greeting"]
        {
            assert_eq!(answer.get(name), "", "{to}: {name}");
        }
    }
    assert_eq!(stage.vendors.asked().await, Vec::<String>::new());
    let counted = strange.len() as f64;
    assert_eq!(process.metric("offhook_answer_strange_numbers_total").await, counted);
    let neutral = "offhook_answer_seconds_count{kind=\"retell_inbound\",outcome=\"neutral\"}";
    assert_eq!(process.metric(neutral).await, counted);
    assert!(process.terminate().await.success());
    stage.end().await;
}
