//! The ceiling: an axum handler that reads the question and answers the same bytes every time, in a process of its own.
//!
//! No signature, no cache, no event: what is left is HTTP, the kernel and the client that asks.

use std::{net::SocketAddr, process::Stdio};

use axum::{Router, body::Bytes, http::header::CONTENT_TYPE, routing::post};
use testkit::until;
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use crate::peer::free_address;

/// The word by which this program is told to be the ceiling instead of the benchmark; address and answer follow.
pub(crate) const WORD: &str = "--bare";

/// The ceiling as a process.
pub(crate) struct Bare {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Bare {
    pub(crate) async fn start(answer: &str) -> Self {
        let address = free_address().await;
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args([WORD, &address.to_string(), answer]).stdout(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().expect("this program can be started");
        until("the ceiling listens", async || TcpStream::connect(address).await.ok()).await;
        Self { child, address }
    }

    pub(crate) async fn stop(mut self) {
        self.child.kill().await.expect("it can be ended");
    }
}

/// Serves until killed.
pub(crate) async fn serve() {
    let mut words = std::env::args().skip_while(|word| word != WORD).skip(1);
    let mut word = || words.next().expect("the benchmark says address and answer");
    let (address, answer) = (word(), Bytes::from(word()));
    let inbound = move |question: Bytes| async move {
        drop(question);
        ([(CONTENT_TYPE, "application/json")], answer)
    };
    let listener = TcpListener::bind(address).await.expect("the address is free");
    axum::serve(listener, Router::new().route("/v1/{org}/retell/inbound", post(inbound))).await.expect("it serves");
}
