//! What tests stand on: a [`World`] with real servers, services in this process or in their own, and waiting with a deadline.
//!
//! For tests only. No sleeps to hope by, no retries, no skips: a missing server fails the test and says what to install.

mod cluster;
mod delivery;
mod differences;
mod input;
mod process;
mod question;
mod rows;
mod sandbox;
mod service;
mod story;
mod wait;
mod world;

pub use delivery::{Delivery, KEY, OTHER_KEY};
pub use differences::differences;
pub use input::Input;
pub use process::Process;
pub use question::{Answer, Question};
pub use sandbox::Sandbox;
pub use service::Service;
pub use story::{booking, chat, story};
pub use wait::{LIMIT, until};
pub use world::{World, WorldOptions};
