//! What holds for every answer, whatever is broken.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::ask::Told;

/// The names that `degraded` may hold.
const PARTS: [&str; 6] = ["contact", "crm", "memory", "slots", "appointments", "prompt"];
/// A variable that the orgs' phone channels declare besides the usual ones.
const DECLARED: &str = "parking";
/// The known caller of both orgs, of whom everything is known.
pub(crate) const JANE: &str = "+15005550006";
/// What an answer about the known caller says, unless that part is missing.
const OF_JANE: [(&str, &str, &str); 4] = [
    ("crm", "customer_name", "Jane Doe"),
    ("memory", "customer_facts_count", "2"),
    ("slots", "has_availability", "yes"),
    ("appointments", "existing_appointments_count", "1"),
];

/// All that was told during one trouble.
#[derive(Default)]
pub(crate) struct Judged(Vec<Told>);

impl Judged {
    /// Fails unless each answer is complete and honest.
    pub(crate) fn new(told: Vec<Told>) -> Self {
        told.iter().for_each(judge);
        Self(told)
    }

    /// All that was told during both.
    pub(crate) fn add(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Fails unless each of these parts is named by some answer.
    pub(crate) fn name(&self, parts: &[&str]) {
        let named = self.named();
        for part in parts {
            assert!(named.contains_key(part), "{part} is missing and nobody says so: {named:?}");
        }
    }

    /// How many answers name this part.
    pub(crate) fn lacking(&self, part: &str) -> usize {
        self.named().get(part).copied().unwrap_or_default()
    }

    /// How many there are, the time of the 99th in a hundred, and what was named.
    pub(crate) fn summary(&self) -> String {
        let mut all: Vec<Duration> = self.0.iter().map(|told| told.took).collect();
        all.sort_unstable();
        let at = |share: usize| all.get((all.len() * share / 100).min(all.len() - 1)).map_or(0, Duration::as_millis);
        let whole = self.0.iter().filter(|told| told.missing().is_empty()).count();
        let (p50, p99, max) = (at(50), at(99), at(100));
        format!("{} answers, {whole} whole; ms p50 {p50}, p99 {p99}, max {max}; missing {:?}", all.len(), self.named())
    }

    /// How many answers name each part that any of them names.
    fn named(&self) -> BTreeMap<&str, usize> {
        let mut named = BTreeMap::new();
        self.0.iter().flat_map(Told::missing).for_each(|part| *named.entry(part).or_default() += 1);
        named
    }
}

fn judge(told: &Told) {
    assert_eq!(told.status, 200, "{told:?}");
    let names: BTreeSet<&str> = told.variables.keys().map(String::as_str).collect();
    let expected: BTreeSet<&str> = answer::VARIABLES.iter().map(|(name, ..)| *name).chain([DECLARED]).collect();
    assert_eq!(names, expected, "the names don't depend on what is broken");
    let missing = told.missing();
    assert!(missing.iter().all(|part| PARTS.contains(part)), "{missing:?}");
    let said = |name: &str| told.variables[name].as_str();
    assert_eq!(said("system_prompt").is_empty(), missing.contains(&"prompt"), "{told:?}");
    if told.caller.from == JANE {
        for (part, name, value) in OF_JANE {
            let (here, named) = (said(name) == value, missing.contains(&part));
            // Some of a week's days may be here while others are missing.
            let partly = part == "slots" && here && named;
            assert!(here != named || partly, "{name} and {part} in {told:?}");
        }
    }
}
