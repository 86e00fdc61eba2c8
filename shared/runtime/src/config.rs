//! Configuration that several services share, one group per concern.
//!
//! Plain data from arguments and environment; `check` finds what is wrong before anything starts.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

/// What every process has.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Where `/healthz`, `/readyz` and `/metrics` are served
    #[arg(long, env = "OFFHOOK_ADMIN_LISTEN", default_value = "127.0.0.1:9090")]
    pub admin_listen: SocketAddr,
    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the group's help text")]
    pub logs: Logs,
}

/// What is logged, and how. Logs go to standard error.
#[derive(Debug, Clone, Args)]
pub struct Logs {
    /// Which messages: a tracing filter such as `info` or `bus=debug,info`; `info` for services, `warn` for commands unless set
    #[arg(long, env = "OFFHOOK_LOG", global = true)]
    pub log: Option<String>,
    /// How a message looks; `pretty` on a terminal and `json` elsewhere unless set
    #[arg(long, env = "OFFHOOK_LOG_FORMAT", global = true)]
    pub log_format: Option<LogFormat>,
    /// Where traces are sent (OTLP over HTTP); none are recorded if unset
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", global = true)]
    pub otlp_endpoint: Option<String>,
}

/// See [`Logs::log_format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One object per line.
    Json,
}

/// The broker.
#[derive(Debug, Clone, Args)]
pub struct Broker {
    /// The broker's address, `nats://host:4222`; several may be given, comma-separated
    #[arg(long, env = "NATS_URL")]
    pub nats_url: String,
}

/// The database.
#[derive(Debug, Clone, Args)]
pub struct Database {
    /// The database's address, `postgres://user@host/name`: a direct connection or a session-mode pooler
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
}
