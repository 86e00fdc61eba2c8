//! Rules that make a vendor slow, failing or silent, and which of them a request meets.

use std::time::Duration;

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use crate::{operation::Operation, reply::Reply, vendor::Vendor};

/// One rule. The first that fits a request and is not spent holds for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Rule {
    pub(crate) vendor: Vendor,
    /// Any operation if missing.
    pub(crate) operation: Option<String>,
    /// Any account if missing.
    pub(crate) account: Option<String>,
    /// Instead of the usual delay.
    pub(crate) delay_ms: Option<u64>,
    /// Answered instead of the effect.
    pub(crate) status: Option<u16>,
    /// The answer's body; an error in the vendor's shape if missing.
    pub(crate) body: Option<Value>,
    /// Never answered.
    pub(crate) hang: bool,
    /// The `Retry-After` of the answer.
    pub(crate) retry_after_s: Option<u64>,
    /// How many requests it holds for; all if missing.
    pub(crate) times: Option<u64>,
    /// The effect happens first.
    pub(crate) after_effect: bool,
    /// How many requests it has held for.
    pub(crate) used: u64,
}

impl Rule {
    /// Whether the rule holds for one more request, which it is then used for.
    fn holds(&mut self, operation: &Operation, account: &str) -> bool {
        let holds = self.vendor == operation.vendor
            && self.operation.as_ref().is_none_or(|name| name == operation.name)
            && self.account.as_ref().is_none_or(|name| name == account)
            && self.times.is_none_or(|times| self.used < times);
        self.used += u64::from(holds);
        holds
    }

    pub(crate) fn delay(&self) -> Option<Duration> {
        self.delay_ms.map(Duration::from_millis)
    }

    /// The answer that it gives instead of the effect's.
    pub(crate) fn reply(&self) -> Option<Reply> {
        let status = StatusCode::from_u16(self.status?).ok()?;
        let mut reply = self.vendor.error(status, status.canonical_reason().unwrap_or("a fault to order"));
        if let Some(body) = &self.body {
            reply.body = body.clone();
        }
        reply.headers.extend(self.retry_after_s.map(|seconds| ("retry-after", seconds)));
        Some(reply)
    }
}

/// The rule that a request meets, if any.
pub(crate) fn meet(rules: &mut [Rule], operation: &Operation, account: &str) -> Option<Rule> {
    rules.iter_mut().find_map(|rule| rule.holds(operation, account).then(|| rule.clone()))
}
