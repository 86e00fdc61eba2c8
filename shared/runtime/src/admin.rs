//! The admin listener: `/healthz` (alive), `/readyz` (would serve), `/metrics` (Prometheus text).

use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;

use crate::{Runtime, metrics};

pub(crate) fn router(runtime: &Runtime) -> Router {
    let runtime = runtime.clone();
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(async move || ready(&runtime)))
        .route("/metrics", get(async || metrics().render()))
}

fn ready(runtime: &Runtime) -> Response {
    let (ready, mut checks) = runtime.health.report();
    let stopping = runtime.shutdown.is_cancelled();
    if stopping {
        checks.insert("process".to_owned(), "shutting down".to_owned());
    }
    let status = if ready && !stopping { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready && !stopping, "checks": checks }))).into_response()
}
