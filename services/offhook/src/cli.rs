//! The commands, their arguments, and where each is carried out.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use runtime::{
    Telemetry,
    config::{Broker, Common, Database, Logs},
    exit_code,
};

use crate::{
    cache, crm, dead, dev, doctor, load, orgs_file, output::Output, private, ring, rings, services, setup, simulate,
    status,
};

/// Offhook picks up the phone for your webhooks.
#[derive(Parser)]
#[command(name = "offhook", version, about, propagate_version = true)]
pub(crate) struct Cli {
    /// Print one JSON object per result
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    logs: Logs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything with private servers, and show one call's journey
    Dev(dev::Dev),
    /// Run the named services in one process, configured by environment
    Run {
        /// Which services
        #[arg(required = true, value_enum)]
        services: Vec<services::Name>,
        /// Where `/healthz`, `/readyz` and `/metrics` are served
        #[arg(long, env = "OFFHOOK_ADMIN_LISTEN", default_value = "127.0.0.1:9090")]
        admin_listen: std::net::SocketAddr,
    },
    /// Run a command with private NATS, PostgreSQL and Redis in its environment
    Servers {
        /// The name of the servers' state
        #[arg(long, default_value = "servers")]
        slot: String,
        /// Empty the state first
        #[arg(long)]
        fresh: bool,
        /// The command and its arguments
        #[arg(required = true, last = true)]
        command: Vec<OsString>,
    },
    /// Bring the database up to date
    Migrate(Database),
    /// Streams and consumers of the broker
    #[command(subcommand)]
    Streams(Streams),
    /// The orgs file
    #[command(subcommand)]
    Orgs(Orgs),
    /// Pretend to be a provider
    #[command(subcommand)]
    Simulate(Simulate),
    /// Events that a worker rejected
    #[command(subcommand)]
    Dead(dead::Dead),
    /// Contacts at the orgs' CRMs: what waits, what is refused, push again
    #[command(subcommand)]
    Crm(crm::Crm),
    /// What is cached, how often it is found, how to have it ready and how to get rid of it
    #[command(subcommand)]
    Cache(cache::Cache),
    /// How the servers are, how full the streams, how far the workers
    Status(status::Status),
    /// Whether the installation and its orgs are well, from end to end, and if not, what helps
    Doctor(doctor::Doctor),
    /// Print the completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Subcommand)]
enum Streams {
    /// Create or update them as `nats/` declares
    Apply {
        #[command(flatten)]
        broker: Broker,
        /// Copies of each stream; 3 in production
        #[arg(long, env = "OFFHOOK_STREAM_REPLICAS", default_value_t = 1)]
        replicas: usize,
    },
    /// Say whether they are as they must be
    Verify(Broker),
}

#[derive(Subcommand)]
enum Orgs {
    /// Find everything that is wrong with a file
    Check {
        /// The orgs.toml
        file: PathBuf,
    },
    /// Make a file the truth: in the database, then for the running services
    Apply {
        /// The orgs.toml
        file: PathBuf,
        #[command(flatten)]
        broker: Broker,
        #[command(flatten)]
        database: Database,
    },
}

#[derive(Subcommand)]
enum Simulate {
    /// Ask who is calling, as Retell does while the line rings
    Ring(ring::Ring),
    /// Let many callers ring at a given rate, and tell how fast they are answered and how much the cache had
    Rings(rings::Rings),
    /// Send one call, signed as its provider signs, and follow it
    Call(simulate::Call),
    /// Change a contact's name, as HighLevel tells of it, and show what the contact is called then
    Contact(simulate::Contact),
    /// Send a text on WhatsApp, as Evolution API tells of it, and follow it
    Message(simulate::Message),
    /// Tell what became of an appointment, as Cal.com does, and follow it
    Appointment(simulate::Appointment),
    /// Send an event of the org's own, as any sender of Standard Webhooks does, and follow it
    Webhook(simulate::Webhook),
    /// Send many calls at a given rate, and count in Postgres what became of them
    Load(load::Load),
}

impl Cli {
    pub(crate) fn run(self) -> ExitCode {
        let output = Output { json: self.json };
        match self.command {
            Command::Run { services, admin_listen } => {
                services::run(&services, &Common { admin_listen, logs: self.logs })
            }
            Command::Completions { shell } => {
                clap_complete::generate(shell, &mut Self::command(), "offhook", &mut std::io::stdout());
                ExitCode::SUCCESS
            }
            Command::Dev(dev) => dev.run(&self.logs, output),
            command => command.run(&self.logs, output),
        }
    }
}

impl Command {
    /// Commands that do one thing and end.
    fn run(self, logs: &Logs, output: Output) -> ExitCode {
        let run = || -> anyhow::Result<u8> {
            let _telemetry = Telemetry::start(logs, "offhook", "warn")?;
            let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            executor.block_on(self.carry_out(output))
        };
        match run() {
            Ok(code) => ExitCode::from(code),
            Err(error) => exit_code("offhook", Err(error)),
        }
    }

    async fn carry_out(self, output: Output) -> anyhow::Result<u8> {
        match self {
            Self::Servers { slot, fresh, command } => return private::run(slot, fresh, &command).await,
            Self::Migrate(database) => setup::migrate(&database.database_url, output).await?,
            Self::Streams(Streams::Apply { broker, replicas }) => {
                setup::apply_streams(&broker.nats_url, replicas, output).await?
            }
            Self::Streams(Streams::Verify(broker)) => setup::verify_streams(&broker.nats_url, output).await?,
            Self::Orgs(Orgs::Check { file }) => drop(orgs_file::check(&file, output)?),
            Self::Orgs(Orgs::Apply { file, broker, database }) => {
                setup::apply_orgs(&file, &broker.nats_url, &database.database_url, output).await?;
            }
            Self::Simulate(Simulate::Ring(ring)) => ring.run(output).await?,
            Self::Simulate(Simulate::Rings(rings)) => return rings.run(output).await,
            Self::Simulate(Simulate::Call(call)) => call.run(output).await?,
            Self::Simulate(Simulate::Contact(contact)) => contact.run(output).await?,
            Self::Simulate(Simulate::Message(message)) => message.run(output).await?,
            Self::Simulate(Simulate::Appointment(appointment)) => appointment.run(output).await?,
            Self::Simulate(Simulate::Webhook(webhook)) => webhook.run(output).await?,
            Self::Simulate(Simulate::Load(load)) => return load.run(output).await,
            Self::Dead(dead) => dead.run(output).await?,
            Self::Crm(crm) => crm.run(output).await?,
            Self::Cache(cache) => return cache.run(output).await,
            Self::Status(status) => return status.run(output).await,
            Self::Doctor(doctor) => return doctor.run(output).await,
            Self::Dev(_) | Self::Run { .. } | Self::Completions { .. } => unreachable!("carried out before"),
        }
        Ok(0)
    }
}
