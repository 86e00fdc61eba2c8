//! Any orgs, any callers, any faults: what one org knows of a caller is never told by another.
//!
//! Every org has the same callers, and marks whatever it knows of them: in its own tables, its CRM, its memory vendor and its
//! prompts. An answer without a missing part has all marks of its own org; no answer ever has another's.

use std::fmt::Write as _;

use proptest::{
    collection::vec,
    prelude::*,
    sample::subsequence,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Answer, Question, until};
use tokio::runtime::Runtime;

use crate::stage::Stage;

const SEED: [u8; 32] = *b"offhook: same caller, other orgs";
const CASES: u32 = 5;
/// Names that would be one another's if they were put together carelessly.
const ORGS: [&str; 6] = ["a", "a-b", "a_b", "b", "1", "a1"];
/// Numbers likewise.
const CALLERS: [&str; 3] = ["+15005550", "+150055501", "+1500555011"];

/// A vendor, and the status of its next two answers.
type Fault = (&'static str, u16);

#[derive(Debug, Clone)]
struct Case {
    orgs: Vec<&'static str>,
    /// Which org is rung by which caller, and which fault there is from then on.
    rings: Vec<(usize, usize, Option<Fault>)>,
}

fn case() -> impl Strategy<Value = Case> {
    let vendor = prop_oneof![Just("highlevel"), Just("zep"), Just("mem0"), Just("langfuse")];
    let fault = proptest::option::of((vendor, prop_oneof![Just(400u16), Just(500)]));
    let rings = vec((0..8usize, 0..CALLERS.len(), fault), 4..14);
    (subsequence(ORGS.to_vec(), 2..4), rings).prop_map(|(orgs, rings)| Case { orgs, rings })
}

fn mark(org: &str) -> String {
    format!("<{org}>")
}

fn number(nth: usize) -> String {
    format!("+1500666000{nth}")
}

/// The orgs file: each with a location, a calendar, a memory vendor and a prompt of its own.
fn orgs_file(stage: &Stage, orgs: &[&str], calendars: &[String]) -> String {
    let (vendors, dir) = (&stage.vendors.url, stage.world.path("demo.key").display().to_string());
    let mut file = String::new();
    for (nth, (org, calendar)) in orgs.iter().zip(calendars).enumerate() {
        let (number, memory) = (number(nth), if nth % 2 == 0 { "zep" } else { "mem0" });
        write!(
            file,
            r#"
[[org]]
id = "{org}"
name = "{mark}"
[[org.branch]]
id = "main"
time_zone = "America/New_York"
calendar = "highlevel:{calendar}"
[[org.channel]]
kind = "phone"
address = "{number}"
branch = "main"
deadline_ms = 5000
[org.source.retell]
secrets = ["file:{dir}"]
[org.vendor.highlevel]
base_url = "{vendors}/highlevel"
token = "file:{dir}"
location_id = "loc_{org}"
[org.vendor.{memory}]
base_url = "{vendors}/{memory}"
token = "file:{dir}"
[org.vendor.langfuse]
base_url = "{vendors}/langfuse"
public_key = "pk_{org}"
secret_key = "file:{dir}"
prompt_known = "prompt-{org}"
"#,
            mark = mark(org)
        )
        .expect("text");
    }
    file
}

/// What an org knows of all callers, each with its mark; the id of its calendar.
async fn sow(stage: &Stage, org: &str) -> String {
    let (vendors, mark) = (&stage.vendors, mark(org));
    let calendar = json!({ "locationId": format!("loc_{org}"), "name": "Main" });
    let calendar = vendors.highlevel(Method::POST, "/calendars/", calendar).await["calendar"]["id"].clone();
    vendors.prompt(&format!("prompt-{org}"), &format!("{mark} {{{{customer_name}}}}")).await;
    for (nth, caller) in CALLERS.iter().enumerate() {
        let contact =
            json!({ "locationId": format!("loc_{org}"), "phone": caller, "name": format!("{mark} {caller}") });
        let contact = vendors.highlevel(Method::POST, "/contacts/upsert", contact).await;
        let start = chrono::Utc::now() + chrono::TimeDelta::hours(24 + nth as i64);
        let booking = json!({ "calendarId": calendar, "locationId": format!("loc_{org}"), "contactId": contact["contact"]["id"],
            "startTime": start.to_rfc3339(), "title": mark, "ignoreFreeSlotValidation": true, "ignoreDateRange": true });
        vendors.highlevel(Method::POST, "/calendars/events/appointments", booking).await;
        vendors.memory(&format!("{org}:{caller}"), &format!("{mark} {caller}")).await;
        // One of them is in the org's own tables by name, one without.
        if nth > 0 {
            let name = if nth == 1 { format!("'{mark} {caller}'") } else { "NULL".to_owned() };
            let insert = format!(
                "INSERT INTO offhook.contacts (org, phone, name, total_calls) VALUES ('{org}', '{caller}', {name}, 1)"
            );
            stage.world.sql(&insert).await;
        }
    }
    calendar.as_str().expect("an id").to_owned()
}

/// Fails if the answer has a mark of another org, or lacks one of its own though it is whole.
fn judge(case: &Case, org: &str, caller: &str, answer: &Answer) {
    let text = answer.body.to_string();
    for other in case.orgs.iter().filter(|other| **other != org) {
        assert!(!text.contains(&mark(other)), "{org} tells {caller} what {other} knows: {text}");
    }
    for other in CALLERS.iter().filter(|other| **other != caller) {
        assert!(!text.contains(&format!("{other}\"")), "{org} tells {caller} of {other}: {text}");
    }
    if answer.degraded().is_empty() {
        let name = format!("{} {caller}", mark(org));
        assert_eq!((answer.get("customer_name"), answer.get("customer_facts")), (&*name, &*name));
        assert_eq!(answer.get("system_prompt"), format!("{} {name}", mark(org)));
        assert!(answer.get("existing_appointments").starts_with(&mark(org)), "{text}");
        assert_eq!(answer.get("existing_appointments_count"), "1");
    }
}

async fn try_case(case: &Case) {
    let mut stage = Stage::unanswered("").await;
    let mut calendars = Vec::new();
    for org in &case.orgs {
        calendars.push(sow(&stage, org).await);
    }
    stage.world.apply_orgs(&orgs_file(&stage, &case.orgs, &calendars)).await;
    stage.answered().await;
    let ring = async |nth: usize, caller: &str| {
        let org = case.orgs[nth];
        let answer = Question::ring(caller, &number(nth)).to(org, testkit::KEY).ask(&stage.url).await;
        judge(case, org, caller, &answer);
        answer
    };
    for (org, caller, fault) in &case.rings {
        let rules: Value = match fault {
            Some((vendor, status)) => json!([{ "vendor": vendor, "status": status, "times": 2 }]),
            None => json!([]),
        };
        stage.vendors.faults(rules).await;
        ring(org % case.orgs.len(), CALLERS[*caller]).await;
    }
    stage.vendors.faults(json!([])).await;
    for nth in 0..case.orgs.len() {
        until("whoever rings is told everything", async || {
            ring(nth, CALLERS[nth % CALLERS.len()]).await.degraded().is_empty().then_some(())
        })
        .await;
    }
    stage.end().await;
}

#[test]
fn two_orgs_with_the_same_caller_never_share_a_part() {
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 2, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &SEED));
    let runtime = Runtime::new().expect("a runtime");
    let run = runner.run(&case(), |case| {
        runtime.block_on(try_case(&case));
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
}
