//! A call carries its trace to the vendor.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Registry, layer::SubscriberExt as _};
use vendors::Limits;

use crate::{
    discipline::account,
    double::{Double, live, phone, vendors},
};

#[tokio::test]
async fn the_vendor_is_told_of_the_caller_s_trace() {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let tracer = SdkTracerProvider::builder().build().tracer("test");
    let subscriber = Registry::default().with(tracing_opentelemetry::layer().with_tracer(tracer));
    let _here = tracing::subscriber::set_default(subscriber);
    let vendor = Double::saying(200, "{}").await;
    let (vendors, _) = vendors(Limits::default());
    let account = account(&vendor.base_url, "a");
    let webhook = tracing::info_span!("webhook");
    vendors.highlevel(&account).lookup(&phone(), live()).instrument(webhook.clone()).await.unwrap();
    let context = webhook.context();
    let trace = opentelemetry::trace::TraceContextExt::span(&context).span_context().trace_id().to_string();
    let told = vendor.only().header("traceparent").to_owned();
    assert_eq!(told.split('-').nth(1), Some(&*trace), "{told}");
}
