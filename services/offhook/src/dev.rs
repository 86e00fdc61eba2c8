//! `offhook dev`: private servers, schema, streams, demo org, all services in this process, one call, then serve.

mod secrets;

use std::{
    net::SocketAddr,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use runtime::{
    Runtime, Telemetry,
    config::{Broker, Database, Logs},
    exit_code, signalled,
};
use servers::Servers;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::secrets::Secrets;
use crate::{
    aftermath,
    output::Output,
    private, ring,
    services::{Service, run_all},
    setup,
    simulate::{self, Line},
};

/// The demo org, as a file like any other.
const DEMO_ORGS: &str = include_str!("../../../orgs.demo.toml");
/// Ports tried after the wanted one.
const PORTS_TRIED: u16 = 50;
/// From the start of the services to their being ready.
const READY_MAX: Duration = Duration::from_secs(20);

/// Settings of `dev`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Dev {
    /// Serve without sending the demo call
    #[arg(long)]
    no_demo: bool,
    /// Empty the servers' state first
    #[arg(long)]
    fresh: bool,
    /// Where webhooks are received; the next free port if this one is busy
    #[arg(long, env = "OFFHOOK_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where `/healthz`, `/readyz` and `/metrics` are served; the next free port if this one is busy
    #[arg(long, env = "OFFHOOK_ADMIN_LISTEN", default_value = "127.0.0.1:9090")]
    admin_listen: SocketAddr,
    /// Where the simulated vendors are served; the next free port if this one is busy
    #[arg(long, env = "OFFHOOK_SANDBOX_LISTEN", default_value = "127.0.0.1:8099")]
    sandbox_listen: SocketAddr,
    #[command(flatten)]
    secrets: Secrets,
    #[command(flatten)]
    cache: ::cache::Settings,
    #[command(flatten)]
    platform: ingress::PlatformKeys,
}

impl Dev {
    pub(crate) fn run(self, logs: &Logs, output: Output) -> ExitCode {
        if !self.secrets.is_complete() {
            return exit_code("offhook", Err(restart_with(self.secrets)));
        }
        let run = || -> anyhow::Result<()> {
            let _telemetry = Telemetry::start(logs, "offhook", "warn")?;
            let executor = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            executor.block_on(self.serve(output))
        };
        exit_code("offhook", run())
    }

    async fn serve(self, output: Output) -> anyhow::Result<()> {
        let servers = private::start("dev", self.fresh).await?;
        let runtime = Runtime::default();
        let served = signalled(&runtime.shutdown, self.serve_on(&servers, runtime.clone(), output)).await;
        output.line("stopped; the servers' state is kept");
        servers.stop().await.and(served)
    }

    async fn serve_on(self, servers: &Servers, runtime: Runtime, output: Output) -> anyhow::Result<()> {
        let listen = free(self.listen, output).await?;
        let admin_listen = free(self.admin_listen, output).await?;
        let sandbox_listen = free(self.sandbox_listen, output).await?;
        let orgs_file = servers.state_dir().join("orgs.toml");
        // The sandbox's port is not known before: what the file takes from the environment is written out.
        let orgs = DEMO_ORGS.replace("env:OFFHOOK_SANDBOX_URL", &format!("http://{sandbox_listen}"));
        std::fs::write(&orgs_file, orgs).context("the demo orgs.toml can't be written")?;
        prepare(servers, &orgs_file, output).await?;
        let broker = Broker { nats_url: servers.nats_url.clone() };
        let database = Database { database_url: servers.database_url.clone() };
        let of_worker = worker::Servers { broker: broker.clone(), database: database.clone() };
        let cache = ::cache::Settings { redis_url: Some(servers.redis_url.clone()), ..self.cache.clone() };
        let orgs_snapshot = Some(servers.state_dir().join("orgs.json"));
        let mut platform = self.platform.clone();
        if platform.highlevel_public_keys.is_empty() {
            platform.highlevel_public_keys.push(format!("env:{}", secrets::HIGHLEVEL_PUBLIC));
        }
        let services = vec![
            Service::Ingress(ingress::Config { listen, orgs_snapshot, platform, broker: broker.clone() }),
            Service::Answer(answer::Config { listen, orgs_snapshot: None, broker, database, cache: cache.clone() }),
            Service::LogWorker(log_worker::Config {
                archive_days: log_worker::ARCHIVE_DAYS,
                servers: of_worker.clone(),
            }),
            Service::MetricsWorker(metrics_worker::Config { servers: of_worker.clone() }),
            Service::InvalidateWorker(invalidate_worker::Config { servers: of_worker.clone(), cache: cache.clone() }),
            Service::CrmWorker(crm_worker::Config { servers: of_worker.clone(), cache: cache.clone() }),
            Service::RefreshWorker(refresh_worker::Config { orgs_snapshot: None, servers: of_worker, cache }),
            Service::Sandbox(sandbox::Config { listen: sandbox_listen }),
        ];
        let stop_admin = CancellationToken::new();
        let admin = runtime.serve_admin(admin_listen, stop_admin.clone()).await?;
        let show = async {
            let shown = self.show(servers, &runtime, output).await;
            if shown.is_err() {
                runtime.shutdown.cancel();
            }
            shown
        };
        let (result, shown) = tokio::join!(run_all(services, runtime.clone()), show);
        stop_admin.cancel();
        admin.await.ok();
        shown.and(result)
    }

    /// Waits until the services are ready, says where they are, and sends the demo call.
    async fn show(&self, servers: &Servers, runtime: &Runtime, output: Output) -> anyhow::Result<()> {
        let ready = async {
            while !runtime.health.report().0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let limit = tokio::time::timeout(READY_MAX, ready);
        let Some(in_time) = runtime.shutdown.run_until_cancelled(limit).await else { return Ok(()) };
        in_time
            .with_context(|| format!("not ready within {} s: {:?}", READY_MAX.as_secs(), runtime.health.report().1))?;
        let url = format!("http://{}", runtime.address(ingress::NAME).await);
        let admin_url = format!("http://{}", runtime.address("admin").await);
        let sandbox_url = format!("http://{}", runtime.address(sandbox::NAME).await);
        let env = write_env(servers, &url, &admin_url, &sandbox_url, &self.secrets)?;
        output.line(format_args!("offhook ready {url}"));
        if !self.no_demo {
            self.story(servers, &url, output).await?;
        }
        output.line(format_args!(
            "\nLook further:\n  admin     {admin_url}/metrics, /readyz\n  vendors   {sandbox_url}/_sandbox/state\n  postgres  psql -x {} -c 'SELECT * FROM offhook.recent_calls LIMIT 1'\n  nats      {}\n  redis     {}\n\
             \nSend more: . {env}; {itself} simulate ring; {itself} simulate call; {itself} simulate message\nAll well?  {itself} doctor\nStop with Ctrl-C.",
            servers.database_url,
            servers.nats_url,
            servers.redis_url,
            env = env.display(),
            itself = std::env::args().next().unwrap_or_else(|| "offhook".to_owned()),
        ));
        Ok(())
    }
}

impl Dev {
    /// One caller, from ringing to hanging up.
    async fn story(&self, servers: &Servers, url: &str, output: Output) -> anyhow::Result<()> {
        let secret = self.secrets.of(secrets::RETELL).to_owned();
        let line = Line {
            url: url.to_owned(),
            org: "demo".parse()?,
            from: "+15005550006".to_owned(),
            to: "+15005550001".to_owned(),
            agent: "agent_demo".to_owned(),
        };
        output.line(
            "\nA caller rings at Demo Dental, and Retell asks who it is. Nothing of the caller is cached; the vendors are simulated:",
        );
        ring::Ring { line: line.clone(), secret: secret.clone(), show: true }.run(output).await?;
        output.line("\nThe caller rings again:");
        ring::Ring { line: line.clone(), secret: secret.clone(), show: false }.run(output).await?;
        output.line("\nThe caller hangs up, and Retell tells us:");
        let (nats_url, database_url) = (Some(servers.nats_url.clone()), Some(servers.database_url.clone()));
        let call = simulate::Call {
            line: line.clone(),
            source: None,
            secret: Some(secret.clone()),
            elevenlabs_secret: None,
            turns: 12,
            nats_url,
            database_url,
        };
        call.run(output).await?;
        let pool = postgres::connect(&servers.database_url, "offhook dev")?;
        aftermath::show(&pool, line.org.as_str(), &line.from.parse()?, output).await?;
        output.line("\nThe same caller, a moment later:");
        ring::Ring { line, secret, show: true }.run(output).await
    }
}

/// Starts this program again with all demo secrets in its environment: the demo org's file refers to them, and a process can't
/// safely change its own environment.
fn restart_with(secrets: Secrets) -> anyhow::Error {
    let secrets = match secrets.completed() {
        Ok(secrets) => secrets,
        Err(error) => return error,
    };
    let itself = std::env::current_exe().unwrap_or_else(|_| "offhook".into());
    Command::new(itself).args(std::env::args_os().skip(1)).envs(secrets.iter()).exec().into()
}

async fn prepare(servers: &Servers, orgs_file: &Path, output: Output) -> anyhow::Result<()> {
    setup::migrate(&servers.database_url, output).await?;
    setup::apply_streams(&servers.nats_url, 1, output).await?;
    setup::apply_orgs(orgs_file, &servers.nats_url, &servers.database_url, output).await
}

/// The wanted address, or the same with the next free port.
async fn free(wanted: SocketAddr, output: Output) -> anyhow::Result<SocketAddr> {
    for port in wanted.port()..=wanted.port().saturating_add(PORTS_TRIED) {
        let address = SocketAddr::new(wanted.ip(), port);
        if let Ok(listener) = TcpListener::bind(address).await {
            // Port 0 is whichever is free; all who share the address need the same.
            let address = listener.local_addr()?;
            if address != wanted && wanted.port() != 0 {
                output.line(format_args!("{wanted} is busy, using {address}"));
            }
            return Ok(address);
        }
    }
    anyhow::bail!("no free port in the {PORTS_TRIED} after {wanted}")
}

/// `.offhook/env` of the first `dev`, `env` beside the state of a second one: to be sourced by shells. Where it is.
fn write_env(
    servers: &Servers,
    url: &str,
    admin_url: &str,
    sandbox_url: &str,
    demo: &Secrets,
) -> anyhow::Result<PathBuf> {
    let state = servers.state_dir();
    let first = state.file_name().is_some_and(|slot| slot == "dev");
    let path = if first { state.with_file_name("env") } else { state.join("env") };
    let (nats, database, redis) = (&servers.nats_url, &servers.database_url, &servers.redis_url);
    let lines = [
        ("OFFHOOK_URL", url),
        ("OFFHOOK_ADMIN_URL", admin_url),
        ("NATS_URL", nats),
        ("DATABASE_URL", database),
        ("REDIS_URL", redis),
        ("OFFHOOK_SANDBOX_URL", sandbox_url),
    ];
    let mut text: String =
        lines.into_iter().chain(demo.iter()).map(|(name, value)| format!("export {name}='{value}'\n")).collect();
    let itself = std::env::current_exe().context("this program has no path")?;
    let folder = itself.parent().map(Path::display).context("this program is in no folder")?;
    text.push_str(&format!("export PATH='{folder}':\"$PATH\"\n"));
    std::fs::write(&path, text).with_context(|| format!("{} can't be written", path.display()))?;
    let here = std::env::current_dir().unwrap_or_default();
    Ok(path.strip_prefix(here).map_or_else(|_| path.clone(), Path::to_owned))
}
