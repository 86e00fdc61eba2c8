//! What is counted of calls, by the names that dashboards use.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use vendors::Limits;

use crate::{
    discipline::account,
    double::{Answer, Double, live, phone, vendors},
};

#[tokio::test]
async fn each_request_counts_by_its_outcome_and_only_what_was_sent_is_timed() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _here = ::metrics::set_default_local_recorder(&recorder);
    let found = || Answer::json(200, r#"{"contact":null}"#);
    let limited = Answer::Say(429, vec![("retry-after", "30".to_owned())], String::new());
    let vendor = Double::start([found(), Answer::json(404, "{}"), Answer::json(200, "7"), limited], (500, "")).await;
    let (vendors, clock) = vendors(Limits::default());
    let account = account(&vendor.base_url, "a");
    let highlevel = vendors.highlevel(&account);
    for _ in 0..5 {
        highlevel.lookup(&phone(), live()).await.ok();
    }
    clock.advance(Duration::from_secs(60));
    for _ in 0..5 {
        highlevel.add_note("c1", "x", live()).await.ok();
    }
    let told = recorder.handle().render();
    let requests = |operation: &str, outcome: &str, count: u32| {
        let labels = format!(r#"vendor="highlevel",operation="{operation}",outcome="{outcome}""#);
        let line = format!("offhook_vendor_requests_total{{{labels}}} {count}\n");
        assert!(told.contains(&line), "{line} in {told}");
    };
    for outcome in ["ok", "not_found", "unreadable", "rate_limited", "no_budget"] {
        requests("lookup", outcome, 1);
    }
    requests("add_note", "broken", 4);
    requests("add_note", "open", 1);
    assert!(told.contains(r#"offhook_vendor_seconds_count{vendor="highlevel",operation="lookup"} 4"#), "{told}");
    assert!(told.contains(r#"offhook_vendor_seconds_count{vendor="highlevel",operation="add_note"} 4"#), "{told}");
    assert!(told.contains(r#"offhook_vendor_breakers_open{vendor="highlevel"} 1"#), "{told}");
}
