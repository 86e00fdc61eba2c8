//! A sandbox of a test's own, without delays, and calls that have the credentials and versions they need.

use std::{future::Future, time::Duration};

use offhook_sandbox::{Config, NAME, run};
use reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use runtime::Runtime;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// How long a test waits for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// Settings under which nothing waits.
pub(crate) const NO_DELAYS: &str =
    r#"{"highlevel_contacts":0,"highlevel_calendars":0,"hubspot":0,"calcom":0,"zep":0,"mem0":0,"langfuse":0}"#;

/// One running sandbox; ends when dropped.
pub(crate) struct Sandbox {
    pub(crate) url: String,
    pub(crate) runtime: Runtime,
    pub(crate) served: JoinHandle<anyhow::Result<()>>,
    client: Client,
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Sandbox {
    pub(crate) async fn start() -> Self {
        let runtime = Runtime::default();
        let listen = "127.0.0.1:0".parse().unwrap();
        let served = tokio::spawn(run(Config { listen }, runtime.clone()));
        let url = format!("http://{}", runtime.address(NAME).await);
        let sandbox = Self { url, runtime, served, client: Client::new() };
        sandbox.settings(json!({ "memory_lag_ms": 0 })).await;
        sandbox
    }

    /// Sets these, and no delays.
    pub(crate) async fn settings(&self, mut settings: Value) {
        settings["delays_ms"] = serde_json::from_str(NO_DELAYS).unwrap();
        self.put("/_sandbox/faults", json!({ "settings": settings })).await.is(200);
    }

    pub(crate) async fn rules(&self, rules: Value) {
        self.put("/_sandbox/faults", json!({ "rules": rules })).await.is(200);
    }

    /// A request with nothing added to it.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).timeout(LIMIT)
    }

    /// A request with the credentials and the version that its path needs.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.bare(method, path);
        match path.split('/').nth(1) {
            Some("highlevel") if path.starts_with("/highlevel/calendars") => {
                request.bearer_auth("pit-test").header("Version", "2021-04-15")
            }
            Some("highlevel") => request.bearer_auth("pit-test").header("Version", "2021-07-28"),
            Some("calcom") if path.starts_with("/calcom/v2/slots") => {
                request.bearer_auth("cal_test").header("cal-api-version", "2024-09-04")
            }
            Some("calcom") => request.bearer_auth("cal_test").header("cal-api-version", "2024-08-13"),
            Some("hubspot") => request.bearer_auth("pat-test"),
            Some("zep") => request.header("Authorization", "Api-Key z_test"),
            Some("mem0") => request.header("Authorization", "Token m0-test"),
            Some("langfuse") => request.basic_auth("pk-lf-test", Some("sk-lf-test")),
            _ => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::PUT, path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::DELETE, path).json(&body)).await
    }

    /// The journal's entries that fit the query.
    pub(crate) async fn journal(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/_sandbox/requests?{query}")).await.is(200);
        answer["requests"].as_array().unwrap().clone()
    }

    /// How many requests of a vendor's operation ended with `status`; null for those in flight.
    pub(crate) async fn count(&self, vendor: &str, operation: &str, status: Value) -> u64 {
        let counts = self.get("/_sandbox/requests").await.is(200);
        let mut counts = counts["counts"].as_array().unwrap().iter();
        let kind = |line: &&Value| {
            (&line["vendor"], &line["operation"], &line["status"]) == (&json!(vendor), &json!(operation), &status)
        };
        counts.find(kind).map_or(0, |line| line["count"].as_u64().unwrap())
    }

    /// A new contact of `loc_demo`.
    pub(crate) async fn contact(&self, phone: &str) -> String {
        let body = json!({ "locationId": "loc_demo", "phone": phone });
        let contact = self.post("/highlevel/contacts/upsert", body).await.is(200);
        contact["contact"]["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.runtime.shutdown.cancel();
    }
}

impl Answer {
    /// The body, if the status is this one.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

/// Asks again until it is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let wait = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("never {what}"));
}
