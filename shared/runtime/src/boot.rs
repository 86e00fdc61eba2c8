//! From `main` to a drained exit: the same path for a single service, for several in one process, and for tests.

use std::{
    collections::BTreeMap, ffi::OsString, future::Future, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration,
};

use anyhow::Context as _;
use clap::{Args, Parser};
use tokio::{
    net::TcpListener,
    signal::unix::SignalKind,
    sync::{Mutex, watch},
};
use tokio_util::sync::CancellationToken;

use crate::{Health, Telemetry, admin, config::Common, http, metrics, public::Listeners};

/// From the first signal to the end of the process.
const SHUTDOWN_MAX: Duration = Duration::from_secs(25);
/// Between two upkeeps of the histograms.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// `EX_USAGE` of sysexits.h: the configuration is wrong, trying again is no use.
pub const EX_USAGE: u8 = 64;

/// What a service gets from the process it runs in; cheap to clone.
#[derive(Clone, Default)]
pub struct Runtime {
    /// Cancelled once, when the process has to go.
    pub shutdown: CancellationToken,
    /// Where the service says whether it would serve.
    pub health: Health,
    addresses: watch::Sender<BTreeMap<String, SocketAddr>>,
    pub(crate) public: Arc<Mutex<Listeners>>,
}

impl Runtime {
    /// Opens a listener and says where, in the log and to [`Runtime::address`].
    ///
    /// # Errors
    /// When the address can't be bound.
    pub async fn listen(&self, service: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("{service} can't listen on {address}"))?;
        let address = listener.local_addr()?;
        tracing::info!(service, %address, "listening");
        self.set_address(service, address);
        Ok(listener)
    }

    pub(crate) fn set_address(&self, service: &str, address: SocketAddr) {
        self.addresses.send_modify(|addresses| {
            addresses.insert(service.to_owned(), address);
        });
    }

    /// Where `service` listens, once it does.
    pub async fn address(&self, service: &str) -> SocketAddr {
        let mut addresses = self.addresses.subscribe();
        let known = addresses.wait_for(|addresses| addresses.contains_key(service)).await;
        known.expect("the sender lives in self")[service]
    }

    /// Serves health and metrics until `stop`, which comes after [`Runtime::shutdown`].
    ///
    /// # Errors
    /// When the address can't be bound.
    pub async fn serve_admin(
        &self,
        address: SocketAddr,
        stop: CancellationToken,
    ) -> anyhow::Result<tokio::task::JoinHandle<()>> {
        let listener = self.listen("admin", address).await?;
        let router = admin::router(self);
        Ok(tokio::spawn(async move {
            let upkeep = async {
                loop {
                    tokio::time::sleep(UPKEEP_EVERY).await;
                    metrics().run_upkeep();
                }
            };
            tokio::select! {
                () = http::serve(listener, move || router.clone(), stop) => {}
                () = upkeep => {}
            }
        }))
    }
}

/// The `main` of a service's own binary: parse, check, run, exit code.
pub fn main<C, F>(name: &str, check: impl FnOnce(&C) -> Vec<String>, service: impl FnOnce(C, Runtime) -> F) -> ExitCode
where
    C: Args,
    F: Future<Output = anyhow::Result<()>>,
{
    match parse::<Process<C>>(std::env::args_os()) {
        Ok(process) => {
            let faults = check(&process.config);
            boot(name, process.config, &process.common, &faults, |config, runtime| {
                runtime.health.expect(name);
                service(config, runtime)
            })
        }
        Err(code) => code,
    }
}

#[derive(Parser)]
#[command(version)]
struct Process<C: Args> {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    config: C,
}

/// Parses arguments and environment; on failure the reason is told and the exit code is 64, or 0 for help.
///
/// # Errors
/// The exit code to end with.
pub fn parse<P: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<P, ExitCode> {
    P::try_parse_from(arguments).map_err(|error| {
        error.print().ok();
        if error.use_stderr() { ExitCode::from(EX_USAGE) } else { ExitCode::SUCCESS }
    })
}

/// Runs `service` under telemetry, health and signals; faults end it with exit 64.
pub fn boot<C, F>(
    name: &str,
    config: C,
    common: &Common,
    faults: &[String],
    service: impl FnOnce(C, Runtime) -> F,
) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    if !faults.is_empty() {
        for fault in faults {
            eprintln!("{name}: {fault}");
        }
        return ExitCode::from(EX_USAGE);
    }
    let run = || -> anyhow::Result<()> {
        let _telemetry = Telemetry::start(&common.logs, name, "info")?;
        let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let result = executor.block_on(async {
            let runtime = Runtime::default();
            let stop_admin = CancellationToken::new();
            let admin = runtime.serve_admin(common.admin_listen, stop_admin.clone()).await?;
            let result = signalled(&runtime.shutdown, service(config, runtime.clone())).await;
            stop_admin.cancel();
            admin.await.ok();
            result
        });
        executor.shutdown_timeout(Duration::from_secs(1));
        result
    };
    exit_code(name, run())
}

/// 0 for success; 1 for failure, told once on standard error.
pub fn exit_code(name: &str, result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs `service`; cancels `shutdown` on SIGINT or SIGTERM and then gives it 25 s. A second signal ends the wait.
///
/// # Errors
/// What the service ended with, or that it did not end in time.
pub async fn signalled(
    shutdown: &CancellationToken,
    service: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let mut interrupt = tokio::signal::unix::signal(SignalKind::interrupt())?;
    let mut terminate = tokio::signal::unix::signal(SignalKind::terminate())?;
    let mut signal = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(service);
    tokio::select! {
        result = &mut service => return result,
        () = signal() => {}
        () = shutdown.cancelled() => {}
    }
    tracing::info!(limit_s = SHUTDOWN_MAX.as_secs(), "shutting down");
    shutdown.cancel();
    tokio::select! {
        result = &mut service => result,
        () = signal() => anyhow::bail!("stopped at once by a second signal"),
        () = tokio::time::sleep(SHUTDOWN_MAX) => anyhow::bail!("not stopped within {} s", SHUTDOWN_MAX.as_secs()),
    }
}
