//! The repository's files as text, and how a rule reports what it found.
//!
//! Refuses to look into build output and hidden folders, and to let a rule pass because it found nothing to judge.

use std::{fs, path::Path};

/// A text file and its path from the repository's root.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// The file's own name.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository")
}

/// Every file below `folder` whose name ends in `ending`, by path; the root's own files for `""`.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<File> {
    let mut files = Vec::new();
    collect(folder, ending, &mut files);
    assert!(!files.is_empty(), "no *{ending} below {folder}/: correct the rule that looks for them there");
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The file's text, if it exists.
pub(crate) fn read(path: &str) -> Option<String> {
    fs::read_to_string(root().join(path)).ok()
}

/// The folders directly in `folder`, as paths, by name.
pub(crate) fn folders(folder: &str) -> Vec<String> {
    let mut folders: Vec<String> = entries(folder).into_iter().filter(|path| root().join(path).is_dir()).collect();
    folders.sort();
    folders
}

/// The services that run by themselves: all but the command line.
pub(crate) fn services() -> Vec<String> {
    folders("services").into_iter().filter(|folder| folder != "services/offhook").collect()
}

/// Fails with every fault, if there are any.
#[track_caller]
pub(crate) fn hold(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults\n  {}\n", faults.len(), faults.join("\n  "));
}

fn collect(folder: &str, ending: &str, files: &mut Vec<File>) {
    for path in entries(folder) {
        if root().join(&path).is_dir() {
            collect(&path, ending, files);
        } else if path.ends_with(ending) {
            let text = read(&path).unwrap_or_else(|| panic!("{path} is not text"));
            files.push(File { path, text });
        }
    }
}

/// What lies directly in `folder`, as paths.
fn entries(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let names = entries.map(|entry| entry.expect("a folder's entry").file_name().to_string_lossy().into_owned());
    let seen = names.filter(|name| !name.starts_with('.') && name != "target");
    seen.map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") }).collect()
}
