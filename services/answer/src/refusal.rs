//! Why a question is not answered: nobody we know asked it. Nothing else is refused on a live call.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

/// One reason. The code is the outside's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no such organisation, or it has no such source")]
    UnknownOrg,
    #[error("the signature is missing or does not match the body")]
    BadSignature,
    #[error("the signature is more than five minutes from our clock")]
    StaleSignature,
    #[error("the API key is missing or not one of the organisation's")]
    Unauthorized,
}

impl Refusal {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::UnknownOrg => "unknown_org",
            Self::BadSignature => "bad_signature",
            Self::StaleSignature => "stale_signature",
            Self::Unauthorized => "unauthorized",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::UnknownOrg => StatusCode::NOT_FOUND,
            Self::BadSignature | Self::StaleSignature | Self::Unauthorized => StatusCode::UNAUTHORIZED,
        };
        (status, Json(json!({ "error": { "code": self.code(), "message": self.to_string() } }))).into_response()
    }
}
