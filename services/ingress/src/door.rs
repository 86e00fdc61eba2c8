//! What differs from source to source: how a delivery is verified and named, and which status says "taken".

use axum::http::{HeaderMap, StatusCode};
use contract::{Source, Timestamp};
use sources::{Name, Refusal, retell};

/// Secrets, headers, body and our clock in; when it was signed out.
type Verify = fn(&[&str], &HeaderMap, &[u8], Timestamp) -> Result<Timestamp, Refusal>;

/// One source's way in.
pub(crate) struct Door {
    pub(crate) source: Source,
    /// What the source wants to hear for an event that is taken, by its webhook guide.
    pub(crate) taken: StatusCode,
    /// When the delivery was signed, if one of the secrets signed these bytes.
    pub(crate) verify: Verify,
    pub(crate) name: fn(&[u8], Timestamp) -> Name,
}

/// Retell's account and agent webhooks.
pub(crate) const RETELL: Door = Door {
    source: Source::RETELL,
    taken: StatusCode::NO_CONTENT,
    verify: |secrets, headers, body, now| {
        let header = headers.get(retell::SIGNATURE_HEADER).and_then(|value| value.to_str().ok());
        retell::verify(secrets.iter().copied(), header, body, now)
    },
    name: retell::name,
};
