//! What one check found, and all of them as people and programs read them.

use std::io::IsTerminal as _;

use serde::Serialize;

/// How good or bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Grade {
    /// As it must be.
    Green,
    /// It works, and somebody should look; or it could not be looked at.
    Amber,
    /// It does not work.
    Red,
}

/// One line.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Finding {
    pub(super) grade: Grade,
    /// A server, `orgs`, or an org's id.
    pub(super) topic: String,
    /// What of it.
    pub(super) what: String,
    /// What was found; never a secret.
    pub(super) found: String,
    /// What to do about it.
    pub(super) cure: Option<String>,
}

impl Finding {
    pub(super) fn green(topic: &str, what: &str, found: impl Into<String>) -> Self {
        Self::new(Grade::Green, topic, what, found.into(), None)
    }

    pub(super) fn amber(topic: &str, what: &str, found: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::new(Grade::Amber, topic, what, found.into(), Some(cure.into()))
    }

    pub(super) fn red(topic: &str, what: &str, found: impl Into<String>, cure: impl Into<String>) -> Self {
        Self::new(Grade::Red, topic, what, found.into(), Some(cure.into()))
    }

    /// A fault that ends in its cure, behind a semicolon.
    pub(super) fn fault(topic: &str, what: &str, fault: &str, cure: &str) -> Self {
        let (found, cure) = fault.rsplit_once("; ").unwrap_or((fault, cure));
        Self::red(topic, what, found, cure)
    }

    fn new(grade: Grade, topic: &str, what: &str, found: String, cure: Option<String>) -> Self {
        Self { grade, topic: topic.to_owned(), what: what.to_owned(), found, cure }
    }
}

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whether nothing is red.
    pub(super) healthy: bool,
    green: usize,
    amber: usize,
    red: usize,
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        let count = |grade| findings.iter().filter(|finding| finding.grade == grade).count();
        let [green, amber, red] = [Grade::Green, Grade::Amber, Grade::Red].map(count);
        Self { healthy: red == 0, green, amber, red, findings }
    }

    /// The lines that people read.
    pub(super) fn text(&self) -> String {
        let is_coloured = std::io::stdout().is_terminal();
        let width = |of: fn(&Finding) -> &str| {
            self.findings.iter().map(|finding| of(finding).chars().count()).max().unwrap_or(0)
        };
        let (topics, whats) = (width(|finding| &finding.topic), width(|finding| &finding.what));
        let mut text = String::new();
        for Finding { grade, topic, what, found, cure } in &self.findings {
            let mark = mark(*grade, is_coloured);
            text.push_str(&format!("{mark}  {topic:<topics$}  {what:<whats$}  {found}\n"));
            if let Some(cure) = cure {
                text.push_str(&format!("{:>width$}  → {cure}\n", "", width = 5 + 2 + topics + 2 + whats));
            }
        }
        format!("{text}\n{} green, {} amber, {} red", self.green, self.amber, self.red)
    }
}

fn mark(grade: Grade, is_coloured: bool) -> String {
    let (word, colour) = match grade {
        Grade::Green => ("green", 32),
        Grade::Amber => ("amber", 33),
        Grade::Red => ("red  ", 31),
    };
    if is_coloured { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() }
}
