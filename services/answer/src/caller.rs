//! Who calls whom: the channel by our number, else by the agent, and the caller's number if it is one.
//!
//! Refuses to guess: a call that reaches no channel of the org gets a neutral answer, a withheld one no contact.

use contract::PhoneNumber;
use orgs::{Branch, Channel, ChannelKind, LiveOrg};
use sources::retell::Inbound;

use crate::answer::Asker;

/// What telephone networks write in place of a number that is withheld, in words and as the words' keys on a telephone:
/// ANONYMOUS, RESTRICTED, UNAVAILABLE, UNKNOWN, BLOCKED.
const WITHHELD: [&str; 11] = [
    "anonymous",
    "restricted",
    "unavailable",
    "unknown",
    "blocked",
    "private",
    "+266696687",
    "+7378742833",
    "+86282452253",
    "+8656696",
    "+2562533",
];

/// A call as its question describes it.
pub(crate) struct Call<'a> {
    /// The caller; `None` when withheld or unreadable.
    pub(crate) phone: Option<PhoneNumber>,
    pub(crate) channel: Option<&'a Channel>,
    pub(crate) branch: Option<&'a Branch>,
    /// Whether it reaches the org at all.
    pub(crate) is_ours: bool,
}

impl<'a> Call<'a> {
    /// Of this question. The org's own code may leave out which of its numbers was called where there is but one branch.
    pub(crate) fn new(org: &'a LiveOrg, asker: Asker, asked: &Inbound) -> Self {
        let to = asked.to_number.as_deref();
        let by_number = to.and_then(phone).and_then(|number| org.channel(ChannelKind::Phone, number.as_str()));
        let channel = by_number.or_else(|| org.channel(ChannelKind::Agent, asked.agent_id.as_deref()?));
        let branch = match (channel, org.org.branches.as_slice()) {
            (Some(channel), _) => org.branch(&channel.branch),
            (None, [only]) if matches!(asker, Asker::Api) && to.is_none() => Some(only),
            _ => None,
        };
        let is_ours = channel.is_some() || (matches!(asker, Asker::Api) && to.is_none());
        Self { phone: asked.from_number.as_deref().and_then(phone), channel, branch, is_ours }
    }
}

/// The number, in whatever usual way it is written.
fn phone(text: &str) -> Option<PhoneNumber> {
    let text = text.trim();
    if WITHHELD.iter().any(|withheld| text.eq_ignore_ascii_case(withheld)) {
        return None;
    }
    text.parse().ok()
}
