//! What a test may not do: be left out, be left for later, or wait by the clock.

use crate::repository::{File, files, hold};

/// What may not stand in a test, and what to do instead. Split, so that this table does not accuse itself.
const BANNED: [(&str, &str); 5] = [
    (concat!("todo", "!("), "write it or take it out"),
    (concat!("unimplemented", "!("), "write it or take it out"),
    (concat!("#[", "ignore"), "make it pass or take it out; long runs belong to `make chaos` and `make bench`"),
    (concat!("::", "sleep"), "wait for a condition with a deadline; testkit has the helpers"),
    (concat!("{", "sleep"), "wait for a condition with a deadline; testkit has the helpers"),
];

/// The faults of a test's source.
fn faults(file: &File) -> Vec<String> {
    let lines = file.text.lines().enumerate();
    let found = lines.flat_map(|(index, line)| {
        let banned = BANNED.iter().filter(move |(text, _)| line.contains(text));
        banned.map(move |(text, todo)| format!("{}, line {}: `{text}`: {todo}", file.path, index + 1))
    });
    found.collect()
}

#[test]
fn tests_are_whole_and_wait_for_conditions() {
    hold(&files("tests", ".rs").iter().flat_map(faults).collect::<Vec<_>>());
}

#[test]
fn an_ignored_test_and_a_pause_are_found() {
    let count = |text: &str| faults(&File { path: "tests/x.rs".to_owned(), text: text.to_owned() }).len();
    for (text, _) in BANNED {
        assert_eq!(count(&format!("//! x\n    {text}")), 1, "{text}");
    }
    assert_eq!(count("//! x\nsqlx::query(\"SELECT pg_sleep(60)\")"), 0);
}
