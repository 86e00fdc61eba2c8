//! The house rules, as tests: what a reviewer would else have to remember.
//!
//! Reads files only; starts no server. Each rule is a function from text to faults, each fault says what to do, and
//! beside each rule stands the proof that it can fail.

mod dependencies;
mod environment;
mod readme;
mod repository;
mod rooms;
mod spec;
mod subjects;
mod tables;
mod trials;
