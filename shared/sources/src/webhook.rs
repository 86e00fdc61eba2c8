//! Any other sender, by Standard Webhooks 1.0.0: authentic, once per id, and kept.
//!
//! What its events mean is the sender's affair: each is `other.unknown` under the sender's own id. Verifies the symmetric `v1`
//! alone, as the reference library does.

mod name;
mod signature;

pub use name::name;
pub use signature::{Headers, ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, WINDOW_MS, sign, verify};
