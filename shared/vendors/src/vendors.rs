//! What all calls of a process share: connections, budgets, breakers, and how many repetitions it may add to a bad hour.

use std::{sync::Arc, time::Duration};

use cache::Cache;
use reqwest::{Client, redirect};
use tower::retry::budget::TpsBudget;

use crate::breaker::Breakers;

/// How long a connection that nobody uses is kept; below what load balancers keep theirs.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Unused connections kept to one host.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// Repetitions: so much of the calls of the last ten seconds…
const RETRY_SHARE: f32 = 0.1;
const RETRY_WINDOW: Duration = Duration::from_secs(10);
/// …and so many in each second anyway.
const RETRIES_PER_SECOND: u32 = 1;

/// Limits of every call, beside its own deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until a connection stands; 2 s.
    pub connect: Duration,
    /// From sending one request to the end of its answer; 10 s. A lease on vendor work must be longer.
    pub request: Duration,
    /// How long an account that keeps failing is left alone before one call tries it; 5 s.
    pub rest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(2), request: Duration::from_secs(10), rest: Duration::from_secs(5) }
    }
}

/// The vendors as one process reaches them; one per process. Cheap to clone.
#[derive(Clone)]
pub struct Vendors(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) client: Client,
    pub(crate) cache: Cache,
    pub(crate) breakers: Breakers,
    pub(crate) retries: TpsBudget,
    pub(crate) limits: Limits,
}

/// The client can't be made: its TLS finds no root certificates.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client: {0}")]
pub struct NoClient(#[from] reqwest::Error);

impl Vendors {
    /// Vendors within these limits; the rate budgets are those of `cache`. Connects to nobody yet.
    ///
    /// # Errors
    /// When the machine has no certificates to trust.
    pub fn new(cache: Cache, limits: Limits) -> Result<Self, NoClient> {
        let client = Client::builder()
            .user_agent(concat!("offhook/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect)
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            // A POST that is sent on becomes a GET; an API that redirects has another address.
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self(Arc::new(Inner {
            client,
            cache,
            breakers: Breakers::new(limits.rest),
            retries: TpsBudget::new(RETRY_WINDOW, RETRIES_PER_SECOND, RETRY_SHARE),
            limits,
        })))
    }
}
