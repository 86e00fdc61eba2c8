//! The settings: what is not set, and what is set to something it can't be.

use context::KINDS;

use super::{Doctor, Finding};

const TOPIC: &str = "settings";

/// What is wrong with the environment and with the orgs file.
pub(super) async fn examine(doctor: &Doctor) -> Vec<Finding> {
    let is_set = |url: &Option<String>| url.as_ref().is_some_and(|url| !url.is_empty());
    let mut findings = Vec::new();
    let needed = [("NATS_URL", &doctor.nats_url), ("DATABASE_URL", &doctor.database_url)];
    for (name, _) in needed.into_iter().filter(|(_, url)| !is_set(url)) {
        findings.push(Finding::red(
            TOPIC,
            name,
            "is not set",
            "set it as the services have it; `. .offhook/env` in development",
        ));
    }
    let useful = [
        ("REDIS_URL", &doctor.cache.redis_url, "caches are not looked at"),
        ("OFFHOOK_URL", &doctor.url, "no events are sent"),
    ];
    for (name, _, lacks) in useful.into_iter().filter(|(_, url, _)| !is_set(url)) {
        findings.push(Finding::amber(TOPIC, name, format!("is not set: {lacks}"), "set it as the services have it"));
    }
    if let Some(Err(fault)) = doctor.database_url.as_deref().filter(|url| !url.is_empty()).map(postgres::check_url) {
        findings.push(Finding::fault(TOPIC, "DATABASE_URL", &fault.to_string(), "write postgres://user@host/name"));
    }
    if let Some(Err(fault)) = doctor.nats_url.as_deref().filter(|url| !url.is_empty()).map(bus_url) {
        findings.push(Finding::red(TOPIC, "NATS_URL", fault, "write nats://host:4222"));
    }
    let of_cache = doctor.cache.check(&KINDS);
    findings
        .extend(of_cache.iter().map(|fault| Finding::fault(TOPIC, "cache", fault, "see `offhook run answer --help`")));
    if let Some(file) = &doctor.orgs_file {
        findings.extend(orgs_file(file));
    }
    if findings.is_empty() {
        findings.push(Finding::green(TOPIC, "environment", "complete and readable"));
    }
    findings
}

/// Whether it can be an address of the broker.
fn bus_url(url: &str) -> Result<(), String> {
    url.split(',').try_for_each(|one| {
        let rest = one.trim().split_once("://").map_or(one.trim(), |(_, rest)| rest);
        if rest.is_empty() { Err("is no address".to_owned()) } else { Ok(()) }
    })
}

fn orgs_file(file: &std::path::Path) -> Vec<Finding> {
    let name = file.display().to_string();
    match std::fs::read_to_string(file).map(|text| orgs::check(&text)) {
        Err(error) => vec![Finding::red(TOPIC, &name, format!("can't be read: {error}"), "name the orgs file")],
        Ok(Ok(orgs)) => vec![Finding::green(TOPIC, &name, format!("{} orgs, no faults", orgs.len()))],
        Ok(Err(faults)) => {
            faults.iter().map(|fault| Finding::red(TOPIC, &name, fault.to_string(), "correct the file")).collect()
        }
    }
}
