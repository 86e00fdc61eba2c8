//! Postgres for every service that has rows: pool, migrations, inbox, positions, attempt marks, retention.
//!
//! Knows no domain table. Refuses a transaction pooler, behind which statements get the answers of others.

mod attempt;
mod fault;
mod inbox;
mod migrate;
mod pool;
mod position;
mod retention;

pub use attempt::{begin_attempt, end_attempt};
pub use fault::{is_data_fault, is_violation_of};
pub use inbox::claim;
pub use migrate::{MIGRATIONS, migrate};
pub use pool::{DatabaseUrlError, check_url, connect, ready};
pub use position::{keep_position, position, store_ready};
pub use retention::{ROWS_MAX, in_batches, retire_inbox};
