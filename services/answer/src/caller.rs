//! Who calls whom: the channel by our number, else by the agent, and the number at the other end if it is one.
//!
//! Refuses to guess: a call that reaches no channel of the org gets a neutral answer, a withheld one no contact.

use std::collections::BTreeSet;

use contract::PhoneNumber;
use orgs::{Branch, Channel, ChannelKind, LiveOrg, Variable};
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
    /// The other end: the caller, on an outbound call the callee; `None` when withheld or unreadable.
    pub(crate) phone: Option<PhoneNumber>,
    pub(crate) channel: Option<&'a Channel>,
    pub(crate) branch: Option<&'a Branch>,
    /// Whether it reaches the org at all.
    pub(crate) is_ours: bool,
    /// What has to be told beside the channel's own variables, each name once.
    pub(crate) also: Vec<Named<'a>>,
}

/// A variable that an agent may expect, and what is known of it.
pub(crate) type Named<'a> = (&'a str, Option<&'a Variable>);

impl<'a> Call<'a> {
    /// Of this question. The org's own code may leave out which of its numbers was called where there is but one branch.
    pub(crate) fn new(org: &'a LiveOrg, asker: Asker, asked: &Inbound) -> Self {
        let (from, to) = (asked.from_number.as_deref(), asked.to_number.as_deref());
        let ours = |number: Option<&str>| org.channel(ChannelKind::Phone, number.and_then(phone)?.as_str());
        // ElevenLabs asks before the calls that its agents make, too.
        let outbound = matches!(asker, Asker::ElevenLabs) && ours(to).is_none() && ours(from).is_some();
        let (our_end, other_end) = if outbound { (from, to) } else { (to, from) };
        let agent = asked.agent_id.as_deref().and_then(|agent| org.channel(ChannelKind::Agent, agent));
        let channel = ours(our_end).or(agent);
        let branch = match (channel, org.org.branches.as_slice()) {
            (Some(channel), _) => org.branch(&channel.branch),
            (None, [only]) if matches!(asker, Asker::Api) && to.is_none() => Some(only),
            _ => None,
        };
        let is_ours = channel.is_some() || (matches!(asker, Asker::Api) && to.is_none());
        let also = match asker {
            Asker::ElevenLabs => agent_expects(org, agent),
            Asker::Retell | Asker::Api => Vec::new(),
        };
        Self { phone: other_end.and_then(phone), channel, branch, is_ours, also }
    }
}

/// Every variable that an agent of the org may expect, once each: ElevenLabs ends a call whose agent misses one. Values are told
/// of the agent's own channel alone; those of others may be wrong here.
pub(crate) fn agent_expects<'a>(org: &'a LiveOrg, agent: Option<&'a Channel>) -> Vec<Named<'a>> {
    let own = agent.into_iter().flat_map(|channel| &channel.variables);
    let own = own.map(|(name, variable)| (name.as_str(), Some(variable)));
    let any = org.org.channels.iter().flat_map(|channel| channel.variables.keys());
    let mut known = BTreeSet::new();
    own.chain(any.map(|name| (name.as_str(), None))).filter(|(name, _)| known.insert(*name)).collect()
}

/// The number, in whatever usual way it is written.
fn phone(text: &str) -> Option<PhoneNumber> {
    let text = text.trim();
    if WITHHELD.iter().any(|withheld| text.eq_ignore_ascii_case(withheld)) {
        return None;
    }
    text.parse().ok()
}
