//! One webhook is one trace, from the request to the row, over process borders.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message as _;
use testkit::{Delivery, World, until};

use crate::call;

type Spans = Arc<Mutex<Vec<(String, Span)>>>;

/// An OTLP endpoint that keeps what it is sent; its address, and the spans with the name of their service.
async fn sink() -> (String, Spans) {
    let spans = Spans::default();
    let keep = async |State(spans): State<Spans>, body: Bytes| {
        let request = ExportTraceServiceRequest::decode(body).expect("OTLP in protobuf");
        for of_service in request.resource_spans {
            let attributes = of_service.resource.map(|resource| resource.attributes).unwrap_or_default();
            let name = attributes
                .into_iter()
                .find(|attribute| attribute.key == "service.name")
                .and_then(|attribute| attribute.value);
            let name = format!("{:?}", name.and_then(|name| name.value));
            let found = of_service.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.lock().expect("never poisoned").extend(found.map(|span| (name.clone(), span)));
        }
    };
    let router = Router::new().route("/v1/traces", post(keep)).with_state(Arc::clone(&spans));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, spans)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_webhook_to_the_row() {
    let world = World::start().await;
    let (sink, spans) = sink().await;
    let telemetry = [("OTEL_EXPORTER_OTLP_ENDPOINT", sink.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let ingress = world.process(&["ingress"], &telemetry);
    let worker = world.process(&["log-worker"], &telemetry);
    ingress.ready().await;
    Delivery::event("call_started", &call("call_traced")).acknowledged(&ingress.url("ingress").await).await;

    let named = |name: &str| {
        let spans = spans.lock().expect("never poisoned");
        spans.iter().find(|(_, span)| span.name == name).cloned()
    };
    let (door, received) = until("the request's span", async || named("POST /v1/{org}/retell/events")).await;
    let (room, consumed) = until("the worker's span", async || named("log-worker call.started")).await;
    assert!(door.contains("ingress") && room.contains("log-worker"), "two services: {door}, {room}");
    assert_eq!(consumed.trace_id, received.trace_id);
    assert_eq!(consumed.parent_span_id, received.span_id);
    let outcome = consumed.attributes.iter().find(|attribute| attribute.key == "outcome").expect("an outcome");
    assert!(format!("{outcome:?}").contains("done"), "the span ends when the row is committed: {outcome:?}");
    assert!(ingress.terminate().await.success());
    world.settled(log_worker::NAME).await;
    assert!(worker.terminate().await.success());
    world.end().await;
}
