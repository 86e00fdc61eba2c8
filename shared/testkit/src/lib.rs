//! What tests stand on: a [`World`] with real servers, services in this process or in their own, and waiting with a deadline.
//!
//! For tests only. No sleeps to hope by, no retries, no skips: a missing server fails the test and says what to install.

mod cluster;
mod delivery;
mod process;
mod service;
mod wait;
mod world;

pub use delivery::{Delivery, KEY, OTHER_KEY};
pub use process::Process;
pub use service::Service;
pub use wait::{LIMIT, until};
pub use world::{World, WorldOptions};
