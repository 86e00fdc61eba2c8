//! Breakers: an account that keeps failing is left alone for a while, then tried by one call.
//!
//! One per vendor account, so that one org's dead CRM delays nobody else. Only timeouts, broken connections and 5xx count; a
//! vendor that refuses is well. The only user of the breaker's crate.

use std::{collections::HashMap, convert::identity, time::Duration};

use cache::Account;
use futures_util::future::BoxFuture;
use metrics::gauge;
use parking_lot::Mutex;
use tower::{ServiceExt as _, service_fn, util::ServiceFn};
use tower_resilience_circuitbreaker::{
    CircuitBreaker, CircuitBreakerError, CircuitBreakerLayer, CircuitState, FnClassifier, SlidingWindowType,
};

use crate::{VendorError, exchange::Reply};

/// What is looked back on.
const WINDOW: Duration = Duration::from_secs(30);
/// So many calls in the window before it says anything…
const CALLS_MIN: usize = 5;
/// …and so much of them failed.
const FAILURES: f64 = 0.5;
/// Accounts with a breaker at once.
const ACCOUNTS_MAX: usize = 10_000;

/// A request under way.
pub(crate) type Sent = BoxFuture<'static, Result<Reply, VendorError>>;
type Judge = fn(&Result<Reply, VendorError>) -> bool;
type Circuit = CircuitBreaker<ServiceFn<fn(Sent) -> Sent>, FnClassifier<Judge>>;

/// The breakers of a process.
pub(crate) struct Breakers {
    rest: Duration,
    by_account: Mutex<HashMap<Account, Breaker>>,
}

/// One account's breaker.
#[derive(Clone)]
pub(crate) struct Breaker {
    rest: Duration,
    circuit: Circuit,
}

impl Breakers {
    pub(crate) fn new(rest: Duration) -> Self {
        Self { rest, by_account: Mutex::default() }
    }

    /// The account's breaker. When there are too many, those of accounts that are well are forgotten; if none is, a new account
    /// goes without.
    pub(crate) fn of(&self, vendor: &'static str, account: &Account) -> Breaker {
        let mut by_account = self.by_account.lock();
        if let Some(breaker) = by_account.get(account) {
            return breaker.clone();
        }
        if by_account.len() >= ACCOUNTS_MAX {
            by_account.retain(|_, breaker| breaker.circuit.state_sync() != CircuitState::Closed);
        }
        let breaker = Breaker::new(vendor, account, self.rest);
        if by_account.len() < ACCOUNTS_MAX {
            by_account.insert(account.clone(), breaker.clone());
        }
        breaker
    }
}

impl Breaker {
    fn new(vendor: &'static str, account: &Account, rest: Duration) -> Self {
        let (org, name) = (account.org.clone(), account.name.clone());
        let layer = CircuitBreakerLayer::builder()
            .sliding_window_type(SlidingWindowType::TimeBased)
            .sliding_window_duration(WINDOW)
            .minimum_number_of_calls(CALLS_MIN)
            .failure_rate_threshold(FAILURES)
            .wait_duration_in_open(rest)
            .permitted_calls_in_half_open(1)
            .failure_classifier_type(FnClassifier::new(is_trouble as Judge))
            .on_state_transition(move |from, to| {
                let open = gauge!("offhook_vendor_breakers_open", "vendor" => vendor);
                match (from, to) {
                    (CircuitState::Closed, _) => {
                        open.increment(1.0);
                        tracing::warn!(%org, account = name, "a vendor's account keeps failing and is left alone");
                    }
                    (_, CircuitState::Closed) => {
                        open.decrement(1.0);
                        tracing::info!(%org, account = name, "a vendor's account is well again");
                    }
                    _ => {}
                }
            })
            .build()
            .expect("the figures above are valid");
        Self { rest, circuit: layer.layer_fn(service_fn(identity as fn(Sent) -> Sent)) }
    }

    /// Whether it would turn a call away now. One that is not turned away here still can be by [`Self::run`], as only one call
    /// at a time tries an account that failed.
    pub(crate) async fn is_open(&self) -> bool {
        if self.circuit.state_sync() != CircuitState::Open {
            return false;
        }
        let metrics = self.circuit.metrics().await;
        metrics.state == CircuitState::Open && metrics.time_since_state_change < self.rest
    }

    /// Sends, unless the account is left alone, and learns from the outcome. Dropped half way, it learns nothing.
    pub(crate) async fn run(&self, sent: Sent) -> Result<Reply, VendorError> {
        let sent: BoxFuture<'static, _> = Box::pin(self.circuit.clone().oneshot(sent));
        sent.await.map_err(|error| match error {
            CircuitBreakerError::OpenCircuit => VendorError::Open,
            CircuitBreakerError::Inner(error) => error,
        })
    }
}

fn is_trouble(result: &Result<Reply, VendorError>) -> bool {
    result.as_ref().is_err_and(VendorError::is_trouble)
}
