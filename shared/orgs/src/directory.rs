//! All orgs at one moment, with what could be read of their secrets.
//!
//! Refuses to tell a source without secrets from one whose secrets can't be read as the same thing.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, OnceLock},
};

use contract::{OrgId, Source};
use secrecy::SecretString;

use crate::{
    draft::Orgs,
    model::{Branch, Channel, ChannelKind, Org, SourceConfig},
    secrets::SecretRef,
    vault::{Need, Vault},
    vendor::{self, Account, LiveVendor},
};

/// The source whose secrets are the keys of an org's own code.
const API: &str = "api";

/// All orgs at one moment. Never changes; ask [`crate::Live::directory`] again for a newer one.
#[derive(Debug, Default)]
pub struct Directory {
    orgs: HashMap<OrgId, LiveOrg>,
    /// Whose agent and whose HighLevel location it is; nobody's that two orgs claim.
    agents: HashMap<String, Option<OrgId>>,
    locations: HashMap<String, Option<OrgId>>,
}

/// An org with the secrets of its sources and vendors.
#[derive(Debug)]
pub struct LiveOrg {
    /// The org.
    pub org: Arc<Org>,
    secrets: BTreeMap<String, Vec<SecretString>>,
    /// Sources of which not every secret could be read.
    incomplete: BTreeSet<String>,
    accounts: BTreeMap<String, Account>,
    /// See [`LiveOrg::once`].
    made: OnceLock<Arc<dyn Any + Send + Sync>>,
}

/// What a source's requests for an org can be verified with.
#[derive(Debug)]
pub enum Secrets<'a> {
    /// The org does not name this source.
    NotConfigured,
    /// It names the source, but none of its secrets could be read yet: nothing can be verified, so nothing may be refused for good.
    Unreadable,
    /// Newest first; all are valid.
    Readable {
        /// The secrets; none where the source's own key is known and the org names no other.
        secrets: &'a [SecretString],
        /// Whether these are all: if not, what none of them signed may still be authentic.
        complete: bool,
    },
}

impl Directory {
    /// The org of this id, if there is one.
    #[must_use]
    pub fn org(&self, id: &OrgId) -> Option<&LiveOrg> {
        self.orgs.get(id)
    }

    /// All orgs, in no order.
    pub fn orgs(&self) -> impl Iterator<Item = &LiveOrg> {
        self.orgs.values()
    }

    pub(crate) fn new(orgs: &Orgs, vault: &Vault) -> Self {
        let orgs: HashMap<_, _> = orgs.iter().map(|(id, org)| (id.clone(), LiveOrg::new(org, vault))).collect();
        let agents = orgs.iter().flat_map(|(id, org)| {
            let agents = org.org.channels.iter().filter(|channel| channel.kind == ChannelKind::Agent);
            agents.map(move |channel| (channel.address.as_str(), id))
        });
        let locations = orgs.iter().filter_map(|(id, org)| Some((org.vendor("highlevel")?.text("location_id")?, id)));
        let (agents, locations) = (owners(agents), owners(locations));
        Self { orgs, agents, locations }
    }

    pub(crate) fn len(&self) -> usize {
        self.orgs.len()
    }

    /// The org that this voice agent speaks for.
    #[must_use]
    pub fn org_of_agent(&self, agent_id: &str) -> Option<&LiveOrg> {
        self.org(self.agents.get(agent_id)?.as_ref()?)
    }

    /// The org whose account at HighLevel this location is.
    #[must_use]
    pub fn org_of_location(&self, location_id: &str) -> Option<&LiveOrg> {
        self.org(self.locations.get(location_id)?.as_ref()?)
    }
}

impl LiveOrg {
    fn new(org: &Arc<Org>, vault: &Vault) -> Self {
        let known = |references: &[SecretRef]| references.iter().filter_map(|r| vault.get(r).cloned()).collect();
        let secrets: BTreeMap<String, Vec<SecretString>> =
            org.sources.iter().map(|(name, source)| (name.clone(), known(&source.secrets))).collect();
        let lacks = |(name, source): (&String, &SourceConfig)| {
            (secrets[name].len() < source.secrets.len()).then(|| name.clone())
        };
        let incomplete = org.sources.iter().filter_map(lacks).collect();
        let accounts =
            org.vendors.iter().map(|(name, settings)| (name.clone(), Account::new(settings, vault))).collect();
        Self { org: org.clone(), secrets, incomplete, accounts, made: OnceLock::new() }
    }

    /// What `make` makes of this org, made at the first time and kept until the directory is read anew. For one type: what
    /// others ask for is made each time, and a mistake.
    pub fn once<T: Send + Sync + 'static>(&self, make: impl Fn(&Self) -> T) -> Arc<T> {
        let made = self.made.get_or_init(|| Arc::new(make(self)));
        Arc::clone(made).downcast().unwrap_or_else(|_| {
            debug_assert!(false, "another type is kept");
            Arc::new(make(self))
        })
    }

    /// What requests of this source are verified with.
    #[must_use]
    pub fn secrets(&self, source: Source) -> Secrets<'_> {
        self.secrets_of(source.as_str())
    }

    /// What the requests of the org's own code bear. Not a [`Source`], as it asks and sends no events.
    #[must_use]
    pub fn api_keys(&self) -> Secrets<'_> {
        self.secrets_of(API)
    }

    fn secrets_of(&self, source: &str) -> Secrets<'_> {
        let named = self.org.sources.get(source).is_some_and(|config| !config.secrets.is_empty());
        match self.secrets.get(source).map(Vec::as_slice) {
            None => Secrets::NotConfigured,
            Some([]) if !named => Secrets::Readable { secrets: &[], complete: true },
            Some([]) => Secrets::Unreadable,
            Some(secrets) => Secrets::Readable { secrets, complete: !self.incomplete.contains(source) },
        }
    }

    /// The org's account with this vendor, if it names one.
    #[must_use]
    pub fn vendor(&self, name: &str) -> Option<LiveVendor<'_>> {
        Some(LiveVendor::new(self.org.vendors.get(name)?, self.accounts.get(name)?))
    }

    /// The channel of this address, if the org has it. A phone's address is its number in E.164.
    #[must_use]
    pub fn channel(&self, kind: ChannelKind, address: &str) -> Option<&Channel> {
        self.org.channels.iter().find(|channel| channel.kind == kind && channel.address == address)
    }

    /// The branch of this id, if the org has it.
    #[must_use]
    pub fn branch(&self, id: &str) -> Option<&Branch> {
        self.org.branches.iter().find(|branch| branch.id == id)
    }
}

/// Whose each name is; nobody's that two orgs claim.
fn owners<'a>(claims: impl Iterator<Item = (&'a str, &'a OrgId)>) -> HashMap<String, Option<OrgId>> {
    let mut owners: HashMap<String, Option<OrgId>> = HashMap::new();
    for (name, org) in claims {
        let owner = owners.entry(name.to_owned()).or_insert_with(|| Some(org.clone()));
        if owner.as_ref() != Some(org) {
            *owner = None;
        }
    }
    owners
}

/// Everything of an org that the vault has to read, and what for.
pub(crate) fn references(org: &Org) -> impl Iterator<Item = (SecretRef, Need)> {
    let of_sources = org.sources.iter().flat_map(|(name, source)| {
        let need = if name == API { Need::Serve } else { Need::Verify };
        source.secrets.iter().map(move |reference| (reference.clone(), need))
    });
    of_sources.chain(org.vendors.values().flat_map(vendor::references))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn live(json: serde_json::Value, vault: &Vault) -> LiveOrg {
        LiveOrg::new(&Arc::new(serde_json::from_value(json).unwrap()), vault)
    }

    #[test]
    fn channels_and_branches_are_found_by_what_names_them() {
        let channel = |kind: &str, branch: &str| serde_json::json!({"kind": kind, "address": "a", "branch": branch});
        let org = serde_json::json!({
            "id": "demo", "name": "Demo",
            "branches": [{"id": "main", "time_zone": "UTC"}, {"id": "east", "time_zone": "Asia/Tokyo"}],
            "channels": [channel("agent", "main"), channel("webhook", "east")],
        });
        let org = live(org, &Vault::default());
        assert_eq!(org.channel(ChannelKind::Webhook, "a").unwrap().branch, "east");
        assert_eq!(org.channel(ChannelKind::Agent, "a").unwrap().branch, "main");
        assert!(org.channel(ChannelKind::Agent, "b").is_none());
        assert!(org.channel(ChannelKind::Phone, "a").is_none());
        assert_eq!(org.branch("east").unwrap().time_zone, chrono_tz::Asia::Tokyo);
        assert!(org.branch("west").is_none());
    }

    #[test]
    fn an_agent_and_a_location_tell_the_org_unless_two_claim_it() {
        let org = |id: &str, agent: &str, location: &str| -> Arc<Org> {
            let org = serde_json::json!({
                "id": id, "name": id,
                "channels": [{"kind": "agent", "address": agent, "branch": "main"}, {"kind": "webhook", "address": "hook", "branch": "main"}],
                "vendors": {"highlevel": {"location_id": location}},
            });
            Arc::new(serde_json::from_value(org).unwrap())
        };
        let orgs = [org("a", "agent_a", "loc_a"), org("b", "agent_b", "both"), org("c", "agent_c", "both")];
        let orgs: Orgs = Arc::new(orgs.into_iter().map(|org| (org.id.clone(), org)).collect());
        let directory = Directory::new(&orgs, &Vault::default());
        let id = |org: Option<&LiveOrg>| org.map(|org| org.org.id.to_string());
        assert_eq!(id(directory.org_of_agent("agent_b")).as_deref(), Some("b"));
        assert_eq!(id(directory.org_of_location("loc_a")).as_deref(), Some("a"));
        for nobody in [directory.org_of_agent("hook"), directory.org_of_location("both"), directory.org_of_location("")]
        {
            assert_eq!(id(nobody), None);
        }
    }

    #[test]
    fn api_keys_are_their_own_and_told_from_none() {
        let with = |sources: serde_json::Value, vault: &Vault| {
            live(serde_json::json!({"id": "demo", "name": "Demo", "sources": sources}), vault)
        };
        let api = || serde_json::json!({"api": {"secrets": ["env:NEW", "env:OLD"]}});
        let none = with(serde_json::json!({"retell": {"secrets": ["env:NEW"]}}), &Vault::holding(&[("env:NEW", "1")]));
        assert!(matches!(none.api_keys(), Secrets::NotConfigured));
        assert!(matches!(with(api(), &Vault::default()).api_keys(), Secrets::Unreadable));
        let old = with(api(), &Vault::holding(&[("env:OLD", "1")]));
        assert!(matches!(old.api_keys(), Secrets::Readable { secrets: [_], complete: false }));
        let both = with(api(), &Vault::holding(&[("env:OLD", "1"), ("env:NEW", "2")]));
        let Secrets::Readable { secrets, complete: true } = both.api_keys() else { panic!("both can be read") };
        assert_eq!(secrets.iter().map(ExposeSecret::expose_secret).collect::<Vec<_>>(), ["2", "1"], "newest first");
        assert!(matches!(both.secrets(Source::RETELL), Secrets::NotConfigured));
    }

    #[test]
    fn a_source_that_needs_no_secret_is_told_from_one_whose_secret_cannot_be_read() {
        let with = |secrets: serde_json::Value| {
            let sources = serde_json::json!({"highlevel": {"secrets": secrets}});
            live(serde_json::json!({"id": "demo", "name": "Demo", "sources": sources}), &Vault::default())
        };
        let none = with(serde_json::json!([]));
        assert!(matches!(none.secrets(Source::HIGHLEVEL), Secrets::Readable { secrets: [], complete: true }));
        let unreadable = with(serde_json::json!(["env:KEY"]));
        assert!(matches!(unreadable.secrets(Source::HIGHLEVEL), Secrets::Unreadable));
    }

    #[test]
    fn each_reference_is_read_for_what_it_is_needed_for() {
        let org: Org = serde_json::from_value(serde_json::json!({
            "id": "demo", "name": "Demo",
            "sources": {"api": {"secrets": ["env:API"]}, "retell": {"secrets": ["env:RETELL"]}},
            "vendors": {"zep": {"token": "env:ZEP"}},
        }))
        .unwrap();
        let asked: Vec<_> = references(&org).map(|(reference, need)| (reference.to_string(), need)).collect();
        let expected = [("env:API", Need::Serve), ("env:RETELL", Need::Verify), ("env:ZEP", Need::Serve)];
        assert_eq!(asked, expected.map(|(reference, need)| (reference.to_owned(), need)));
    }
}
