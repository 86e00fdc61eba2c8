//! What the values of `[org.source.NAME]` and `[org.vendor.NAME]` mean: whoever calls us, and whom we call.
//!
//! Refuses secrets that are no references and never repeats one; of the vendors it knows by their fields it refuses fields
//! without a meaning and misses those they need.

use std::collections::BTreeMap;

use super::Checker;
use crate::{
    base_url::BaseUrl,
    entry::{Lined, OrgEntry, SourceEntry, VendorEntry},
    file::SECRETS,
    model::{Setting, SourceConfig},
    secrets::{NotAReference, SecretRef, holds_secret},
};

/// Most secrets of one source: each unsigned request costs one hash per secret.
pub const SECRETS_MAX: usize = 16;

/// Most public keys of one source: the present one and the next.
const PUBLIC_KEYS_MAX: usize = 2;
const HIGHLEVEL: &str = "highlevel";

/// Who may call us. More than this version has URLs for, so that a file can be ready before its services are. `api` is the
/// org's own code, which asks and sends no events.
const SOURCES: [&str; 7] = ["retell", "elevenlabs", "whatsapp", "calcom", "highlevel", "webhook", "api"];
/// Whom we call.
const VENDORS: [&str; 7] = ["highlevel", "zep", "mem0", "langfuse", "calcom", "hubspot", "anthropic"];
/// The vendors that are known by their fields; what the others mean is not judged yet.
const ACCOUNTS: [Account; 6] = [
    Account {
        vendor: "highlevel",
        needed: &["token", "location_id"],
        optional: &["tags", "last_call_id_field", "last_call_at_field"],
    },
    Account {
        vendor: "hubspot",
        needed: &["token"],
        optional: &["phone_property", "tags_property", "tags", "last_call_id_property", "last_call_at_property"],
    },
    Account { vendor: "zep", needed: &["token"], optional: &[] },
    Account { vendor: "calcom", needed: &["token"], optional: &[] },
    Account { vendor: "mem0", needed: &["token"], optional: &[] },
    Account {
        vendor: "langfuse",
        needed: &["public_key", "secret_key"],
        optional: &["prompt_known", "prompt_unknown", "label"],
    },
];

/// The fields of an account, all of them texts. Every vendor may have a `base_url` beside them.
struct Account {
    vendor: &'static str,
    needed: &'static [&'static str],
    optional: &'static [&'static str],
}

impl Account {
    fn of(vendor: &str) -> Option<&'static Self> {
        ACCOUNTS.iter().find(|account| account.vendor == vendor)
    }

    fn fields(&self) -> Vec<&'static str> {
        self.needed.iter().chain(self.optional).copied().chain(["base_url"]).collect()
    }
}

impl Checker<'_> {
    pub(super) fn source(&mut self, entry: &SourceEntry) -> Option<(String, SourceConfig)> {
        self.known(&entry.place, &entry.name, "source", &SOURCES);
        let written = entry.secrets.as_ref()?;
        let (least, most) = if entry.field == SECRETS { (1, SECRETS_MAX) } else { (0, PUBLIC_KEYS_MAX) };
        if !(least..=most).contains(&written.len()) {
            let problem = format!("has {} references, not {least} to {most}", written.len());
            self.faults.add(entry.place.line, entry.place.field(entry.field), problem);
        }
        let secrets =
            written.iter().filter_map(|text| self.parsed::<SecretRef>(&entry.place, entry.field, text)).collect();
        Some((entry.name.clone(), SourceConfig { secrets }))
    }

    /// What HighLevel signs does not say for whom: only the org's own location tells.
    pub(super) fn locations(&mut self, entry: &OrgEntry) {
        let vendor = entry.vendors.iter().any(|vendor| vendor.name == HIGHLEVEL);
        for source in entry.sources.iter().filter(|source| source.name == HIGHLEVEL && !vendor) {
            let problem = "needs [org.vendor.highlevel] with the location_id that its events are about";
            self.faults.astray(source.place.line, &source.place.name, problem);
        }
    }

    pub(super) fn vendor(&mut self, entry: &VendorEntry) -> Option<(String, BTreeMap<String, Setting>)> {
        self.known(&entry.place, &entry.name, "vendor", &VENDORS);
        let account = Account::of(&entry.name);
        for (field, setting) in &entry.settings {
            if let Some(problem) = setting_fault(account, field, &setting.value) {
                self.faults.add(setting.line, entry.place.field(field), problem);
            }
        }
        for field in account.map_or(&[][..], |account| account.needed) {
            if !entry.settings.iter().any(|(written, _)| written == field) {
                let problem = format!("is missing; an account at {} needs it", entry.name);
                self.faults.astray(entry.place.line, entry.place.field(field), problem);
            }
        }
        let plain = |(field, setting): &(String, Lined<Setting>)| (field.clone(), setting.value.clone());
        Some((entry.name.clone(), entry.settings.iter().map(plain).collect()))
    }
}

/// What is wrong with one setting of a vendor; never says its value.
fn setting_fault(account: Option<&Account>, field: &str, setting: &Setting) -> Option<String> {
    if let Some(account) = account.filter(|account| !account.fields().contains(&field)) {
        let fields = account.fields().join(", ");
        return Some(format!("is not a field of {}; here: {fields}", account.vendor));
    }
    match setting {
        Setting::Text(text) if field == "base_url" => text.parse::<BaseUrl>().err().map(|error| error.to_string()),
        Setting::Text(text) if holds_secret(field) => text.parse::<SecretRef>().err().map(|error| error.to_string()),
        _ if holds_secret(field) => Some(NotAReference.to_string()),
        Setting::Text(text) => (account.is_some() && text.trim().is_empty())
            .then(|| "is empty: write it or leave the field out".to_owned()),
        _ => (account.is_some() || field == "base_url").then(|| "should be a text".to_owned()),
    }
}
