//! One request and its answer, read to the end or not at all.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::Utc;
use reqwest::{Client, Request, Response, StatusCode};
use secrecy::SecretString;
use tokio::time::timeout;

use crate::{VendorError, hint, message};

/// The longest answer; the longest that a vendor documents as usual is far below.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// For the body of a 429, from its headers on: it may tell which limit it is about, but a 429 it is without it.
const TOO_MANY_BODY_MAX: Duration = Duration::from_millis(500);

/// The body of a 2xx.
pub(crate) struct Reply(pub(crate) Bytes);

/// Sends the request and reads its answer.
pub(crate) async fn exchange(
    client: Client,
    request: Request,
    secrets: Vec<SecretString>,
) -> Result<Reply, VendorError> {
    let response = client.execute(request).await.map_err(broken_off)?;
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        let headers = response.headers().clone();
        let body = timeout(TOO_MANY_BODY_MAX, read(response)).await.ok().and_then(Result::ok).unwrap_or_default();
        return Err(VendorError::RateLimited(hint::pause(&headers, &body, Utc::now())));
    }
    let body = read(response).await;
    if status.is_success() {
        return body.map(Reply);
    }
    let said = match body {
        _ if status.is_redirection() => "redirects are not followed; correct the account's address".to_owned(),
        Ok(body) => message::of(&body, &secrets),
        Err(_) => String::new(),
    };
    Err(if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        VendorError::Broken(status.as_u16(), said)
    } else {
        VendorError::Refused(status.as_u16(), said)
    })
}

async fn read(mut response: Response) -> Result<Bytes, VendorError> {
    let too_long = || VendorError::Unreadable(format!("it is longer than {BODY_BYTES_MAX} bytes"));
    if response.content_length().is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        return Err(too_long());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(broken_off)? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn broken_off(error: reqwest::Error) -> VendorError {
    let timed_out = error.is_timeout();
    // Its address may hold a phone number.
    let error = error.without_url();
    tracing::debug!(error = &error as &dyn std::error::Error, "a vendor can't be reached");
    if timed_out { VendorError::TimedOut } else { VendorError::Unreachable }
}
