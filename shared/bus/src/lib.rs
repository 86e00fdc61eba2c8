//! The broker: publish an event once, consume it until its fate is decided, keep what was rejected.
//!
//! The only user of async-nats. Refuses to call anything published without the stream's acknowledgement, and refuses to
//! run on streams or consumers that lack what safety needs. Knows no database: a worker keeps its own position.

mod broadcast;
mod bucket;
mod checkup;
mod connection;
mod consume;
mod dead;
mod large;
mod look;
mod message;
mod oversee;
mod publish;
mod pulling;
mod settle;
mod together;
mod topology;
mod trace;
mod worker;

pub use bucket::{Bucket, Change};
pub use checkup::{Checkup, ConsumerCheckup, StreamCheckup};
pub use connection::{Bus, BusError, State};
pub use consume::{Consumption, consume};
pub use large::{BODY_REUSED_FOR, BodyError, BodyRef};
pub use look::{ConsumerLook, DeadLetter, Lag, Letter, Overview, Stored, StreamLook};
pub use message::Event;
pub use publish::{PublishError, Published};
pub use together::{Prepared, TOGETHER_MAX};
pub use topology::{Applied, EVENTS};
pub use worker::{Outcome, Worker};
