//! Retell AI: call and chat events of voice agents.
//!
//! Wire facts: the provider's SDKs and webhook guide. Refuses what is not signed by one of the org's keys; anything that
//! is, is an event, understood or not.

mod decode;
mod inbound;
mod lifecycle;
mod name;
mod signature;

pub use crate::{Decoded, rank};
pub use decode::decode;
pub use inbound::{Inbound, inbound};
pub use lifecycle::Lifecycle;
pub use name::name;
pub use signature::{SIGNATURE_HEADER, WINDOW_MS, sign, verify};
