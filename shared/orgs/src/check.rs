//! What the values of orgs.toml mean, alone and together.
//!
//! Refuses names nobody uses, addresses that lead to two places, and secrets that are no references; says all of it at once.

use std::collections::{BTreeMap, HashMap};

use contract::{OrgId, PhoneNumber};

use crate::{
    fault::{Fault, Faults},
    file::{self, BranchEntry, ChannelEntry, DayEntry, Lined, OrgEntry, Place, SourceEntry, VendorEntry},
    hours::Opening,
    model::{Branch, Channel, ChannelKind, Org, Setting, SourceConfig},
    secrets::SecretRef,
};

/// Largest file, in bytes: ten thousand orgs of usual size, and a parse within a second.
pub const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most orgs in a file: what one bucket watch delivers at the boot of ingress in about a second.
pub const ORGS_MAX: usize = 10_000;
/// Largest org as JSON, in bytes: it travels as one broker message, whose limit is higher.
pub const ORG_BYTES_MAX: usize = 256 * 1024;
/// Most secrets of one source: each unsigned request costs one hash per secret.
pub const SECRETS_MAX: usize = 16;
/// Longest name or address, in bytes: it stands in table rows, URLs and spoken sentences.
const NAME_BYTES_MAX: usize = 128;
/// Longest branch id, in bytes: as for orgs.
const BRANCH_BYTES_MAX: usize = OrgId::BYTES_MAX;

/// Who may call us. More than this version has URLs for, so that a file can be ready before its services are.
const SOURCES: [&str; 6] = ["retell", "elevenlabs", "whatsapp", "calcom", "highlevel", "webhook"];
/// Whom we call.
const VENDORS: [&str; 7] = ["highlevel", "zep", "mem0", "langfuse", "calcom", "hubspot", "anthropic"];
/// Fields of a vendor with such a name, or a name that ends in `_` and such a name, hold a secret reference.
const SECRET_FIELDS: [&str; 5] = ["token", "api_key", "secret", "secret_key", "password"];

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
        let branches = self.branches(&entry.branches);
        let channels = self.channels(entry);
        let sources = entry.sources.iter().filter_map(|source| self.source(source)).collect();
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

    fn branches(&mut self, entries: &[BranchEntry]) -> Vec<Branch> {
        let mut ids = HashMap::new();
        let mut branches = Vec::new();
        for entry in entries {
            if let Some(id) = &entry.id
                && let Some(first) = ids.insert(id.value.as_str(), id.line)
            {
                self.faults.add(id.line, entry.place.field("id"), format!("is taken by the branch of line {first}"));
            }
            branches.extend(self.branch(entry));
        }
        branches
    }

    fn branch(&mut self, entry: &BranchEntry) -> Option<Branch> {
        let id = entry.id.as_ref().and_then(|id| self.branch_id(&entry.place, id));
        let time_zone = entry.time_zone.as_ref().and_then(|zone| {
            let known = zone.value.parse().ok();
            if known.is_none() {
                let problem = format!("is {:?}, not an IANA time zone such as America/New_York", zone.value);
                self.faults.add(zone.line, entry.place.field("time_zone"), problem);
            }
            known
        });
        let hours = self.days(&entry.hours, |day| day.parse().map_err(|error: contract::Unnamed| error.to_string()));
        let exceptions = self.days(&entry.exceptions, |day| {
            let date = day.parse().ok().filter(|date: &chrono::NaiveDate| date.to_string() == day);
            date.ok_or_else(|| format!("{day:?} is not a date YYYY-MM-DD"))
        });
        Some(Branch { id: id?, time_zone: time_zone?, hours, exceptions })
    }

    fn branch_id(&mut self, place: &Place, id: &Lined<String>) -> Option<String> {
        let starts = id.value.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let token = id.value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        let problem = if !starts || !token || id.value.len() > BRANCH_BYTES_MAX {
            format!("is {:?}, not a branch id: [a-z0-9][a-z0-9_-]{{0,31}}", id.value)
        } else if id.value == "unassigned" {
            "is reserved for calls that reach no branch".to_owned()
        } else {
            return Some(id.value.clone());
        };
        self.faults.add(id.line, place.field("id"), problem);
        None
    }

    fn days<D: Ord>(
        &mut self,
        entries: &[DayEntry],
        parse: impl Fn(&str) -> Result<D, String>,
    ) -> BTreeMap<D, Vec<Opening>> {
        let mut days = BTreeMap::new();
        for entry in entries {
            let openings = self.openings(entry);
            match parse(&entry.day) {
                Ok(day) => drop(days.insert(day, openings)),
                Err(problem) => self.faults.add(entry.place.line, &entry.place.name, problem),
            }
        }
        days
    }

    fn openings(&mut self, entry: &DayEntry) -> Vec<Opening> {
        let mut openings: Vec<Opening> = Vec::new();
        for written in &entry.openings {
            match written.value.parse::<Opening>() {
                Err(problem) => self.faults.add(written.line, &entry.place.name, problem.to_string()),
                Ok(opening) => match openings.iter().find(|other| opening.overlaps(**other)) {
                    Some(other) => {
                        let problem = format!("{opening} overlaps {other}");
                        self.faults.add(written.line, &entry.place.name, problem);
                    }
                    None => openings.push(opening),
                },
            }
        }
        openings.sort_unstable();
        openings
    }

    fn channels(&mut self, org: &OrgEntry) -> Vec<Channel> {
        let mut lines = HashMap::new();
        let mut channels = Vec::new();
        for entry in &org.channels {
            let Some(channel) = self.channel(org, entry) else { continue };
            if let Some(first) = lines.insert((channel.kind, channel.address.clone()), entry.place.line) {
                self.address_taken(entry, format!("is the address of the {} in line {first} too", channel.kind));
            } else if channel.kind.is_worldwide() {
                self.own(org, entry, &channel);
            }
            channels.push(channel);
        }
        channels
    }

    fn channel(&mut self, org: &OrgEntry, entry: &ChannelEntry) -> Option<Channel> {
        let kind = entry.kind.as_ref().and_then(|kind| self.parsed::<ChannelKind>(&entry.place, "kind", kind));
        let address = match (kind?, entry.address.as_ref()?) {
            (ChannelKind::Phone, number) => self.parsed::<PhoneNumber>(&entry.place, "address", number)?.to_string(),
            (_, name) => self.address(&entry.place, name)?,
        };
        let branch = entry.branch.as_ref()?;
        let known = org.branches.iter().filter_map(|branch| branch.id.as_ref()).any(|id| id.value == branch.value);
        if !known {
            let problem = format!("{:?} is not a branch of this org", branch.value);
            self.faults.astray(branch.line, entry.place.field("branch"), problem);
        }
        Some(Channel { kind: kind?, address, branch: branch.value.clone() })
    }

    /// Notes whose address this is; an address that means the same for everyone has one org.
    fn own(&mut self, org: &OrgEntry, entry: &ChannelEntry, channel: &Channel) {
        let owner = (org.place.name.clone(), entry.place.line);
        if let Some((other, line)) = self.owners.insert((channel.kind, channel.address.clone()), owner) {
            let problem = format!("belongs to {other} already (line {line}); a {} has one org", channel.kind);
            self.address_taken(entry, problem);
        }
    }

    fn address_taken(&mut self, entry: &ChannelEntry, problem: String) {
        let line = entry.address.as_ref().map_or(entry.place.line, |address| address.line);
        self.faults.add(line, entry.place.field("address"), problem);
    }

    fn address(&mut self, place: &Place, address: &Lined<String>) -> Option<String> {
        let visible = address.value.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b'?' | b'#' | b'%'));
        if address.value.is_empty() || address.value.len() > NAME_BYTES_MAX || !visible {
            let problem = format!("is not 1 to {NAME_BYTES_MAX} visible ASCII characters that may stand in a URL");
            self.faults.add(address.line, place.field("address"), problem);
            return None;
        }
        Some(address.value.clone())
    }

    fn source(&mut self, entry: &SourceEntry) -> Option<(String, SourceConfig)> {
        self.known(&entry.place, &entry.name, "source", &SOURCES);
        let written = entry.secrets.as_ref()?;
        if written.is_empty() || written.len() > SECRETS_MAX {
            let problem = format!("has {} references, not 1 to {SECRETS_MAX}", written.len());
            self.faults.add(entry.place.line, entry.place.field("secrets"), problem);
        }
        let secrets =
            written.iter().filter_map(|text| self.parsed::<SecretRef>(&entry.place, "secrets", text)).collect();
        Some((entry.name.clone(), SourceConfig { secrets }))
    }

    fn vendor(&mut self, entry: &VendorEntry) -> Option<(String, BTreeMap<String, Setting>)> {
        self.known(&entry.place, &entry.name, "vendor", &VENDORS);
        for (field, setting) in &entry.settings {
            let is_reference = matches!(&setting.value, Setting::Text(text) if text.parse::<SecretRef>().is_ok());
            if holds_secret(field) && !is_reference {
                self.faults.add(setting.line, entry.place.field(field), crate::secrets::NotAReference.to_string());
            }
        }
        let settings = entry.settings.iter().map(|(field, setting)| (field.clone(), setting.value.clone()));
        Some((entry.name.clone(), settings.collect()))
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

fn holds_secret(field: &str) -> bool {
    SECRET_FIELDS.iter().any(|name| field.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('_')))
}
