//! README.md names files and functions that exist.
//!
//! A path counts when it stands in backticks, in a code block or as a link's target. In backticks and blocks it must begin
//! with one of the repository's folders; `*` and `…` stand for anything.

use crate::repository::{hold, read, root};

/// What a path in backticks begins with.
const FOLDERS: [&str; 9] =
    [".ci/", "deploy/", "fuzz/", "migrations/", "nats/", "scripts/", "services/", "shared/", "tests/"];

/// The faults of the page; `exists` and `text` look at the repository.
fn faults(page: &str, exists: impl Fn(&str) -> bool, text: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for name in names(page) {
        let (path, item) = name.split_once("::").unwrap_or((&name, ""));
        let function = item.rsplit("::").next().unwrap_or_default().trim_end_matches("()");
        if !exists(path) {
            faults.push(format!("README.md names {path}, which does not exist: correct the page"));
        } else if !item.is_empty() && !text(path).is_some_and(|text| has_function(&text, function)) {
            faults.push(format!("README.md names {name}, but {path} has no `fn {function}`: correct the page"));
        }
    }
    faults
}

/// Every path the page names, without the part behind a placeholder.
fn names(page: &str) -> Vec<String> {
    let (mut names, mut in_block) = (Vec::new(), false);
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            names.extend(paths(line));
        } else {
            names.extend(line.split('`').skip(1).step_by(2).flat_map(paths));
            names.extend(line.split("](").skip(1).filter_map(link));
        }
    }
    names
}

/// The words of code that are paths of this repository.
fn paths(code: &str) -> Vec<String> {
    let words = code.split([' ', '\t', '"', '\'', '(', ',', ';', '=']).map(|word| word.trim_start_matches("./"));
    let ours = words.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)));
    ours.map(|word| certain(word).to_owned()).collect()
}

/// The folders before the first segment with a placeholder in it.
fn certain(path: &str) -> &str {
    match path.find(['*', '…', '<', '{']) {
        Some(end) => path[..end].rfind('/').map_or("", |slash| &path[..slash]),
        None => path.trim_end_matches(['.', ':', ')']),
    }
}

/// A link's target, if it is a file of this repository.
fn link(rest: &str) -> Option<String> {
    let target = rest.split([')', '#', ' ']).next()?;
    (!target.is_empty() && !target.contains(':')).then(|| target.to_owned())
}

fn has_function(text: &str, name: &str) -> bool {
    text.split(&format!("fn {name}")).skip(1).any(|rest| rest.starts_with(['(', '<']))
}

#[test]
fn every_file_and_function_in_the_readme_exists() {
    let page = read("README.md").expect("README.md: write it: what, run, test, the life of one event, map, decisions");
    hold(&faults(&page, |path| root().join(path).exists(), read));
}

#[test]
fn a_wrong_path_or_function_in_the_readme_is_found() {
    let count = |page: &str| {
        let known = ["services/a.rs", "nats", "nats/", "LICENSE"];
        faults(page, |path| known.contains(&path), |_| Some("pub(crate) async fn take<T>() {}".to_owned())).len()
    };
    let good = "`services/a.rs::take` `services/a.rs::Context::take()` `nats/*.json` [l](LICENSE#top) [w](https://x.y) `cargo x`\n";
    assert_eq!(count(&format!("{good}```\ncat nats/\n```\n")), 0, "{good}");
    for bad in ["`services/b.rs`", "`services/a.rs::tak`", "[l](LICENCE)", "`cat shared/x`", "```\ncat tests/x\n```"] {
        assert_eq!(count(bad), 1, "{bad}");
    }
}
