//! A delivery to ingress, signed as Retell signs it or spoiled on purpose.

use chrono::Utc;
use contract::Timestamp;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use sources::retell::{SIGNATURE_HEADER, sign};

/// The key of org `demo`.
pub const KEY: &str = "key_demo_of_this_test";
/// The key of org `other`.
pub const OTHER_KEY: &str = "key_other_of_this_test";

/// One request that can be sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    org: String,
    key: String,
    at: Timestamp,
    body: Vec<u8>,
    signature: Option<Option<String>>,
}

impl Delivery {
    /// A body for org `demo`, signed now with its key.
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self { org: "demo".to_owned(), key: KEY.to_owned(), at: Utc::now(), body: body.into(), signature: None }
    }

    /// The event `event` about the call `call`.
    #[must_use]
    pub fn event(event: &str, call: &Value) -> Self {
        Self::new(serde_json::json!({ "event": event, "call": call }).to_string())
    }

    /// To another org.
    #[must_use]
    pub fn to(self, org: &str) -> Self {
        Self { org: org.to_owned(), ..self }
    }

    /// Signed with another key.
    #[must_use]
    pub fn signed_by(self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self }
    }

    /// Signed at another time.
    #[must_use]
    pub fn signed_at(self, at: Timestamp) -> Self {
        Self { at, ..self }
    }

    /// With this signature header, or with none.
    #[must_use]
    pub fn signature(self, signature: Option<String>) -> Self {
        Self { signature: Some(signature), ..self }
    }

    /// With another body under the signature of this one.
    #[must_use]
    pub fn but_body(self, body: impl Into<Vec<u8>>) -> Self {
        let signature = self.header();
        Self { body: body.into(), ..self }.signature(signature)
    }

    /// The signature header as it will be sent.
    #[must_use]
    pub fn header(&self) -> Option<String> {
        self.signature.clone().unwrap_or_else(|| Some(sign(&self.key, &self.body, self.at)))
    }

    /// Sends it to the ingress at `url`.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(self, url: &str) -> Response {
        self.try_send(url).await.expect("ingress answers")
    }

    /// Sends it; an error is no answer.
    ///
    /// # Errors
    /// When the connection failed.
    pub async fn try_send(self, url: &str) -> reqwest::Result<Response> {
        let mut request = Client::new().post(format!("{url}/v1/{}/retell/events", self.org));
        if let Some(header) = self.header() {
            request = request.header(SIGNATURE_HEADER, header);
        }
        request.header("content-type", "application/json").body(self.body).send().await
    }

    /// Sends it and expects it to be acknowledged.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn acknowledged(self, url: &str) {
        let response = self.send(url).await;
        let status = response.status();
        assert_eq!(status, StatusCode::NO_CONTENT, "{}", response.text().await.unwrap_or_default());
    }

    /// Sends it and expects this refusal.
    ///
    /// # Panics
    /// When it is taken, or refused otherwise.
    pub async fn refused(self, url: &str, status: u16, code: &str) {
        let response = self.send(url).await;
        assert_eq!(response.status(), status, "{code}");
        let body: Value = response.json().await.expect("a refusal is JSON");
        assert_eq!(body["error"]["code"], code, "{body}");
    }
}
