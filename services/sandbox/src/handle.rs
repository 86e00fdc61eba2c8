//! The verb: answer for a vendor, from a request to the end of its effect, its delay and its fault.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{RawPathParams, Request},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::on,
};
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    call::Call,
    control,
    fault::Rule,
    operation::{OPERATIONS, Operation},
    reply::Reply,
    vendor::Vendor,
    world::{Arrival, Plan, World, over},
};

/// Requests in flight, whether their callers have left or not.
const REQUESTS_MAX: usize = 16_384;
/// Requests that hang; further ones are refused.
const HANGING_MAX: usize = 1024;
/// In the journal, a request whose caller left while it hung. As nginx says it.
const CALLER_LEFT: u16 = 499;

/// All vendors, and what waits in them.
pub(crate) struct Sandbox {
    pub(crate) world: Mutex<World>,
    pub(crate) shutdown: CancellationToken,
    places: Arc<Semaphore>,
    hanging: Semaphore,
}

pub(crate) fn router(sandbox: &Arc<Sandbox>) -> Router {
    let mut router = control::router(sandbox);
    for operation in OPERATIONS {
        let sandbox = Arc::clone(sandbox);
        let handler = move |params, request| receive(sandbox, operation, params, request);
        let path = format!("/{}{}", operation.vendor.as_str(), operation.path);
        router = router.route(&path, on(operation.method, handler));
    }
    let (lost, mistaken) = (Arc::clone(sandbox), Arc::clone(sandbox));
    router
        .fallback(move |params, request| stray(lost, params, request))
        .method_not_allowed_fallback(move |params, request| stray(mistaken, params, request))
}

/// A request that is none of the operations: its vendor's error, in its vendor's journal.
async fn stray(sandbox: Arc<Sandbox>, params: RawPathParams, request: Request) -> Response {
    let prefix = request.uri().path().split('/').nth(1).unwrap_or_default();
    match Vendor::ALL.into_iter().find(|vendor| vendor.as_str() == prefix) {
        Some(vendor) => receive(sandbox, Operation::unknown(vendor), params, request).await,
        None => control::refusal(StatusCode::NOT_FOUND, "not_found", "no such path").into_response(),
    }
}

async fn receive(
    sandbox: Arc<Sandbox>,
    operation: &'static Operation,
    params: RawPathParams,
    request: Request,
) -> Response {
    let Ok(place) = Arc::clone(&sandbox.places).try_acquire_owned() else {
        let refusal = operation.vendor.error(StatusCode::SERVICE_UNAVAILABLE, "too many requests in flight");
        return refusal.into_response();
    };
    let call = Call::read(&params, request).await;
    let caller = CancellationToken::new();
    let _leaves = caller.clone().drop_guard();
    let carried_out = tokio::spawn(async move {
        let _place = place;
        sandbox.carry_out(operation, &call, &caller).await
    });
    carried_out.await.map_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response(), Reply::into_response)
}

impl Sandbox {
    pub(crate) fn new(shutdown: CancellationToken) -> Self {
        Self {
            world: Mutex::new(World::new(&shutdown)),
            shutdown,
            places: Arc::new(Semaphore::new(REQUESTS_MAX)),
            hanging: Semaphore::new(HANGING_MAX),
        }
    }

    /// One request, from its line in the journal to its status there.
    async fn carry_out(&self, operation: &Operation, call: &Call, caller: &CancellationToken) -> Reply {
        let began = Instant::now();
        let Arrival { seq, headers, era, plan } = self.world.lock().arrive(operation, call);
        let mut reply = match plan {
            Ok(plan) => self.follow(plan, operation, call, &era, caller).await,
            Err(refusal) => refusal,
        };
        reply.headers.extend(headers);
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.world.lock().journal.close(seq, operation, reply.status.as_u16(), ms);
        reply
    }

    async fn follow(
        &self,
        plan: Plan,
        operation: &Operation,
        call: &Call,
        era: &CancellationToken,
        caller: &CancellationToken,
    ) -> Reply {
        let effect = || self.world.lock().effect(operation, call, era);
        let fault = plan.fault.as_ref();
        let early = fault.is_some_and(|fault| fault.after_effect).then(effect);
        pause(plan.delay, era).await;
        if fault.is_some_and(|fault| fault.hang) {
            return self.hang(operation, era, caller).await;
        }
        fault.and_then(Rule::reply).or(early).unwrap_or_else(effect)
    }

    /// Until the caller has left, a reset, or the end.
    async fn hang(&self, operation: &Operation, era: &CancellationToken, caller: &CancellationToken) -> Reply {
        let gone = StatusCode::from_u16(CALLER_LEFT).unwrap_or(StatusCode::REQUEST_TIMEOUT);
        let Ok(_place) = self.hanging.try_acquire() else {
            return operation.vendor.error(StatusCode::SERVICE_UNAVAILABLE, "too many requests hang");
        };
        tokio::select! {
            () = caller.cancelled() => operation.vendor.error(gone, "the caller has left"),
            () = era.cancelled() => over(operation.vendor),
        }
    }
}

async fn pause(delay: Duration, era: &CancellationToken) {
    if !delay.is_zero() {
        era.run_until_cancelled(tokio::time::sleep(delay)).await;
    }
}
