//! What is wrong with an orgs.toml: line, field, problem.
//!
//! Refuses to stop at the first fault, and to repeat a value that might be a secret.

use std::{collections::HashSet, fmt};

use serde::Serialize;

/// One thing to change in the file before it can be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The line of the file, counted from 1.
    pub line: usize,
    /// Where in words, as `org "demo" · branch "main" · time_zone`; empty where the syntax hides it.
    pub field: String,
    /// What is wrong, readable after the field; never holds a secret.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.field.is_empty() {
            write!(f, "{} ", self.field)?;
        }
        f.write_str(&self.problem)
    }
}

/// The faults found so far.
#[derive(Default)]
pub(crate) struct Faults {
    found: Vec<Fault>,
    broken_lines: HashSet<usize>,
}

impl Faults {
    /// More faults than anyone repairs in one go; a file that is not ours at all stays printable.
    const MAX: usize = 1_000;

    /// The text is no TOML here. What stands around it is still read and checked.
    pub(crate) fn syntax(&mut self, line: usize, problem: &str) {
        self.found.push(Fault { line, field: String::new(), problem: problem.to_owned() });
        self.broken_lines.insert(line);
    }

    /// A value is wrong.
    pub(crate) fn add(&mut self, line: usize, field: impl Into<String>, problem: impl Into<String>) {
        if !self.broken_lines.contains(&line) {
            self.found.push(Fault { line, field: field.into(), problem: problem.into() });
        }
    }

    /// Something is not where it should be. Said only of a file whose syntax is whole: behind broken syntax it may well be there.
    pub(crate) fn astray(&mut self, line: usize, field: impl Into<String>, problem: impl Into<String>) {
        if self.broken_lines.is_empty() {
            self.add(line, field, problem);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Nothing if nothing was found, else all of it in the order of the file.
    pub(crate) fn done(mut self) -> Result<(), Vec<Fault>> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.found.sort_by_key(|fault| fault.line);
        if self.found.len() > Self::MAX {
            let more = self.found.len() - Self::MAX;
            let line = self.found[Self::MAX].line;
            self.found.truncate(Self::MAX);
            self.found.push(Fault {
                line,
                field: String::new(),
                problem: format!("and {more} more faults from here on"),
            });
        }
        Err(self.found)
    }
}
