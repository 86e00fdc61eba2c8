//! Trouble at a vendor: named at once, borne by nobody else, and over when the vendor says so.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use testkit::{Question, until};

use crate::stage::{HURRIED, JANE, MAIN, Stage};

/// What the vendor of the 429 asks for.
const RETRY_AFTER_S: i64 = 3;

/// When a request of the journal arrived.
fn at(line: &Value) -> DateTime<Utc> {
    line["at"].as_str().and_then(|at| at.parse().ok()).expect("a moment")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_stumbles_once_is_asked_once_more_within_the_answer() {
    let stage = Stage::start().await;
    stage.vendors.faults(json!([{ "vendor": "zep", "status": 500, "times": 1 }])).await;
    let answer = stage.ring(JANE).await;
    assert_eq!((answer.degraded(), answer.get("customer_facts_count")), (Vec::new(), "2"));
    assert_eq!(stage.vendors.times("zep memory.search").await, 2);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_failed_is_named_and_asked_again_by_the_next_call() {
    let stage = Stage::start().await;
    stage.vendors.faults(json!([{ "vendor": "zep", "status": 500, "times": 2 }])).await;
    assert_eq!(stage.ring(JANE).await.degraded(), ["memory"]);
    let next = stage.ring(JANE).await;
    assert_eq!((next.degraded(), next.get("customer_facts_count")), (Vec::new(), "2"));
    assert_eq!(stage.vendors.times("zep memory.search").await, 3);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_crm_of_one_org_is_no_matter_to_the_other() {
    let stage = Stage::start().await;
    let callers = [["+15005550010", "+15005550011", "+15005550012"], ["+15005550013", "+15005550014", "+15005550015"]];
    for (callers, how) in callers.into_iter().zip(["status", "hang"]) {
        let mut dead = json!({ "vendor": "highlevel", "account": "loc_demo" });
        dead[how] = if how == "status" { json!(500) } else { json!(true) };
        stage.vendors.faults(json!([dead])).await;
        // Enough of them for a breaker to open, if it is the wrong one.
        for caller in callers {
            let hurried = stage.ring_at(caller, HURRIED).await;
            assert!(hurried.degraded().contains(&"crm"), "{:?}", hurried.degraded());
            let other = stage.ring_other(caller).await;
            assert_eq!((other.degraded(), other.get("customer_known")), (Vec::new(), "yes"));
        }
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_says_later_is_left_alone_by_every_process_until_then() {
    let stage = Stage::unanswered("").await;
    let processes = [(); 3].map(|()| stage.world.process(&["answer"], &[]));
    let mut urls = Vec::new();
    for process in &processes {
        process.ready().await;
        urls.push(process.url("answer").await);
    }
    // Every process has its connections, and what is not of the account is cached.
    for url in &urls {
        assert_eq!(Question::ring("anonymous", MAIN).ask(url).await.degraded(), [""; 0]);
    }
    let later = json!({ "vendor": "highlevel", "account": "loc_demo", "operation": "contact.lookup", "status": 429,
        "retry_after_s": RETRY_AFTER_S, "times": 1 });
    stage.vendors.faults(json!([later])).await;
    assert_eq!(Question::ring(JANE, MAIN).ask(&urls[0]).await.degraded(), ["appointments", "crm"]);
    let refused = stage.vendors.journal("vendor=highlevel&operation=contact.lookup").await;
    assert_eq!(refused.len(), 1, "a 429 is not asked again at once: {refused:?}");
    let (refused, until_then) = (&refused[0], at(&refused[0]) + TimeDelta::seconds(RETRY_AFTER_S));

    // Until it has passed, callers are answered without the CRM, whichever process they reach.
    let (mut rung, mut whole) = (0, 0);
    until("the CRM is asked again and every answer is whole", async || {
        let answer = Question::ring(JANE, MAIN).ask(&urls[rung % urls.len()]).await;
        if answer.degraded().is_empty() {
            whole += 1;
        } else {
            assert_eq!((answer.degraded(), whole), (vec!["appointments", "crm"], 0));
        }
        rung += 1;
        (whole >= urls.len()).then_some(())
    })
    .await;
    assert!(rung > urls.len() * 2, "each process was asked while the vendor wanted to be left alone: {rung}");
    let since = format!("vendor=highlevel&account=loc_demo&since={}", refused["seq"]);
    let asked = stage.vendors.journal(&since).await;
    assert!(!asked.is_empty());
    for line in asked {
        assert!(at(&line) >= until_then, "{line} came before {until_then}");
    }
    for process in processes {
        assert!(process.terminate().await.success());
    }
    stage.end().await;
}
