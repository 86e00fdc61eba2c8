//! The CRMs: what becomes of calls there, through slow, failing and refusing vendors, killed and stalled pushers.
//!
//! Real workers, real servers; the vendor is the sandbox, whose state and journal are what counts.

mod crowds;
mod hubspot;
mod losses;
mod names;
mod pushes;
mod refusals;
mod rows;
mod stage;
mod troubles;
