//! What people build by hand, run beside ours: FastAPI, uvicorn and redis.asyncio, in an environment of their own.

use std::{net::SocketAddr, path::PathBuf, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};
use testkit::{LIMIT, until};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

use crate::figures::say;

/// The peer as a process with workers.
pub(crate) struct Peer {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Peer {
    /// Starts it with so many workers; `None`, and a line that says why, when it can't be had.
    pub(crate) async fn start(redis_url: &str, key: &str, workers: usize) -> Option<Self> {
        if let Err(why) = install().await {
            say(format_args!("\nno peer to compare with: {why}"));
            return None;
        }
        let address = free_address().await;
        let (host, port, workers) = (address.ip().to_string(), address.port().to_string(), workers.to_string());
        let mut command = Command::new(environment().join("bin/uvicorn"));
        command.args(["answer:app", "--host", &host, "--port", &port, "--workers", &workers, "--no-access-log"]);
        command.arg("--app-dir").arg(sources()).env("REDIS_URL", redis_url).env("PEER_KEY", key);
        command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().expect("uvicorn is installed");
        until("the peer listens", async || TcpStream::connect(address).await.ok()).await;
        Some(Self { child, address })
    }

    /// Ends it and its workers.
    pub(crate) async fn stop(mut self) {
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).expect("the peer runs");
        kill_process(pid, Signal::TERM).expect("the peer can be signalled");
        timeout(LIMIT, self.child.wait()).await.expect("the peer ends").expect("the peer can be waited for");
    }
}

/// Makes the environment, once; the reason when that fails.
async fn install() -> Result<(), String> {
    if environment().join("bin/uvicorn").is_file() {
        return Ok(());
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(environment());
    finish(make).await?;
    let mut fill = Command::new(environment().join("bin/pip"));
    fill.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    fill.arg(sources().join("requirements.txt"));
    finish(fill).await
}

async fn finish(mut command: Command) -> Result<(), String> {
    let done = command.output().await.map_err(|error| format!("{command:?}: {error}"))?;
    let why = String::from_utf8_lossy(&done.stderr);
    let last = why.trim().lines().next_back().unwrap_or_default();
    if done.status.success() { Ok(()) } else { Err(format!("{command:?}: {last}")) }
}

fn environment() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.offhook/peers")
}

fn sources() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("bench/peers")
}

/// An address that nobody listens at now.
pub(crate) async fn free_address() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("a bound listener has an address")
}
