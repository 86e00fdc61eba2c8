//! What is to be so at a CRM, as far as our own tables know. Pure.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The desired state of one contact. What the org's settings add (tags, ids of fields) is added when it is pushed, so a
/// corrected setting counts for what waits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Desired {
    /// Fills an empty place; never replaces what the CRM has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_call: Option<LastCall>,
}

/// The newest call with a contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LastCall {
    pub(crate) source: String,
    pub(crate) call_id: String,
    /// When it began; if nobody said, when it ended or was first heard of.
    pub(crate) at: DateTime<Utc>,
}

impl Desired {
    /// Whether going from `before` to this is worth a push. A name or an address alone is not: it may be what the CRM
    /// itself has told us, and is sent along with whatever is next.
    pub(crate) fn is_news_after(&self, before: &Self) -> bool {
        self.last_call.is_some() && self.last_call != before.last_call
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_crm_may_have_told_us_itself_is_worth_no_push() {
        let call = LastCall { source: "retell".into(), call_id: "call_1".into(), at: DateTime::UNIX_EPOCH };
        let before = Desired { last_call: Some(call.clone()), ..Desired::default() };
        let named = Desired { name: Some("Jane".into()), email: Some("jane@example.com".into()), ..before.clone() };
        assert!(!named.is_news_after(&before));
        assert!(!Desired { last_call: None, ..named.clone() }.is_news_after(&Desired::default()), "no call, no push");
        assert!(before.is_news_after(&Desired::default()));
        let next = LastCall { call_id: "call_2".into(), ..call };
        assert!(Desired { last_call: Some(next), ..named }.is_news_after(&before));
    }
}
