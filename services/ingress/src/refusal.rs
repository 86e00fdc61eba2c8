//! Why a delivery is not taken, with the status that makes its sender do the right thing.
//!
//! Every refusal is counted. What we may be able to take later has the status after which its source sends again.

use axum::{
    Json,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use metrics::counter;
use serde_json::json;

use crate::door::Door;

/// One reason. The code is the outside's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no such organisation, or it has no such source or channel")]
    UnknownOrg,
    #[error("the signature is missing or does not match the body, or the body is about somebody else")]
    BadSignature,
    #[error("the signature is too far from our clock")]
    StaleSignature,
    #[error("the body is larger than this source may send")]
    BodyTooLarge,
    #[error("the body did not arrive in time, or not whole")]
    Timeout,
    #[error("too much in flight; send it again")]
    Overloaded,
    #[error("the event could not be made durable; send it again")]
    BrokerUnavailable,
    #[error("the organisation's secret can't be read here; send it again")]
    SecretUnavailable,
}

impl Refusal {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::UnknownOrg => "unknown_org",
            Self::BadSignature => "bad_signature",
            Self::StaleSignature => "stale_signature",
            Self::BodyTooLarge => "body_too_large",
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::BrokerUnavailable => "broker_unavailable",
            Self::SecretUnavailable => "secret_unavailable",
        }
    }

    fn status(self, later: StatusCode) -> StatusCode {
        match self {
            Self::UnknownOrg => StatusCode::NOT_FOUND,
            Self::BadSignature | Self::StaleSignature => StatusCode::UNAUTHORIZED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            // Where 5xx means "again", so does 408.
            Self::Timeout if later.is_server_error() => StatusCode::REQUEST_TIMEOUT,
            Self::Timeout | Self::Overloaded | Self::BrokerUnavailable | Self::SecretUnavailable => later,
        }
    }

    /// The answer in the way of `door`, counted under its source.
    pub(crate) fn answer(self, door: &Door) -> Response {
        counter!("offhook_ingress_refused_total", "source" => door.source.as_str(), "code" => self.code()).increment(1);
        let status = self.status(door.later);
        let body = Json(json!({ "error": { "code": self.code(), "message": self.to_string() } }));
        if status == door.later {
            return (status, [(RETRY_AFTER, "1")], body).into_response();
        }
        (status, body).into_response()
    }
}

impl From<sources::Refusal> for Refusal {
    fn from(refusal: sources::Refusal) -> Self {
        match refusal {
            sources::Refusal::BadSignature => Self::BadSignature,
            sources::Refusal::StaleSignature => Self::StaleSignature,
            sources::Refusal::UnreadableKey => Self::SecretUnavailable,
        }
    }
}
