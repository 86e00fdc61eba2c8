//! Postgres for every service that has rows: pool, migrations, inbox, positions.
//!
//! Knows no domain table. Refuses a transaction pooler, behind which statements get the answers of others.

mod fault;
mod inbox;
mod migrate;
mod pool;
mod position;

pub use fault::{is_data_fault, is_violation_of};
pub use inbox::claim;
pub use migrate::{MIGRATIONS, migrate};
pub use pool::{DatabaseUrlError, check_url, connect, ready};
pub use position::{keep_position, position, store_ready};
