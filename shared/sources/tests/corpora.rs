//! Every seed and every input that was kept of what fuzzing found, through its source's property. The fuzzers are in `fuzz/`.
//!
//! Refuses to pass because there is nothing to replay, or because a file is too large for a repository.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

pub mod properties;

/// Written by people, and found by fuzzing; both with a folder for each source.
const FOLDERS: [&str; 2] = ["seeds", "corpus"];
/// What one file and all files of a folder may weigh, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024;
const FOLDER_BYTES_MAX: u64 = 300 * 1024;

fn fuzz() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("this crate lies two folders deep").join("fuzz")
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder's entry").path()).collect();
    files.sort();
    files
}

/// The files that break the property, and why the folder itself is wrong, if it is.
fn faults(folder: &Path, property: properties::Property) -> Vec<String> {
    let (files, mut faults, mut bytes) = (files(folder), Vec::new(), 0);
    for file in &files {
        let body = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        // The panic itself has told what and where.
        if catch_unwind(AssertUnwindSafe(|| property(&body))).is_err() {
            faults.push(format!("{} breaks its source's property", file.display()));
        }
        let weight = body.len() as u64;
        bytes += weight;
        if weight > FILE_BYTES_MAX {
            faults.push(format!("{}: {weight} bytes; at most {FILE_BYTES_MAX}", file.display()));
        }
    }
    if files.is_empty() || bytes > FOLDER_BYTES_MAX {
        let (count, folder) = (files.len(), folder.display());
        faults
            .push(format!("{folder}: {count} files of {bytes} bytes; at least one, at most {FOLDER_BYTES_MAX} bytes"));
    }
    faults
}

#[test]
fn every_seed_and_every_input_that_was_found_holds() {
    let folders = FOLDERS.iter().flat_map(|kind| properties::ALL.map(|(source, property)| (kind, source, property)));
    let faults: Vec<String> =
        folders.flat_map(|(kind, source, property)| faults(&fuzz().join(kind).join(source), property)).collect();
    assert!(faults.is_empty(), "{} faults\n  {}\n", faults.len(), faults.join("\n  "));
}

#[test]
fn every_folder_and_every_target_has_a_property() {
    let known = properties::ALL.map(|(source, _)| source);
    for kind in FOLDERS {
        for folder in files(&fuzz().join(kind)) {
            let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            assert!(known.contains(&name), "{}: no property replays it", folder.display());
        }
    }
    let targets = files(&fuzz().join("fuzz_targets"));
    let targets = targets.iter().map(|target| target.file_stem().and_then(|name| name.to_str()).unwrap_or_default());
    let (mut targets, mut known) = (targets.collect::<Vec<_>>(), known.to_vec());
    targets.sort_unstable();
    known.sort_unstable();
    assert_eq!(targets, known);
}

#[test]
fn a_broken_property_an_empty_folder_and_a_heavy_file_are_found() {
    let folder = fuzz().join("seeds/retell");
    let count = files(&folder).len();
    assert!(faults(&folder, |_| ()).is_empty());
    assert_eq!(faults(&folder, |_| panic!("on purpose")).len(), count);
    let empty_fails: properties::Property = |body| assert!(!body.is_empty(), "on purpose");
    let empty = faults(&folder, empty_fails);
    assert!(matches!(empty.as_slice(), [fault] if fault.contains("empty")), "{empty:?}");
    assert!(catch_unwind(|| faults(&fuzz().join("seeds/nobody"), |_| ())).is_err(), "a missing folder");
    let nothing = std::env::temp_dir().join(format!("offhook-corpora-{}", std::process::id()));
    fs::create_dir_all(&nothing).expect("a folder");
    assert_eq!(faults(&nothing, |_| ()).len(), 1, "an empty folder");
    fs::write(nothing.join("heavy"), vec![b' '; FILE_BYTES_MAX as usize + 1]).expect("a file");
    assert_eq!(faults(&nothing, |_| ()).len(), 1, "a heavy file");
    fs::remove_dir_all(&nothing).expect("an empty folder");
}
