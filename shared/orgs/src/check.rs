//! What the values of orgs.toml mean, alone and together.
//!
//! Refuses names nobody uses, addresses that lead to two places, and secrets that are no references; says all of it at once.

mod account;
mod branch;
mod channel;

use std::collections::HashMap;

use contract::OrgId;

pub use self::account::SECRETS_MAX;
use crate::{
    entry::{Lined, OrgEntry, Place},
    fault::{Fault, Faults},
    file,
    model::{ChannelKind, Org},
};

/// Largest file, in bytes: ten thousand orgs of usual size, and a parse within a second.
pub const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most orgs in a file: what one bucket watch delivers at the boot of ingress in about a second.
pub const ORGS_MAX: usize = 10_000;
/// Largest org as JSON, in bytes: it travels as one broker message, whose limit is higher.
pub const ORG_BYTES_MAX: usize = 256 * 1024;
/// Longest name or address, in bytes: it stands in table rows, URLs and spoken sentences.
const NAME_BYTES_MAX: usize = 128;
/// Reads and checks the text of an orgs.toml.
///
/// # Errors
/// All its faults, in the order of the file.
pub fn check(text: &str) -> Result<Vec<Org>, Vec<Fault>> {
    let mut faults = Faults::default();
    if text.len() > FILE_BYTES_MAX {
        faults.add(1, "", format!("the file has {} bytes, the limit is {FILE_BYTES_MAX}", text.len()));
        return faults.done().map(|()| Vec::new());
    }
    let entries = file::entries(text, &mut faults);
    match entries.len() {
        // The file is the whole truth: applied, an empty one would remove every org.
        0 if faults.is_empty() => faults.add(1, "", "the file names no [[org]]"),
        0..=ORGS_MAX => {}
        many => {
            let problem = format!("the file has {many} orgs, the limit is {ORGS_MAX}");
            faults.add(entries[ORGS_MAX].place.line, "", problem);
        }
    }
    let mut checker = Checker { faults: &mut faults, ids: HashMap::new(), owners: HashMap::new() };
    let orgs = entries.iter().filter_map(|entry| checker.org(entry)).collect();
    faults.done().map(|()| orgs)
}

struct Checker<'f> {
    faults: &'f mut Faults,
    /// The line of each org id.
    ids: HashMap<OrgId, usize>,
    /// Org and line of each address that means the same for everyone.
    owners: HashMap<(ChannelKind, String), (String, usize)>,
}

impl Checker<'_> {
    fn org(&mut self, entry: &OrgEntry) -> Option<Org> {
        let id = entry.id.as_ref().and_then(|id| self.org_id(&entry.place, id));
        let name = entry.name.as_ref().and_then(|name| self.name(&entry.place, "name", name));
        let branches = self.branches(entry);
        let channels = self.channels(entry);
        let sources = entry.sources.iter().filter_map(|source| self.source(source)).collect();
        self.locations(entry);
        let vendors = entry.vendors.iter().filter_map(|vendor| self.vendor(vendor)).collect();
        let org = Org { id: id?, name: name?, branches, channels, sources, vendors };
        let bytes = serde_json::to_vec(&org).map_or(0, |json| json.len());
        if bytes > ORG_BYTES_MAX {
            let problem = format!("takes {bytes} bytes as JSON, the limit is {ORG_BYTES_MAX}");
            self.faults.add(entry.place.line, &entry.place.name, problem);
        }
        Some(org)
    }

    fn org_id(&mut self, place: &Place, id: &Lined<String>) -> Option<OrgId> {
        let parsed: OrgId = self.parsed(place, "id", id)?;
        if parsed == OrgId::unknown() {
            self.faults.add(id.line, place.field("id"), "is reserved for events whose org can't be told");
            return None;
        }
        if let Some(first) = self.ids.get(&parsed) {
            self.faults.add(id.line, place.field("id"), format!("is taken by the org of line {first}"));
            return None;
        }
        self.ids.insert(parsed.clone(), id.line);
        Some(parsed)
    }

    fn known(&mut self, place: &Place, name: &str, what: &str, known: &[&str]) {
        if !known.contains(&name) {
            let problem = format!("is not a {what} we know: {}", known.join(", "));
            self.faults.add(place.line, &place.name, problem);
        }
    }

    /// A name people read or hear.
    fn name(&mut self, place: &Place, field: &str, name: &Lined<String>) -> Option<String> {
        let trimmed = name.value.trim();
        if trimmed.is_empty() || trimmed.len() > NAME_BYTES_MAX || trimmed.contains(char::is_control) {
            let problem = format!("is not a name of 1 to {NAME_BYTES_MAX} bytes without control characters");
            self.faults.add(name.line, place.field(field), problem);
            return None;
        }
        Some(trimmed.to_owned())
    }

    fn parsed<T>(&mut self, place: &Place, field: &str, text: &Lined<String>) -> Option<T>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        match text.value.parse() {
            Ok(value) => Some(value),
            Err(problem) => {
                self.faults.add(text.line, place.field(field), problem.to_string());
                None
            }
        }
    }
}

/// Whether a text may stand in a URL as it is, and is no longer than a name may be.
fn is_address(text: &str) -> bool {
    let visible = text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b'?' | b'#' | b'%'));
    visible && (1..=NAME_BYTES_MAX).contains(&text.len())
}
