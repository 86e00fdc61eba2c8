//! Cal.com: appointments that are booked, moved, called off or missed.
//!
//! Wire facts: calcom/cal.com, `packages/features/webhooks`. Nothing is sent a second time after a failure, so what is
//! authentic is kept whatever it says; a `PING` and triggers without a word of ours are `other.unknown`. Refuses bodies that a
//! custom template made only in so far as they can't be named.

mod booking;
mod decode;
mod name;
mod signature;

pub use booking::{Booking, Change};
pub use decode::decode;
pub use name::name;
pub use signature::{SIGNATURE_HEADER, WINDOW_MS, sign, verify};
