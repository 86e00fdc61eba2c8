//! Calls to vendors against a listener on loopback: the discipline that all share, and what each vendor is sent and says.

mod calcom;
mod discipline;
mod double;
mod highlevel;
mod hubspot;
mod langfuse;
mod mem0;
mod metrics;
mod secrets;
mod trace;
mod zep;
