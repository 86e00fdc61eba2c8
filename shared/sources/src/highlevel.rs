//! HighLevel (LeadConnector): contacts and appointments, as its Marketplace app webhooks tell of them.
//!
//! Wire facts: GoHighLevel/highlevel-api-docs, `docs/webhook events` and `docs/oauth/WebhookAuthentication.md`; the official
//! SDK's `lib/webhook/webhook-manager.ts`. HighLevel signs everything with one key of its own, so a true signature says that
//! HighLevel sent it, not for whom: the location named in the body has to be the org's. Refuses what it did not sign; does not
//! read `X-WH-Signature`, the RSA signature that HighLevel has withdrawn.

mod body;
mod change;
mod decode;
mod name;
mod signature;

pub use body::location_id;
pub use change::Change;
pub use decode::decode;
pub use name::name;
pub use signature::{BadKey, PUBLIC_KEY, SIGNATURE_HEADER, WINDOW_MS, public_key, sign, verify};
