//! The vendors whose APIs we call: one discipline for every call, one module per vendor.
//!
//! Each call goes the same way: its deadline, the account's breaker, the account's rate budget, the request with a bounded
//! answer, and at most one repetition where repeating is safe. A slow or dead account delays no other account; a caller on the
//! line never waits for a budget; what a vendor asks us to wait, all processes wait.
//!
//! Wire facts come from the vendors' own specifications and clients; where none says so, the field's reader takes both shapes.
//! Owns every request to a vendor and the figures of their limits. Refuses to know an org's settings (accounts come as plain
//! data), to keep anything, to follow a redirect, and to say a secret, a phone number or a body in an error.

mod breaker;
mod by;
pub mod calcom;
mod call;
mod draft;
mod error;
mod exchange;
pub mod highlevel;
mod hint;
pub mod hubspot;
pub mod langfuse;
mod lenient;
mod line;
pub mod mem0;
mod memory;
mod message;
mod slots;
mod trace;
mod vendors;
pub mod zep;

pub use by::By;
pub use error::VendorError;
pub use memory::{Memory, Message, Role, UserId};
pub use slots::Slots;
pub use vendors::{Limits, NoClient, Vendors};
