//! What a call needs to know: the kinds of it that are cached, their tags, and the loaders that fetch them.
//!
//! Whoever reads, refreshes or invalidates does it through here, so keys, tags and shapes exist once. Refuses to decide what is
//! said to a caller: that is the answer's business.

mod broadcast;
mod contact;
mod kinds;
pub mod tags;

pub use broadcast::{Announcer, hear};
pub use contact::{Contact, ContactFacts};
pub use kinds::KINDS;
