//! The sandbox through its own listener: what each vendor answers, each of its traps, each kind of fault.

mod calcom;
mod calendars;
mod contacts;
mod control;
mod faults;
mod help;
mod hubspot;
mod limits;
mod memories;
mod prompts;
