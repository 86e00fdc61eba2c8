//! Every worker stands the same trials: it is in the table of `tests/worker_spec`.

use crate::repository::{hold, read, services};

const TABLE: &str = "tests/worker_spec/workers.rs";

/// The faults: workers among `services` that `table` does not name.
fn faults(services: &[String], table: &str) -> Vec<String> {
    let code: Vec<&str> = table.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let named = |name: &str| code.iter().any(|line| line.contains(&format!("name: {}::NAME,", name.replace('-', "_"))));
    let workers = services.iter().filter_map(|service| service.strip_prefix("services/"));
    let missing = workers.filter(|name| name.ends_with("-worker") && !named(name));
    missing
        .map(|name| format!("services/{name}: add it to WORKERS in {TABLE}, so that it stands every trial"))
        .collect()
}

#[test]
fn every_worker_stands_the_trials() {
    hold(&faults(&services(), &read(TABLE).unwrap_or_default()));
}

#[test]
fn a_worker_that_stands_no_trial_is_found() {
    let services = ["services/a-worker", "services/b-worker", "services/ingress"].map(str::to_owned);
    let table = |names: &[&str]| names.iter().map(|name| format!("        name: {name}::NAME,\n")).collect::<String>();
    assert!(faults(&services, &table(&["a_worker", "b_worker"])).is_empty());
    assert_eq!(faults(&services, &table(&["a_worker"])).len(), 1);
    assert_eq!(faults(&services, &format!("{}// name: b_worker::NAME,\n", table(&["a_worker"]))).len(), 1);
    assert_eq!(faults(&services, "").len(), 2);
}
