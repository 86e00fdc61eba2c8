//! Every setting of a service can be set where services run: in compose.yaml.

use crate::repository::{File, files, hold, read, services};

/// The faults: variables that `sources` read and `compose` does not set.
fn faults(sources: &[File], compose: &str) -> Vec<String> {
    let keys: Vec<&str> =
        compose.lines().filter_map(|line| line.trim_start().split_once(':')).map(|(key, _)| key).collect();
    let read = sources.iter().flat_map(|file| variables(&file.text).map(|name| (name, &file.path)));
    let missing = read.filter(|(name, _)| !keys.contains(name));
    missing
        .map(|(name, path)| format!("{name} of {path}: add it to the environment of its service in compose.yaml"))
        .collect()
}

/// The names in `env = "NAME"`.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next())
}

#[test]
fn every_setting_of_a_service_stands_in_compose_yaml() {
    let folders = services().into_iter().chain(["shared/runtime", "shared/cache", "shared/worker"].map(str::to_owned));
    let sources: Vec<File> = folders.flat_map(|folder| files(&folder, ".rs")).collect();
    assert!(
        sources.iter().any(|file| variables(&file.text).next().is_some()),
        "settings are read in another way: follow it"
    );
    hold(&faults(&sources, &read("compose.yaml").expect("compose.yaml: write it; it is the production shape")));
}

#[test]
fn a_setting_that_is_missing_or_only_mentioned_is_found() {
    let text = "#[arg(long, env = \"OFFHOOK_ONE\")] #[arg(env = \"OFFHOOK_TWO\", long)]".to_owned();
    let sources = [File { path: "config.rs".to_owned(), text }];
    assert_eq!(faults(&sources, "  OFFHOOK_ONE: x\n  # OFFHOOK_TWO: x\n  OTHER: OFFHOOK_TWO:\n").len(), 1);
    assert!(faults(&sources, "  OFFHOOK_ONE: x\n  OFFHOOK_TWO:\n").is_empty());
}
