//! Who may depend on whom, read from the manifests.

use toml::{Table, Value};

use crate::repository::{File, files, folders, hold};

/// Every shared crate and the shared crates it may use. A new crate is one line here.
const SHARED: &[(&str, &[&str])] = &[
    ("contract", &[]),
    ("sources", &["contract"]),
    ("bus", &["contract"]),
    ("postgres", &["contract"]),
    ("cache", &["contract"]),
    ("vendors", &["contract", "cache"]),
    ("context", &["contract", "bus", "cache", "orgs", "vendors"]),
    ("orgs", &["contract", "bus", "postgres"]),
    ("runtime", &[]),
    ("servers", &[]),
    ("worker", &["contract", "bus", "postgres", "runtime"]),
];

/// These link whatever they start, measure or test.
const LINK_ALL: &[&str] = &["services/offhook", "shared/testkit", "tests"];

/// Crates that one place keeps to itself: where they may be named. A folder with `/` at its end stands for all in it.
const KEPT: &[(&str, &[&str])] = &[
    // The testkit looks at and breaks what `bus` and `cache` hide; the benchmarks take them bare.
    ("async-nats", &["shared/bus", "shared/testkit"]),
    ("redis", &["shared/cache", "shared/testkit", "tests"]),
    ("moka", &["shared/cache", "tests"]),
    (
        "sqlx",
        &[
            "shared/postgres",
            "shared/cache",
            "shared/context",
            "shared/orgs",
            "shared/worker",
            "services/",
            "shared/testkit",
            "tests",
        ],
    ),
    ("servers", &["services/offhook", "shared/testkit", "tests"]),
];

/// What a service must do without, whatever others of its kind use.
const DENIED: &[(&str, &[&str])] = &[("services/ingress", &["postgres", "sqlx", "cache", "vendors", "context"])];

const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// One entry of a manifest.
struct Dependency<'a> {
    section: &'a str,
    name: &'a str,
    value: &'a Value,
}

/// The faults of the manifest in `folder`; `services` are all services' names.
fn faults(folder: &str, manifest: &str, services: &[String]) -> Vec<String> {
    let manifest: Table = manifest.parse().unwrap_or_else(|error| panic!("{folder}/Cargo.toml: {error}"));
    let mut faults = Vec::new();
    if !inherits(manifest.get("lints")) {
        faults.push(format!("{folder}/Cargo.toml: add `[lints]` with `workspace = true`"));
    }
    for dependency in dependencies(&manifest) {
        let Dependency { section, name, value } = dependency;
        let mut fault = |todo: String| faults.push(format!("{folder}/Cargo.toml, [{section}] {name}: {todo}"));
        if !inherits(Some(value)) {
            fault(format!("write `{name}.workspace = true`; its version stands in the root's Cargo.toml"));
        }
        if let Some((_, places)) = KEPT.iter().find(|(kept, _)| *kept == name)
            && !places.iter().any(|place| is_in(folder, place))
        {
            fault(format!("take it out; only {} may use it", places.join(", ")));
        }
        if DENIED.iter().any(|(service, denied)| *service == folder && denied.contains(&name)) {
            fault("take it out; this service does without, see its door card".to_owned());
        }
        if let Some(todo) = edge(folder, section, name, services) {
            fault(todo);
        }
    }
    faults
}

/// What is wrong with an edge between two of the house's own crates.
fn edge(folder: &str, section: &str, name: &str, services: &[String]) -> Option<String> {
    let allowed = |krate: &str| SHARED.iter().find(|(shared, _)| *shared == krate).map(|(_, allowed)| *allowed);
    let is_service = services.iter().any(|service| service == name);
    if name == "testkit" {
        return (section != "dev-dependencies")
            .then(|| "move it to [dev-dependencies]; it is for tests only".to_owned());
    }
    if LINK_ALL.contains(&folder) || (!is_service && allowed(name).is_none()) {
        return None;
    }
    if is_service {
        return Some("take it out; services speak through events, and shared crates know no service".to_owned());
    }
    let krate = folder.strip_prefix("shared/")?;
    let allowed = allowed(krate)?;
    (!allowed.contains(&name)).then(|| format!("take it out; {krate} may use only [{}]", allowed.join(", ")))
}

fn dependencies(manifest: &Table) -> Vec<Dependency<'_>> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    let sections = tables.flat_map(|table| SECTIONS.iter().map(move |section| (*section, table.get(*section))));
    let entries = sections.filter_map(|(section, entries)| Some((section, entries?.as_table()?)));
    let all = entries
        .flat_map(|(section, entries)| entries.iter().map(move |(name, value)| Dependency { section, name, value }));
    all.collect()
}

fn inherits(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

fn is_in(folder: &str, place: &str) -> bool {
    folder == place || (place.ends_with('/') && folder.starts_with(place))
}

/// The faults of a service's source: its queries stand in its store.
fn query_faults(file: &File) -> Vec<String> {
    let in_store = file.name() == "store.rs" || file.path.contains("/src/store/");
    let kept = in_store || !file.text.contains("sqlx::query");
    (!kept)
        .then(|| format!("{}: move its queries to store.rs or a file below store/, one named function each", file.path))
        .into_iter()
        .collect()
}

fn services() -> Vec<String> {
    folders("services").iter().map(|folder| folder.replace("services/", "")).collect()
}

#[test]
fn crates_depend_only_in_the_allowed_direction() {
    let manifests = ["services", "shared", "tests"].map(|folder| files(folder, "/Cargo.toml"));
    let judge = |file: &File| faults(file.path.trim_end_matches("/Cargo.toml"), &file.text, &services());
    hold(&manifests.iter().flatten().flat_map(judge).collect::<Vec<_>>());
}

#[test]
fn every_shared_crate_has_its_line_in_the_table_of_directions() {
    let named =
        |folder: &str| LINK_ALL.contains(&folder) || SHARED.iter().any(|(name, _)| folder == format!("shared/{name}"));
    let unnamed = folders("shared").into_iter().filter(|folder| !named(folder));
    let fault = |folder| format!("{folder}: add a line to SHARED in {}: which shared crates it may use", file!());
    hold(&unnamed.map(fault).collect::<Vec<_>>());
}

#[test]
fn a_service_queries_only_in_its_store() {
    let files = crate::repository::services().into_iter().flat_map(|service| files(&format!("{service}/src"), ".rs"));
    hold(&files.flat_map(|file| query_faults(&file)).collect::<Vec<_>>());
}

#[test]
fn a_forbidden_edge_is_found() {
    let of = |folder, dependencies: &str| {
        let services = ["ingress".to_owned(), "log-worker".to_owned()];
        faults(folder, &format!("lints.workspace = true\n{dependencies}"), &services).len()
    };
    let bad = [
        ("shared/contract", "dependencies.bus.workspace = true"),
        ("shared/runtime", "dependencies.contract.workspace = true"),
        ("shared/bus", "dev-dependencies.ingress.workspace = true"),
        ("shared/orgs", "target.'cfg(unix)'.dependencies.async-nats.workspace = true"),
        ("services/log-worker", "dependencies.ingress.workspace = true"),
        ("services/log-worker", "dependencies.servers.workspace = true"),
        ("services/ingress", "dependencies.postgres.workspace = true"),
        ("services/offhook", "dependencies.testkit.workspace = true"),
        ("services/ingress", "build-dependencies.bytes = '1'"),
    ];
    for (folder, dependencies) in bad {
        assert_eq!(of(folder, dependencies), 1, "{folder}: {dependencies}");
    }
    assert_eq!(of("tests", "dev-dependencies.testkit.workspace = true\ndependencies.ingress.workspace = true"), 0);
    assert_eq!(of("shared/orgs", "dependencies.bus.workspace = true\ndev-dependencies.testkit.workspace = true"), 0);
    assert_eq!(faults("shared/bus", "", &[]).len(), 1);
    let file = |path: &str| File { path: path.to_owned(), text: "sqlx::query(\"\")".to_owned() };
    assert_eq!(query_faults(&file("services/x/src/handle.rs")).len(), 1);
    assert!(query_faults(&file("services/x/src/store.rs")).is_empty());
}
