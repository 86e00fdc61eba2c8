//! Private nats-server, PostgreSQL and Redis as child processes, for `offhook dev`, `offhook servers` and tests.
//!
//! Owns: finding the programs, free loopback ports, start, readiness, stop, and that nothing stays behind, not even after `kill -9`
//! of the process that started them. Works as root (PostgreSQL then runs as the user `postgres`) and as an ordinary user.
//!
//! Refuses: to install anything (`scripts/install-servers` does), to listen anywhere but on 127.0.0.1, and to touch a server that
//! it did not start. The servers have no passwords: these are for a development machine, never for production.

mod command;
mod find;
mod home;
mod kind;
mod launcher;
mod lock;
mod log;
mod nats;
mod port;
mod postgres;
mod probe;
mod process;
mod redis;
mod server;
mod servers;
mod slot;
mod spawner;

pub use command::run_command;
pub use find::{Needed, Programs};
pub use nats::Nats;
pub use postgres::{Postgres, Settings};
pub use redis::Redis;
pub use server::Server;
pub use servers::{Options, Servers};
