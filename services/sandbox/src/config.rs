//! Every setting of the sandbox. Delays, limits and faults are set while it runs, at `/_sandbox/faults`.

use std::net::SocketAddr;

use clap::Parser;

/// Settings of the sandbox.
#[derive(Debug, Clone, Parser)]
#[command(name = "offhook-sandbox", version, about = "Simulates the vendors' APIs, with delays and faults to order")]
pub struct Config {
    /// Where the simulated vendors are served
    #[arg(long, env = "OFFHOOK_SANDBOX_LISTEN", default_value = "127.0.0.1:8099")]
    pub listen: SocketAddr,
}

impl Config {
    /// What is wrong with the settings, all of it at once.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        Vec::new()
    }
}
