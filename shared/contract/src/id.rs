//! Names of customers and of the systems that call us, in the only spelling that is allowed.
//!
//! Refuses upper case, dots, blanks and wildcards: every name is also a subject token.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// A name that breaks the rule it quotes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not {expected}")]
pub struct Unnamed {
    /// What was given.
    pub name: String,
    /// The rule, readable after "is not".
    pub expected: &'static str,
}

/// A customer of the platform: `[a-z0-9][a-z0-9_-]{0,31}`, or `_` for events whose org can't be told.
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrgId(Arc<str>);

impl OrgId {
    /// The longest org id, in bytes.
    pub const BYTES_MAX: usize = 32;

    /// The reserved org of events that arrive on an app-wide URL and name no org of ours.
    #[must_use]
    pub fn unknown() -> Self {
        Self("_".into())
    }

    /// The id as written in URLs, subjects and tables.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OrgId {
    type Err = Unnamed;

    fn from_str(name: &str) -> Result<Self, Unnamed> {
        let fits = !name.is_empty() && name.len() <= Self::BYTES_MAX;
        let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if name == "_" || (fits && starts && name.bytes().all(is_token_byte)) {
            return Ok(Self(name.into()));
        }
        Err(Unnamed { name: name.to_owned(), expected: "an org id: [a-z0-9][a-z0-9_-]{0,31}" })
    }
}

impl TryFrom<String> for OrgId {
    type Error = Unnamed;

    fn try_from(name: String) -> Result<Self, Unnamed> {
        name.parse()
    }
}

impl From<OrgId> for String {
    fn from(org: OrgId) -> Self {
        org.0.as_ref().to_owned()
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who made an event: a provider that calls us, or one of our own services. A subject token of at most 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source(&'static str);

impl Source {
    /// Retell AI: calls and chats of a voice agent.
    pub const RETELL: Self = Self("retell");
    /// HighLevel: contacts and appointments.
    pub const HIGHLEVEL: Self = Self("highlevel");
    /// ElevenLabs: calls of a voice agent.
    pub const ELEVENLABS: Self = Self("elevenlabs");
    /// WhatsApp, through Evolution API.
    pub const WHATSAPP: Self = Self("whatsapp");
    /// Cal.com: appointments.
    pub const CALCOM: Self = Self("calcom");
    /// Any other sender, by Standard Webhooks.
    pub const WEBHOOK: Self = Self("webhook");
    /// Our own log-worker, once its rows are committed.
    pub const LOG_WORKER: Self = Self("log-worker");
    /// Our own answer service, of each live call it has answered.
    pub const ANSWER: Self = Self("answer");
    /// Our own crm-worker, when it asks itself to push a contact.
    pub const CRM_WORKER: Self = Self("crm-worker");
    /// Our own refresh-worker, once a memory can be read back.
    pub const REFRESH_WORKER: Self = Self("refresh-worker");
    /// Our own invalidate-worker, once an invalidation has reached everybody.
    pub const INVALIDATE_WORKER: Self = Self("invalidate-worker");

    /// Every source there is; a name outside this list is refused.
    pub const ALL: [Self; 11] = [
        Self::RETELL,
        Self::HIGHLEVEL,
        Self::ELEVENLABS,
        Self::WHATSAPP,
        Self::CALCOM,
        Self::WEBHOOK,
        Self::LOG_WORKER,
        Self::ANSWER,
        Self::CRM_WORKER,
        Self::REFRESH_WORKER,
        Self::INVALIDATE_WORKER,
    ];

    /// Whether it tells what follows from an event that was acknowledged before, and so makes room in the end.
    #[must_use]
    pub fn follows(self) -> bool {
        [Self::LOG_WORKER, Self::CRM_WORKER, Self::REFRESH_WORKER, Self::INVALIDATE_WORKER].contains(&self)
    }

    /// The name as written in subjects, tables and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for Source {
    type Err = Unnamed;

    fn from_str(name: &str) -> Result<Self, Unnamed> {
        let known = Self::ALL.into_iter().find(|source| source.0 == name);
        known.ok_or_else(|| Unnamed { name: name.to_owned(), expected: "a source we know" })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Whether a byte may stand in a subject token: `[a-z0-9_-]`.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_org_id_is_a_short_lower_case_token() {
        for good in ["demo", "a", "0-1_b", &"x".repeat(32), "_"] {
            assert!(good.parse::<OrgId>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "_a", "Demo", "a.b", "a*", "a b", "é", &"x".repeat(33)] {
            assert!(bad.parse::<OrgId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_source_is_a_subject_token_and_parses_back() {
        for source in Source::ALL {
            assert!(source.as_str().bytes().all(is_token_byte));
            assert_eq!(source.as_str().parse(), Ok(source));
        }
    }
}
