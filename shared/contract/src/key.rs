//! The event key: one event's identity in the broker, the inbox and the archive.
//!
//! Derived from content alone, so a redelivery and a replay have the key of the first delivery. Never a stream sequence.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;
use uuid::Uuid;

use crate::{OrgId, Source};

/// 128 bits: SHA-256 over the length-prefixed (org, source, channel, event id), cut and marked as a UUID version 8
/// (RFC 9562 § 5.8), so that Postgres stores it in 16 bytes and people can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey(Uuid);

impl EventKey {
    /// The key of the event `id` that `source` reported for `org` on `channel` (empty where the source has one URL per org).
    #[must_use]
    pub fn new(org: &OrgId, source: Source, channel: &str, id: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [org.as_str(), source.as_str(), channel, id] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let hash = context.finish();
        let mut half = [0; 16];
        half.copy_from_slice(&hash.as_ref()[..16]);
        Self(uuid::Builder::from_custom_bytes(half).into_uuid())
    }

    /// The key as Postgres stores it.
    #[must_use]
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for EventKey {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for EventKey {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_event_has_the_same_key_and_a_shifted_boundary_another() {
        let org: OrgId = "demo".parse().unwrap();
        let key = |channel, id| EventKey::new(&org, Source::RETELL, channel, id);
        assert_eq!(key("", "retell:call_ended:c1"), key("", "retell:call_ended:c1"));
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_ne!(key("", "x"), EventKey::new(&"other".parse().unwrap(), Source::RETELL, "", "x"));
    }

    #[test]
    fn a_key_never_changes_between_versions_of_this_code() {
        let key = EventKey::new(&"demo".parse().unwrap(), Source::RETELL, "", "retell:call_ended:c1");
        assert_eq!(key.to_string().parse::<EventKey>().unwrap(), key);
        assert_eq!(key.to_string(), "2e71753a-4448-8c8b-b719-7ac048dd6894");
    }
}
