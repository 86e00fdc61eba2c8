//! `offhook servers`: a command with private servers around it. Servers whose address is set are used, not started.

use std::ffi::OsString;

use clap::Parser;
use servers::{Options, Servers};

use crate::place;

/// Addresses that may be set already.
#[derive(Parser)]
struct Given {
    #[arg(long, env = "NATS_URL")]
    nats_url: Option<String>,
    #[arg(long, env = "DATABASE_URL")]
    database_url: Option<String>,
    #[arg(long, env = "REDIS_URL")]
    redis_url: Option<String>,
}

/// Starts what is not set, in the slot of this name.
pub(crate) async fn start(slot: &str, fresh: bool) -> anyhow::Result<Servers> {
    let Given { nats_url, database_url, redis_url } = Given::try_parse_from(["offhook"])?;
    let set = |url: Option<String>| url.filter(|url| !url.is_empty());
    let options = Options {
        root: place::root()?,
        slot: slot.to_owned(),
        fresh,
        nats_url: set(nats_url),
        database_url: set(database_url),
        redis_url: set(redis_url),
    };
    Servers::start(options).await
}

/// Runs the command; its exit code is ours.
pub(crate) async fn run(slot: String, fresh: bool, command: &[OsString]) -> anyhow::Result<u8> {
    let servers = start(&slot, fresh).await?;
    servers::run_command(servers, command).await
}
