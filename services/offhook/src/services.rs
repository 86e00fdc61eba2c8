//! Services in one process: each with its own configuration, all ended when one ends.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use runtime::{Runtime, boot, config::Common, parse};
use tokio::task::JoinSet;

/// The services that `offhook run` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// Webhooks in.
    Ingress,
    /// Live calls answered.
    Answer,
    /// Events, calls and contacts in Postgres.
    LogWorker,
    /// Exact daily figures in Postgres.
    MetricsWorker,
    /// What has changed, taken out of the caches.
    InvalidateWorker,
    /// The contacts of each org's CRM.
    CrmWorker,
    /// The cache kept warm, and memories told.
    RefreshWorker,
    /// The vendors, simulated.
    Sandbox,
}

/// A service with its configuration, ready to run.
pub(crate) enum Service {
    Ingress(ingress::Config),
    Answer(answer::Config),
    LogWorker(log_worker::Config),
    MetricsWorker(metrics_worker::Config),
    InvalidateWorker(invalidate_worker::Config),
    CrmWorker(crm_worker::Config),
    RefreshWorker(refresh_worker::Config),
    Sandbox(sandbox::Config),
}

impl Service {
    /// The service as the environment configures it.
    fn from_environment(name: Name) -> Result<Self, ExitCode> {
        fn read<C: Parser>() -> Result<C, ExitCode> {
            parse([C::command().get_name()].map(Into::into))
        }
        match name {
            Name::Ingress => read().map(Self::Ingress),
            Name::Answer => read().map(Self::Answer),
            Name::LogWorker => read().map(Self::LogWorker),
            Name::MetricsWorker => read().map(Self::MetricsWorker),
            Name::InvalidateWorker => read().map(Self::InvalidateWorker),
            Name::CrmWorker => read().map(Self::CrmWorker),
            Name::RefreshWorker => read().map(Self::RefreshWorker),
            Name::Sandbox => read().map(Self::Sandbox),
        }
    }

    fn check(&self) -> Vec<String> {
        match self {
            Self::Ingress(config) => config.check(),
            Self::Answer(config) => config.check(),
            Self::LogWorker(config) => config.check(),
            Self::MetricsWorker(config) => config.check(),
            Self::InvalidateWorker(config) => config.check(),
            Self::CrmWorker(config) => config.check(),
            Self::RefreshWorker(config) => config.check(),
            Self::Sandbox(config) => config.check(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Ingress(_) => ingress::NAME,
            Self::Answer(_) => answer::NAME,
            Self::LogWorker(_) => log_worker::NAME,
            Self::MetricsWorker(_) => metrics_worker::NAME,
            Self::InvalidateWorker(_) => invalidate_worker::NAME,
            Self::CrmWorker(_) => crm_worker::NAME,
            Self::RefreshWorker(_) => refresh_worker::NAME,
            Self::Sandbox(_) => sandbox::NAME,
        }
    }

    async fn run(self, runtime: Runtime) -> anyhow::Result<()> {
        match self {
            Self::Ingress(config) => ingress::run(config, runtime).await,
            Self::Answer(config) => answer::run(config, runtime).await,
            Self::LogWorker(config) => log_worker::run(config, runtime).await,
            Self::MetricsWorker(config) => metrics_worker::run(config, runtime).await,
            Self::InvalidateWorker(config) => invalidate_worker::run(config, runtime).await,
            Self::CrmWorker(config) => crm_worker::run(config, runtime).await,
            Self::RefreshWorker(config) => refresh_worker::run(config, runtime).await,
            Self::Sandbox(config) => sandbox::run(config, runtime).await,
        }
    }
}

/// Runs the named services until a signal; exit 64 on a faulty configuration.
pub(crate) fn run(names: &[Name], common: &Common) -> ExitCode {
    let read: Result<Vec<Service>, ExitCode> = names.iter().copied().map(Service::from_environment).collect();
    let services = match read {
        Ok(services) => services,
        Err(code) => return code,
    };
    let faults: Vec<String> = services.iter().flat_map(Service::check).collect();
    let name = match services.as_slice() {
        [one] => format!("offhook-{}", one.name()),
        _ => "offhook".to_owned(),
    };
    boot(&name, services, common, &faults, run_all)
}

/// Runs all until shutdown. A service that ends before it was asked to takes the others with it.
pub(crate) async fn run_all(services: Vec<Service>, runtime: Runtime) -> anyhow::Result<()> {
    let mut running = JoinSet::new();
    for service in services {
        let (name, runtime) = (service.name(), runtime.clone());
        runtime.health.expect(name);
        running.spawn(async move { (name, service.run(runtime).await) });
    }
    let mut first_failure = Ok(());
    while let Some(ended) = running.join_next().await {
        let result = match ended {
            Ok((name, result)) if runtime.shutdown.is_cancelled() => result.context(name),
            Ok((name, result)) => result.context(name).and_then(|()| Err(anyhow::anyhow!("{name} ended by itself"))),
            Err(panic) => Err(panic.into()),
        };
        runtime.shutdown.cancel();
        first_failure = first_failure.and(result);
    }
    first_failure
}
