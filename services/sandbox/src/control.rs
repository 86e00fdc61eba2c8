//! The way to steer the sandbox and to look into it: `/_sandbox/faults`, `/requests`, `/state`, `/reset`,
//! and `/calcom/bookings`, where somebody books and cancels without us.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, Query, State as Shared},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde_json::{Value, json};

use crate::{
    fault_input, handle::Sandbox, journal::Filter, operation, settings::Settings, vendor::Vendor, world::World,
};

/// The largest body that is read, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

type Parameters = Query<BTreeMap<String, String>>;

pub(crate) fn router(sandbox: &Arc<Sandbox>) -> Router {
    Router::new()
        .route("/_sandbox/faults", get(faults).put(set_faults))
        .route("/_sandbox/requests", get(requests))
        .route("/_sandbox/state", get(state))
        .route("/_sandbox/calcom/bookings", post(book))
        .route("/_sandbox/calcom/bookings/{uid}", delete(unbook))
        .route("/_sandbox/reset", post(reset))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::clone(sandbox))
}

/// A refusal as the house's other services say it.
pub(crate) fn refusal(status: StatusCode, code: &str, message: &str) -> impl IntoResponse {
    (status, Json(json!({ "error": { "code": code, "message": message } })))
}

async fn faults(Shared(sandbox): Shared<Arc<Sandbox>>) -> Json<Value> {
    Json(shown(&sandbox.world.lock()))
}

async fn set_faults(Shared(sandbox): Shared<Arc<Sandbox>>, body: bytes::Bytes) -> Response {
    let input = serde_json::from_slice(&body).map_err(|error| vec![format!("the body: {error}")]);
    match input.and_then(fault_input::read) {
        Ok(wanted) => {
            let mut world = sandbox.world.lock();
            world.set(wanted);
            Json(shown(&world)).into_response()
        }
        Err(faults) => {
            let message = "nothing was changed";
            let error = json!({ "error": { "code": "bad_faults", "message": message, "faults": faults } });
            (StatusCode::BAD_REQUEST, Json(error)).into_response()
        }
    }
}

fn shown(world: &World) -> Value {
    let operations: BTreeMap<_, _> = Vendor::ALL.map(|vendor| (vendor.as_str(), operation::names(vendor))).into();
    json!({
        "rules": world.rules,
        "settings": world.settings,
        "defaults": Settings::default(),
        "operations": operations,
    })
}

async fn requests(Shared(sandbox): Shared<Arc<Sandbox>>, Query(query): Parameters) -> Response {
    let wanted = |name: &str| query.get(name).map(String::as_str);
    let Ok(since) = wanted("since").map(str::parse).transpose() else {
        return refusal(StatusCode::BAD_REQUEST, "bad_query", "since is a request's number").into_response();
    };
    if let Some(name) = query.keys().find(|name| !["vendor", "operation", "account", "since"].contains(&name.as_str()))
    {
        let message = format!("{name} is none of vendor, operation, account, since");
        return refusal(StatusCode::BAD_REQUEST, "bad_query", &message).into_response();
    }
    let filter = Filter { vendor: wanted("vendor"), operation: wanted("operation"), account: wanted("account"), since };
    let world = sandbox.world.lock();
    let body = json!({
        "requests": world.journal.requests(&filter),
        "counts": world.journal.counts(),
        "accounts": world.windows.busiest(),
    });
    Json(body).into_response()
}

async fn state(Shared(sandbox): Shared<Arc<Sandbox>>) -> Json<Value> {
    Json(sandbox.world.lock().state.shown())
}

async fn book(Shared(sandbox): Shared<Arc<Sandbox>>, Json(wanted): Json<Value>) -> Response {
    match sandbox.world.lock().book(&wanted) {
        Ok(booking) => (StatusCode::CREATED, Json(booking)).into_response(),
        Err(why) => refusal(StatusCode::BAD_REQUEST, "bad_booking", &why).into_response(),
    }
}

async fn unbook(Shared(sandbox): Shared<Arc<Sandbox>>, Path(uid): Path<String>) -> Response {
    match sandbox.world.lock().unbook(&uid) {
        Some(booking) => Json(booking).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "not_found", "no such booking").into_response(),
    }
}

async fn reset(Shared(sandbox): Shared<Arc<Sandbox>>) -> StatusCode {
    sandbox.world.lock().reset(&sandbox.shutdown);
    StatusCode::NO_CONTENT
}
