//! The one way to a vendor: deadline, breaker, budget, request, and at most one repetition.

use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use futures_util::future::BoxFuture;
use metrics::{counter, histogram};
use reqwest::Request;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};
use tower::retry::budget::Budget as _;
use tracing::{Instrument as _, field::Empty};

use crate::{
    By, VendorError,
    breaker::Breaker,
    draft::{Draft, Operation},
    exchange::{Reply, exchange},
    line::Line,
    trace,
};

/// Before the one repetition.
const PAUSE: Duration = Duration::from_millis(100);
/// The outcome, in metrics, of a call for which our own budget had nothing left; a vendor's 429 is `rate_limited`.
const NO_BUDGET: &str = "no_budget";

impl Line<'_> {
    /// Asks the vendor, and once again if it has failed for a moment and asking twice does no harm.
    pub(crate) async fn call<T: DeserializeOwned + Send>(
        &self,
        by: By,
        operation: Operation,
        draft: Draft<'_>,
    ) -> Result<T, VendorError> {
        let request = draft.request(self.base_url, self.authorization()?)?;
        let retries = &self.vendors.0.retries;
        retries.deposit();
        let mut first = None;
        // Boxed: what is borrowed across so many layers is beyond what the compiler can show a caller to be `Send`.
        let attempt = || -> BoxFuture<'_, Result<T, VendorError>> { Box::pin(self.attempt(by, operation, &request)) };
        let attempts: BoxFuture<'_, Result<T, VendorError>> = Box::pin(
            attempt
                .retry(ConstantBuilder::new().with_delay(PAUSE).with_max_times(1))
                .when(|error| operation.repeatable && error.is_fleeting() && by.allows(PAUSE))
                // Not in `when`, which is asked after the last attempt too.
                .adjust(|_, pause| pause.filter(|_| retries.withdraw()))
                .notify(|error: &VendorError, _| first = Some(error.clone()))
                .into_future(),
        );
        let result = attempts.await;
        match (result, first) {
            // The repetition was turned away; the first attempt may have done something all the same.
            (Err(VendorError::RateLimited(_) | VendorError::Open), Some(first)) => Err(first),
            (result, _) => result,
        }
    }

    /// One attempt, measured.
    async fn attempt<T: DeserializeOwned + Send>(
        &self,
        by: By,
        operation: Operation,
        request: &Request,
    ) -> Result<T, VendorError> {
        let vendor = self.vendor.name;
        let span = tracing::info_span!(
            "vendor", otel.kind = "client", vendor, operation = operation.name, org = %self.account.org, outcome = Empty
        );
        let (result, outcome) = async {
            let breaker = self.vendors.0.breakers.of(vendor, &self.account);
            match self.admit(by, &breaker).await {
                Ok(()) => {
                    let reply = self.send(by, operation, &breaker, request).await;
                    let result = reply.and_then(|reply| read(&reply));
                    let outcome = result.as_ref().map_or_else(VendorError::outcome, |_| "ok");
                    (result, outcome)
                }
                Err(error @ VendorError::RateLimited(_)) => (Err(error), NO_BUDGET),
                Err(error) => {
                    let outcome = error.outcome();
                    (Err(error), outcome)
                }
            }
        }
        .instrument(span.clone())
        .await;
        span.record("outcome", outcome);
        let requests = counter!(
            "offhook_vendor_requests_total", "vendor" => vendor, "operation" => operation.name, "outcome" => outcome
        );
        requests.increment(1);
        result
    }

    /// Whether it may be sent now: there is time, the account is not left alone, and its budget has one call left.
    async fn admit(&self, by: By, breaker: &Breaker) -> Result<(), VendorError> {
        loop {
            if !by.allows(Duration::ZERO) {
                return Err(VendorError::TimedOut);
            }
            if breaker.is_open().await {
                return Err(VendorError::Open);
            }
            let taken = self.vendors.0.cache.take(&self.account, &self.vendor.rate, by.priority());
            match by.until(taken).await {
                None => return Err(VendorError::TimedOut),
                Some(Ok(())) => return Ok(()),
                Some(Err(wait)) if !by.waits(wait.max(Duration::from_millis(1))).await => {
                    return Err(VendorError::RateLimited(wait));
                }
                Some(Err(_)) => {}
            }
        }
    }

    /// Sends it, however long it has waited, for as long as one request may take.
    async fn send(
        &self,
        by: By,
        operation: Operation,
        breaker: &Breaker,
        request: &Request,
    ) -> Result<Reply, VendorError> {
        let vendors = &self.vendors.0;
        let mut request =
            request.try_clone().ok_or_else(|| VendorError::Unsendable("a body that can't be sent twice".to_owned()))?;
        trace::inject(request.headers_mut());
        let (begin, end) = (Instant::now(), by.end(vendors.limits.request));
        let sent = exchange(vendors.client.clone(), request, self.secrets.clone());
        let sent = async move { timeout_at(end, sent).await.unwrap_or(Err(VendorError::TimedOut)) };
        let reply = breaker.run(Box::pin(sent)).await;
        if let Err(VendorError::Open) = reply {
            return reply;
        }
        let seconds = histogram!("offhook_vendor_seconds", "vendor" => self.vendor.name, "operation" => operation.name);
        seconds.record(begin.elapsed());
        if let Err(VendorError::RateLimited(wait)) = reply {
            // This process knows at once, whether or not there is time to tell the others.
            by.until(vendors.cache.pause(&self.account, wait)).await;
        }
        reply
    }
}

/// The answer's JSON; no body reads as `null`.
fn read<T: DeserializeOwned>(Reply(body): &Reply) -> Result<T, VendorError> {
    let json = if body.is_empty() { b"null" } else { &body[..] };
    serde_json::from_slice(json).map_err(|error| {
        // Its own words may quote a value; only a field's name is ours to tell.
        let words = error.to_string();
        let why = words.starts_with("missing field").then_some(words);
        VendorError::Unreadable(why.unwrap_or_else(|| {
            format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column())
        }))
    })
}
