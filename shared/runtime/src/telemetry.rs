//! Logs to standard error, traces to an OTLP endpoint, metrics to memory for `/metrics`.
//!
//! No payloads, no secrets, no whole phone numbers: what is logged is named by id.

use std::{io::IsTerminal as _, sync::OnceLock};

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, filter::LevelFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::config::{LogFormat, Logs};

/// Upper bounds of the latency histograms, in seconds.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Keeps telemetry running; dropping it sends what is left.
pub struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Starts logs, traces and metrics for the process `name`; `filter` holds unless one is configured. Call outside the async runtime: the exporter brings a
    /// blocking client of its own.
    ///
    /// # Errors
    /// When the filter or the endpoint can't be read.
    pub fn start(logs: &Logs, name: &str, filter: &str) -> anyhow::Result<Self> {
        metrics();
        let filter = EnvFilter::try_new(logs.log.as_deref().unwrap_or(filter)).context("OFFHOOK_LOG")?;
        let format = logs.log_format.unwrap_or_else(default_format);
        let fmt = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let fmt = match format {
            LogFormat::Pretty => fmt.with_ansi(std::io::stderr().is_terminal()).boxed(),
            LogFormat::Json => fmt.json().flatten_event(true).with_current_span(false).boxed(),
        };
        let provider = logs.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty());
        let provider = provider.map(|endpoint| self::provider(endpoint, name)).transpose()?;
        let traces = provider.as_ref().map(|provider| {
            let layer = tracing_opentelemetry::layer::<Registry>().with_tracer(provider.tracer("offhook"));
            layer.with_filter(LevelFilter::INFO)
        });
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        tracing_subscriber::registry()
            .with(traces)
            .with(fmt.with_filter(filter))
            .try_init()
            .context("telemetry was started before")?;
        Ok(Self(provider))
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take() {
            provider.shutdown().ok();
        }
    }
}

/// The metrics of this process, started on first use.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS);
        let recorder = builder.expect("the bounds are not empty").build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).expect("nothing else installs a recorder");
        handle
    })
}

fn default_format() -> LogFormat {
    if std::io::stderr().is_terminal() { LogFormat::Pretty } else { LogFormat::Json }
}

fn provider(endpoint: &str, name: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_http();
    let exporter = exporter.with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/'))).build();
    let exporter = exporter.context("OTEL_EXPORTER_OTLP_ENDPOINT")?;
    let resource = Resource::builder().with_service_name(name.to_owned()).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
