//! How a call can fail, in words that may be logged.

use std::time::Duration;

/// Why there is no answer that can be used. Holds no secret, no phone number and nothing of a body but the vendor's own message
/// (200 characters at most).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VendorError {
    /// No answer by the deadline, or within what one request may take.
    #[error("the vendor did not answer in time")]
    TimedOut,
    /// No connection, or one that broke before the answer was complete.
    #[error("the vendor can't be reached")]
    Unreachable,
    /// The vendor has a fault: status 5xx or 408, and what it said.
    #[error("the vendor is broken: {}", said(.0, .1))]
    Broken(u16, String),
    /// The vendor understood and does not want to: any other status but 2xx and 429, and what it said.
    #[error("the vendor refused: {}", said(.0, .1))]
    Refused(u16, String),
    /// The account's budget is used up, or the vendor has said so (429). Ask again after so long; nothing was done.
    #[error("the account's rate is used up for {} ms", .0.as_millis())]
    RateLimited(Duration),
    /// The account has failed so often of late that it is left alone for a while; nothing was sent.
    #[error("the vendor's account is left alone after many failures")]
    Open,
    /// The vendor said yes, and then something else than it documents.
    #[error("the vendor's answer can't be read: {0}")]
    Unreadable(String),
    /// There is no such request: an address that is none, or an argument that the vendor's limits forbid. Nothing was sent.
    #[error("the request can't be made: {0}")]
    Unsendable(String),
}

fn said(status: &u16, message: &str) -> String {
    if message.is_empty() { status.to_string() } else { format!("{status} {message}") }
}

impl VendorError {
    /// Whether the same call may succeed later, with nothing changed here.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        !matches!(self, Self::Refused(..) | Self::Unsendable(_))
    }

    /// Whether the vendor may have done what was asked all the same. Read it back before asking again.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Unreachable | Self::Broken(..) | Self::Unreadable(_))
    }

    /// Whether it tells of an account in trouble, so that the breaker should count it.
    pub(crate) fn is_trouble(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Unreachable | Self::Broken(500.., _))
    }

    /// Whether trying again at once makes sense, as far as the error goes.
    pub(crate) fn is_fleeting(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Unreachable | Self::Broken(..))
    }

    /// Its name in metrics.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Broken(..) => "broken",
            Self::Refused(404, _) => "not_found",
            Self::Refused(..) => "refused",
            Self::RateLimited(_) => "rate_limited",
            Self::Open => "open",
            Self::Unreadable(_) => "unreadable",
            Self::Unsendable(_) => "unsendable",
        }
    }
}

/// What a search found; `None` when the vendor knows of no such thing (404).
pub(crate) fn found<T>(result: Result<T, VendorError>) -> Result<Option<T>, VendorError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(VendorError::Refused(404, _)) => Ok(None),
        Err(error) => Err(error),
    }
}
