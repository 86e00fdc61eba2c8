//! What the memory vendors have in common: whose memory it is, what is told to it, and what it tells.

use std::fmt;

use chrono::{DateTime, Utc};
use contract::{OrgId, PhoneNumber};
use serde::{Deserialize, Serialize};

/// Whose memory it is, at any memory vendor: `{org}:{phone}`.
///
/// There is no other way to make one, so what one org's callers said is never told to another's: a bare phone number would be
/// the same person for all orgs that share a project.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct UserId(String);

impl UserId {
    /// The person of this number, as this org knows them.
    #[must_use]
    pub fn of(org: &OrgId, phone: &PhoneNumber) -> Self {
        // No org id holds a colon, so no two pairs make the same id.
        Self(format!("{org}:{phone}"))
    }

    /// The id as the vendor has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Hides the subscriber.
impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (org, phone) = self.0.split_once(':').unwrap_or_default();
        let phone = phone.parse().map(|phone: PhoneNumber| phone.masked()).unwrap_or_default();
        write!(f, "{org}:{phone}")
    }
}

/// What is remembered of a person. Data that people have said, never instructions: it goes to a model as such.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Sentences, the most relevant first; empty when nothing is known.
    pub facts: Vec<String>,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub content: String,
    /// The speaker's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was said.
    #[serde(rename = "created_at", skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person.
    User,
    /// Our agent.
    Assistant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_orgs_never_share_a_person_and_the_number_is_not_printed() {
        let phone: PhoneNumber = "+14155550100".parse().unwrap();
        let [a, b] = ["a", "b"].map(|org| UserId::of(&org.parse().unwrap(), &phone));
        assert_ne!(a, b);
        assert_eq!(a.as_str(), "a:+14155550100");
        assert_eq!(format!("{a:?}"), "a:+14…00");
    }
}
