//! The public listener. Services of one process that name the same address share it.
//!
//! Refuses paths and methods that no service has, in the words of every refusal: a code and a message.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use metrics::counter;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{Runtime, http};

/// The public listeners of a process by the address that was asked for.
pub(crate) type Listeners = HashMap<SocketAddr, Arc<Public>>;

/// A listener that serves what has been added to it so far.
pub(crate) struct Public {
    /// Where it is.
    address: SocketAddr,
    /// Of all services, without and with the answer to what none of them has.
    routes: ArcSwap<(Router, Router)>,
    ended: CancellationToken,
}

impl Runtime {
    /// Serves `routes` of `service` on `address` until shutdown; requests in flight are answered first.
    ///
    /// # Errors
    /// When the address can't be bound.
    pub async fn serve_public(&self, service: &str, address: SocketAddr, routes: Router) -> anyhow::Result<()> {
        let shared = self.public(service, address, &routes).await?;
        shared.ended.cancelled().await;
        Ok(())
    }

    /// The listener of this address with these routes; opened if it is the first time, and not before it has them.
    async fn public(&self, service: &str, address: SocketAddr, routes: &Router) -> anyhow::Result<Arc<Public>> {
        let mut listeners = self.public.lock().await;
        // Port 0 means another port for everybody.
        if let Some(public) = listeners.get(&address).filter(|_| address.port() != 0) {
            public.add(routes);
            self.set_address(service, public.address);
            return Ok(Arc::clone(public));
        }
        let listener = self.listen(service, address).await?;
        let (none, ended) = (ArcSwap::default(), CancellationToken::new());
        let public = Arc::new(Public { address: listener.local_addr()?, routes: none, ended });
        public.add(routes);
        listeners.insert(address, Arc::clone(&public));
        tokio::spawn(Arc::clone(&public).serve(listener, self.shutdown.clone()));
        Ok(public)
    }
}

impl Public {
    fn add(&self, routes: &Router) {
        self.routes.rcu(|before| {
            let all = before.0.clone().merge(routes.clone());
            (all.clone(), all.fallback(not_found).method_not_allowed_fallback(method_not_allowed))
        });
    }

    async fn serve(self: Arc<Self>, listener: tokio::net::TcpListener, shutdown: CancellationToken) {
        // However it ends, whoever waits for it goes on.
        let _ended = self.ended.clone().drop_guard();
        http::serve(listener, move || self.routes.load().1.clone(), shutdown).await;
    }
}

async fn not_found() -> Response {
    refuse(StatusCode::NOT_FOUND, "not_found", "no such path")
}

async fn method_not_allowed() -> Response {
    refuse(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "no such method on this path")
}

fn refuse(status: StatusCode, code: &'static str, message: &'static str) -> Response {
    counter!("offhook_http_refused_total", "code" => code).increment(1);
    (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
}
