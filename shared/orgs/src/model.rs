//! One customer as every service knows it: the value in the `orgs` bucket and in the snapshot on disk.
//!
//! Holds references to secrets, never secrets. Unknown fields in its JSON are ignored, so that an older reader understands
//! a newer writer; a field is therefore never renamed, only added with a default.

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono::NaiveDate;
use chrono_tz::Tz;
use contract::{OrgId, Unnamed};
use serde::{Deserialize, Serialize};

use crate::{
    hours::{Day, Opening},
    secrets::SecretRef,
};

/// A customer of the platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Org {
    /// First part of every subject, key and unique index.
    pub id: OrgId,
    /// The business name, as spoken to callers.
    pub name: String,
    /// Its sites; ids are unique within the org.
    #[serde(default)]
    pub branches: Vec<Branch>,
    /// The addresses that reach its branches.
    #[serde(default)]
    pub channels: Vec<Channel>,
    /// Who may call us on its behalf, by the name of the source.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceConfig>,
    /// Whom we call on its behalf: settings by field, by the name of the vendor.
    #[serde(default)]
    pub vendors: BTreeMap<String, BTreeMap<String, Setting>>,
}

/// A site of an org.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Branch {
    /// `[a-z0-9][a-z0-9_-]{0,31}`, never `unassigned`.
    pub id: String,
    /// The zone its days and hours are in.
    pub time_zone: Tz,
    /// Openings by weekday, in order; a day without an entry is closed.
    #[serde(default)]
    pub hours: BTreeMap<Day, Vec<Opening>>,
    /// Openings of single dates, instead of that weekday's; none means closed.
    #[serde(default)]
    pub exceptions: BTreeMap<NaiveDate, Vec<Opening>>,
    /// Where its appointments are kept; without one it books none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Calendar>,
}

/// A calendar at one of the org's vendors, written `VENDOR:ID`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Calendar {
    /// Who keeps it: `highlevel` or `calcom`. The org names this vendor.
    pub vendor: String,
    /// Its id there; visible ASCII that may stand in a URL.
    pub id: String,
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.vendor, self.id)
    }
}

/// An address that reaches a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// What sort of address it is.
    pub kind: ChannelKind,
    /// For a phone its number in E.164, else the name that the source or our URL uses.
    pub address: String,
    /// The id of the branch it reaches.
    pub branch: String,
    /// For a phone or an agent: milliseconds an answer may take, 50 to 5000. Without it the service's own default holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// For a phone or an agent: what its prompt expects beside the variables that every answer has, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Variable>,
    /// For a phone or an agent: its first words.
    #[serde(default, skip_serializing_if = "Greeting::is_silent")]
    pub greeting: Greeting,
    /// For a webhook: where its bodies name what happened, members within members with a dot between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_field: Option<String>,
}

/// A variable that a channel adds to its answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Its value while nothing else gives one.
    pub default: String,
    /// Longest value, in characters, 1 to 10,000; see [`Variable::chars_max`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<usize>,
}

impl Variable {
    /// Longest value, in characters, of a variable that does not say: a paragraph.
    pub const CHARS_MAX: usize = 500;

    /// Longest value, in characters.
    #[must_use]
    pub fn chars_max(&self) -> usize {
        self.max.unwrap_or(Self::CHARS_MAX)
    }
}

/// The first words of a channel, with `{variable}` wherever a variable's value is to stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// To a caller we know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
    /// To a caller we do not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

impl Greeting {
    fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

/// What sort of address a channel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// A phone number.
    Phone,
    /// A voice agent's id at its provider.
    Agent,
    /// A WhatsApp instance, as in `/v1/{org}/whatsapp/{instance}`.
    Whatsapp,
    /// A sender of Standard Webhooks, as in `/v1/{org}/webhook/{channel}`.
    Webhook,
}

impl ChannelKind {
    /// Every kind there is.
    pub const ALL: [Self; 4] = [Self::Phone, Self::Agent, Self::Whatsapp, Self::Webhook];

    /// The kind as written in the file and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Agent => "agent",
            Self::Whatsapp => "whatsapp",
            Self::Webhook => "webhook",
        }
    }

    /// Whether somebody speaks here and waits for an answer: the kinds that have a deadline, variables and a greeting.
    pub(crate) fn is_spoken(self) -> bool {
        matches!(self, Self::Phone | Self::Agent)
    }

    /// Whether an address of this kind means the same thing whoever asks. The others are names inside an org's own URL.
    pub(crate) fn is_worldwide(self) -> bool {
        matches!(self, Self::Phone | Self::Agent)
    }
}

impl FromStr for ChannelKind {
    type Err = Unnamed;

    fn from_str(name: &str) -> Result<Self, Unnamed> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        known.ok_or_else(|| Unnamed { name: name.to_owned(), expected: "one of phone, agent, whatsapp, webhook" })
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a source's requests are verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceConfig {
    /// Newest first, all valid: a rotation adds the new one in front and drops the old one later. Of a source that signs with
    /// a key of its own these are its public keys; with none, the one that the source has published holds.
    pub secrets: Vec<SecretRef>,
}

/// One field of a vendor's account. What a token-like field holds is a reference, see [`SecretRef`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any other finite number.
    Number(f64),
    /// A text or, in a token-like field, a secret reference.
    Text(String),
}
