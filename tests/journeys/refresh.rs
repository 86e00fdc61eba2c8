//! refresh-worker: what a call will ask is ready before it asks, and what it said is remembered once.

mod memories;
mod recovery;
mod stage;
mod warmth;
