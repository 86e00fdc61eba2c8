//! One HTTP/1.1 listener: bounded connections, a deadline for slow headers, and a drain that ends.
//!
//! `axum::serve` sets no timer, so hyper's header deadline would never fire; hence this loop. HTTP/2 is left to the proxy
//! in front: telling the two apart waits for a first byte without a deadline.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

/// Connections open at a time; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 4096;
/// From the end of one request, or from the connection's begin, to the end of the next one's headers. Longer than the
/// 60 s for which proxies keep idle connections: else they would now and then use one that we are just closing.
const HEADERS_MAX: Duration = Duration::from_secs(75);
/// All requests in flight together, after shutdown.
const DRAIN_MAX: Duration = Duration::from_secs(12);
/// After a failed accept (no file descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown`, then lets requests in flight finish for at most 12 s. Each request goes to what `routes` says then.
pub async fn serve<R>(listener: TcpListener, routes: R, shutdown: CancellationToken)
where
    R: Fn() -> Router + Clone + Send + 'static,
{
    serve_with(listener, routes, shutdown, HEADERS_MAX).await;
}

async fn serve_with<R>(listener: TcpListener, routes: R, shutdown: CancellationToken, headers_max: Duration)
where
    R: Fn() -> Router + Clone + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(headers_max);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Some(accepted) = shutdown.run_until_cancelled(accept(&listener, &places)).await {
        let Some((stream, place)) = accepted else { continue };
        let routes = routes.clone();
        let service = service_fn(move |request| routes().call(request));
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_MAX, graceful.shutdown()).await.is_err() {
        tracing::warn!(limit_s = DRAIN_MAX.as_secs(), "requests were cut off by shutdown");
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            stream.set_nodelay(true).ok();
            Some((stream, place))
        }
        Err(error) => {
            tracing::warn!(%error, "connection not accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    #[tokio::test]
    async fn a_client_that_never_ends_its_headers_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(serve_with(listener, Router::new, shutdown.clone(), Duration::from_millis(100)));
        for begun in ["", "P", "PRI * HT", "POST / HTTP/1.1\r\nhost: x\r\n"] {
            let mut silent = TcpStream::connect(address).await.unwrap();
            silent.write_all(begun.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let ended = tokio::time::timeout(Duration::from_secs(20), silent.read_to_end(&mut answer)).await;
            assert!(ended.is_ok(), "still open after {begun:?}");
        }
        shutdown.cancel();
        server.await.unwrap();
    }
}
