//! A request as an operation sees it: path, query, headers and JSON body, read whole within their limits.

use std::time::Duration;

use axum::{
    body::to_bytes,
    extract::{Query, RawPathParams, Request},
    http::{HeaderMap, Method, StatusCode, header::AUTHORIZATION},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::time::{Instant, timeout};

/// The largest body that is read, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// From the end of the headers to the end of the body.
const BODY_MAX: Duration = Duration::from_secs(8);

/// One request.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// As it came, with the query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// As it came.
    pub(crate) bytes: Bytes,
    /// Null if there is none.
    pub(crate) body: Value,
    /// Why the body could not be read.
    pub(crate) unread: Option<(StatusCode, &'static str)>,
    params: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

/// When an operation has its effect, and how long others are not to see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    pub(crate) utc: DateTime<Utc>,
    /// From a write to HighLevel's searches and lists.
    pub(crate) read_lag: Duration,
    /// From a write to HubSpot's searches.
    pub(crate) hubspot_lag: Duration,
    /// From a booking to Cal.com's lists and slots.
    pub(crate) calcom_lag: Duration,
    /// From a message to the memories made of it.
    pub(crate) memory_lag: Duration,
}

impl Call {
    pub(crate) async fn read(params: &RawPathParams, request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let (bytes, mut unread) = match timeout(BODY_MAX, to_bytes(body, BODY_BYTES_MAX)).await {
            Ok(Ok(bytes)) => (bytes, None),
            Ok(Err(_)) => (Bytes::new(), Some((StatusCode::PAYLOAD_TOO_LARGE, "request entity too large"))),
            Err(_) => (Bytes::new(), Some((StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"))),
        };
        let body = if bytes.is_empty() { Some(Value::Null) } else { serde_json::from_slice(&bytes).ok() };
        if body.is_none() {
            unread = Some((StatusCode::BAD_REQUEST, "the body is not JSON"));
        }
        Self {
            method: parts.method,
            path: parts.uri.to_string(),
            query: Query::try_from_uri(&parts.uri).map(|Query(pairs)| pairs).unwrap_or_default(),
            headers: parts.headers,
            bytes,
            body: body.unwrap_or_default(),
            unread,
            params: params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    /// The decoded segment of the path that stands for `name`.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        find(&self.params, name)
    }

    /// The decoded value of the query's `name`, unless it is empty.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name).filter(|value| !value.is_empty())
    }

    /// The body's `name`, if it is a text that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        text(&self.body, name)
    }

    /// What follows `scheme` in the `Authorization` header.
    pub(crate) fn credentials(&self, scheme: &str) -> Option<&str> {
        let (given, rest) = self.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let rest = rest.trim();
        (given.eq_ignore_ascii_case(scheme) && !rest.is_empty()).then_some(rest)
    }
}

/// The `name` of an object, if it is a text that is not empty.
pub(crate) fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
