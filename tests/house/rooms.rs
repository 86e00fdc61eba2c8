//! What every file and every service looks like: opening line, size, rooms, door card.

use crate::repository::{File, files, hold, services};

const LINES_MAX: usize = 500;
const MAIN_LINES_MAX: usize = 40;
/// The rooms of a service, and what each is for.
const ROOMS: [(&str, &str); 4] = [
    ("main.rs", "parse, build, run, exit code"),
    ("lib.rs", "`run` and the door card"),
    ("config.rs", "every setting"),
    ("handle.rs", "the verb"),
];
/// What a door card tells, in lines that begin `//! - *Word*`.
const DOOR_CARD: [&str; 6] = ["Consumes", "Owns", "Emits", "Calls", "Limits", "Refuses"];

/// The faults of any source file.
fn file_faults(file: &File) -> Vec<String> {
    let (path, lines) = (&file.path, file.text.lines().count());
    let silent = !file.text.starts_with("//! ");
    let silent = silent.then(|| format!("{path}: begin with `//!` and say what the file owns and refuses"));
    let long = (lines > LINES_MAX).then(|| format!("{path}: {lines} lines; split it by verb, at most {LINES_MAX}"));
    silent.into_iter().chain(long).collect()
}

/// The faults of the service in `folder`, whose sources are `files`.
fn service_faults(folder: &str, files: &[File]) -> Vec<String> {
    let room = |name: &str| files.iter().find(|file| file.path == format!("{folder}/src/{name}"));
    let store = folder.ends_with("-worker").then_some(("store.rs", "its SQL, one named function per query"));
    let missing = ROOMS.into_iter().chain(store).filter(|(name, _)| room(name).is_none());
    let mut faults: Vec<String> =
        missing.map(|(name, what)| format!("{folder}/src/{name}: write it; here lives {what}")).collect();
    let main_lines = room("main.rs").map_or(0, |main| main.text.lines().count());
    if main_lines > MAIN_LINES_MAX {
        faults.push(format!("{folder}/src/main.rs: {main_lines} lines; move work to lib.rs, at most {MAIN_LINES_MAX}"));
    }
    let card =
        |library: &File, word: &str| library.text.lines().any(|line| line.starts_with(&format!("//! - *{word}*")));
    let silent = DOOR_CARD.iter().filter(|word| room("lib.rs").is_some_and(|library| !card(library, word)));
    faults.extend(silent.map(|word| format!("{folder}/src/lib.rs: add `//! - *{word}* …` to the door card")));
    faults
}

#[test]
fn every_source_file_introduces_itself_and_stays_short() {
    let files = ["services", "shared", "tests"].map(|folder| files(folder, ".rs"));
    hold(&files.iter().flatten().flat_map(file_faults).collect::<Vec<_>>());
}

#[test]
fn every_service_has_the_same_rooms_and_a_door_card() {
    let judge = |folder: String| service_faults(&folder, &files(&folder, ".rs"));
    hold(&services().into_iter().flat_map(judge).collect::<Vec<_>>());
}

#[test]
fn a_silent_or_long_file_and_a_missing_room_are_found() {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    assert_eq!(file_faults(&file("a.rs", "mod x;\n")).len(), 1);
    assert_eq!(file_faults(&file("a.rs", &"//! a\n".repeat(LINES_MAX + 1))).len(), 1);
    assert!(file_faults(&file("a.rs", "//! a\n")).is_empty());
    let faults = |main: &str, library: &str| {
        let room = |name: &str, text: &str| file(&format!("services/x-worker/src/{name}"), text);
        let files = [room("main.rs", main), room("lib.rs", library), room("config.rs", ""), room("handle.rs", "")];
        service_faults("services/x-worker", &files).len()
    };
    let card = DOOR_CARD.map(|word| format!("//! - *{word}* x\n")).concat();
    assert_eq!(faults("", &card), 1, "the store is missing");
    assert_eq!(faults(&"\n".repeat(MAIN_LINES_MAX + 1), &card), 2);
    assert_eq!(faults("", &card.replace("*Owns*", "Owns")), 2);
}
