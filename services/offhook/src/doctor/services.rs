//! The services: whether those say that they would serve whose admin address is known, and whether ingress answers at all.

use std::collections::BTreeMap;

use reqwest::Client;
use serde::Deserialize;

use super::{Examined, Finding};

const TOPIC: &str = "services";

/// What `/readyz` says.
#[derive(Deserialize)]
struct Ready {
    ready: bool,
    checks: BTreeMap<String, String>,
}

/// Asks each admin address.
pub(super) async fn examine(client: &Client, urls: &[String]) -> Vec<Finding> {
    let urls = urls.iter().filter(|url| !url.is_empty());
    futures_util::future::join_all(urls.map(|url| readiness(client, url))).await
}

async fn readiness(client: &Client, url: &str) -> Finding {
    let asked = async {
        let answer = client.get(format!("{}/readyz", url.trim_end_matches('/'))).send().await?;
        answer.json::<Ready>().await
    };
    match asked.await {
        Ok(Ready { ready: true, checks }) => Finding::green(TOPIC, url, format!("ready: {}", names(&checks))),
        Ok(Ready { checks, .. }) => {
            let objections = checks.iter().filter(|(_, state)| *state != "ok");
            let told: Vec<String> = objections.map(|(name, state)| format!("{name}: {state}")).collect();
            Finding::red(TOPIC, url, format!("not ready: {}", told.join("; ")), "mend what it waits for, as it says")
        }
        Err(error) => {
            let cure = "start it; compare OFFHOOK_ADMIN_URL with OFFHOOK_ADMIN_LISTEN";
            Finding::red(TOPIC, url, format!("no answer: {}", plain(&error)), cure)
        }
    }
}

/// The services that are behind these checks.
fn names(checks: &BTreeMap<String, String>) -> String {
    let mut names: Vec<&str> = checks.keys().map(|name| name.split('.').next().unwrap_or(name)).collect();
    names.dedup();
    names.join(", ")
}

/// Whether anybody answers where events are sent.
pub(super) async fn ingress(client: &Client, url: Option<String>) -> Examined<Result<String, String>> {
    let Some(url) = url else {
        return Examined { findings: Vec::new(), usable: Err("OFFHOOK_URL is not set".to_owned()) };
    };
    match client.get(&url).send().await {
        Ok(_) => {
            let finding = Finding::green(TOPIC, "ingress", format!("answers at {url}"));
            Examined { findings: vec![finding], usable: Ok(url) }
        }
        Err(error) => {
            let cure = "start it: `offhook run ingress`; compare OFFHOOK_URL with where it listens";
            let finding = Finding::red(TOPIC, "ingress", format!("no answer: {}", plain(&error)), cure);
            Examined { findings: vec![finding], usable: Err("ingress does not answer".to_owned()) }
        }
    }
}

/// An error of the client's with its innermost reason.
pub(super) fn plain(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
