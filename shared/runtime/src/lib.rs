//! Boot: configuration, telemetry, health, signals, HTTP listeners and exit codes, the same for every service.
//!
//! Knows no broker, no database and no service. Refuses to start on a faulty configuration (exit 64) and to hang on
//! the way out (25 s, or a second signal).

mod admin;
mod boot;
pub mod config;
mod health;
pub mod http;
mod public;
mod telemetry;

pub use boot::{EX_USAGE, Runtime, boot, exit_code, main, parse, signalled};
pub use health::Health;
pub use telemetry::{Telemetry, metrics};

/// Of every process: what is asked for is small, soon given back, and by another thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
