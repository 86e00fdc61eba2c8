//! What differs from source to source: how a delivery is verified, whose it is, how it is named, and which status says "taken"
//! or "try again".

use axum::http::{HeaderMap, StatusCode};
use contract::{Source, Timestamp};
use orgs::LiveOrg;
use sources::{Name, Refusal, highlevel, retell};

/// Secrets, headers, body and our clock in; when it was signed out.
type Verify = fn(&[&str], &HeaderMap, &[u8], Timestamp) -> Result<Timestamp, Refusal>;

/// One source's way in.
pub(crate) struct Door {
    pub(crate) source: Source,
    /// What the source wants to hear for an event that is taken, by its webhook guide.
    pub(crate) taken: StatusCode,
    /// What makes the source send an event again that can't be taken now.
    pub(crate) later: StatusCode,
    /// When the delivery was signed, if one of the secrets signed these bytes.
    pub(crate) verify: Verify,
    /// Whether the org is the one that a verified body is about, where the signature alone does not tell.
    pub(crate) is_about: fn(&LiveOrg, &[u8]) -> bool,
    pub(crate) name: fn(&[u8], Timestamp) -> Name,
}

/// Retell's account and agent webhooks.
pub(crate) const RETELL: Door = Door {
    source: Source::RETELL,
    taken: StatusCode::NO_CONTENT,
    later: StatusCode::SERVICE_UNAVAILABLE,
    verify: |secrets, headers, body, now| {
        let header = headers.get(retell::SIGNATURE_HEADER).and_then(|value| value.to_str().ok());
        retell::verify(secrets.iter().copied(), header, body, now)
    },
    // The org's own key signed it.
    is_about: |_, _| true,
    name: retell::name,
};

/// HighLevel's app webhooks. It sends again after 429 only; anything else loses the event.
pub(crate) const HIGHLEVEL: Door = Door {
    source: Source::HIGHLEVEL,
    taken: StatusCode::OK,
    later: StatusCode::TOO_MANY_REQUESTS,
    verify: |keys, headers, body, now| {
        let header = headers.get(highlevel::SIGNATURE_HEADER).and_then(|value| value.to_str().ok());
        let keys = if keys.is_empty() { &[highlevel::PUBLIC_KEY] } else { keys };
        highlevel::verify(keys.iter().copied(), header, body, now)
    },
    is_about: |org, body| match highlevel::location_id(body) {
        Some(location_id) => {
            org.vendor("highlevel").is_some_and(|vendor| vendor.text("location_id") == Some(&location_id))
        }
        // HighLevel's word all the same, and about nobody: it is kept, and changes nothing.
        None => true,
    },
    name: highlevel::name,
};
