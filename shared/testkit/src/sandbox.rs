//! The vendors, simulated, and what a test does with them: make them fail, and read what they were asked.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{Service, World, until};

/// A running sandbox of a test's own.
pub struct Sandbox {
    /// Where it is.
    pub url: String,
    service: Service,
}

impl World {
    /// Starts the vendors with their usual delays, for the test to steer.
    pub async fn vendors(&self) -> Sandbox {
        let (service, url) = self.sandbox().await;
        Sandbox { url, service }
    }
}

impl Sandbox {
    /// Vendors answer at once.
    pub async fn without_delays(&self) {
        self.quick(json!({ "memory_lag_ms": 0 })).await;
    }

    /// Vendors answer at once, and tell what they are told of a person so much later.
    pub async fn with_memory_lag(&self, lag: Duration) {
        self.quick(json!({ "memory_lag_ms": milliseconds(lag) })).await;
    }

    /// Vendors answer at once, and tell what has changed at their calendar and their CRM so much later.
    pub async fn with_read_lag(&self, lag: Duration) {
        let ms = milliseconds(lag);
        self.quick(json!({ "memory_lag_ms": 0, "calcom_read_lag_ms": ms, "highlevel_read_lag_ms": ms })).await;
    }

    /// Whatever is new at HubSpot is found by a search only after this; the delays are the usual ones.
    pub async fn with_search_lag(&self, lag: Duration) {
        self.steer(json!({ "settings": { "hubspot_read_lag_ms": milliseconds(lag) } })).await;
    }

    async fn quick(&self, mut settings: Value) {
        let delays = ["highlevel_contacts", "highlevel_calendars", "hubspot", "calcom", "zep", "mem0", "langfuse"];
        let delays: serde_json::Map<_, _> = delays.map(|name| (name.to_owned(), json!(0))).into_iter().collect();
        settings["delays_ms"] = Value::Object(delays);
        self.steer(json!({ "settings": settings })).await;
    }

    /// Vendors take the time that they usually do.
    pub async fn with_usual_delays(&self) {
        self.steer(json!({ "settings": {} })).await;
    }

    /// These faults hold from now on, and no others.
    pub async fn faults(&self, rules: Value) {
        self.steer(json!({ "rules": rules })).await;
    }

    /// What was asked, the oldest first: `vendor=zep&operation=memory.search&account=…&since=…`.
    pub async fn journal(&self, query: &str) -> Vec<Value> {
        let found = self.send(Method::GET, &format!("/_sandbox/requests?{query}"), None, None).await;
        found["requests"].as_array().expect("a list").clone()
    }

    /// Everything that the vendors know, by vendor.
    pub async fn state(&self) -> Value {
        self.send(Method::GET, "/_sandbox/state", None, None).await
    }

    /// Every operation that was asked for, as `vendor operation`, in order of the alphabet.
    pub async fn asked(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let journal = self.journal("").await;
        let mut asked: Vec<_> =
            journal.iter().map(|line| format!("{} {}", text(&line["vendor"]), text(&line["operation"]))).collect();
        asked.sort();
        asked
    }

    /// How often an operation was asked for, as `vendor operation`.
    pub async fn times(&self, operation: &str) -> usize {
        self.asked().await.iter().filter(|asked| *asked == operation).count()
    }

    /// How many requests of this account the vendor has had, and how many of them within ten seconds at most.
    pub async fn busiest(&self, account: &str) -> (u64, u64) {
        let found = self.send(Method::GET, "/_sandbox/requests?since=9007199254740991", None, None).await;
        let accounts = found["accounts"].as_array().expect("a list");
        let mine = accounts.iter().find(|line| line["account"] == account).cloned().unwrap_or_default();
        let number = |name: &str| mine[name].as_u64().unwrap_or_default();
        (number("requests"), number("most_in_10_s"))
    }

    /// Waits until everything that was asked is answered.
    pub async fn idle(&self) {
        until("the vendors have answered", async || {
            self.journal("").await.iter().all(|line| !line["status"].is_null()).then_some(())
        })
        .await;
    }

    /// Asks HighLevel for something, as the org's own people would.
    pub async fn highlevel(&self, method: Method, path: &str, body: Value) -> Value {
        let version = if path.starts_with("/calendars") { "2021-04-15" } else { "2021-07-28" };
        self.send(method, &format!("/highlevel{path}"), Some(version), Some(body)).await
    }

    /// Somebody books at Cal.com without us, by number or by e-mail address; the booking.
    pub async fn book_at_calcom(&self, start: &str, attendee: Value) -> Value {
        let booking = json!({ "eventTypeId": 1001, "start": start, "attendee": attendee });
        self.send(Method::POST, "/_sandbox/calcom/bookings", None, Some(booking)).await
    }

    /// Somebody cancels there.
    pub async fn cancel_at_calcom(&self, uid: &str) {
        self.send(Method::DELETE, &format!("/_sandbox/calcom/bookings/{uid}"), None, None).await;
    }

    /// Both memory vendors know this fact about this user.
    pub async fn memory(&self, user_id: &str, fact: &str) {
        let zep = self.url("/zep/api/v2");
        let user = json!({ "user_id": user_id });
        let fact_of = json!({ "user_id": user_id, "type": "text", "data": fact });
        for (path, body) in [("/users", user), ("/graph", fact_of)] {
            ask(Client::new().post(format!("{zep}{path}")).header("Authorization", "Api-Key anything").json(&body))
                .await;
        }
        let message = json!({ "user_id": user_id, "messages": [{ "role": "user", "content": fact }] });
        let mem0 = Client::new().post(self.url("/mem0/v3/memories/add/")).header("Authorization", "Token anything");
        ask(mem0.json(&message)).await;
    }

    /// A new version of a prompt, in production at once.
    pub async fn prompt(&self, name: &str, text: &str) {
        let prompt = json!({ "name": name, "type": "text", "prompt": text, "labels": ["production"] });
        let langfuse = Client::new().post(self.url("/langfuse/api/public/v2/prompts"));
        ask(langfuse.basic_auth("pk", Some("sk")).json(&prompt)).await;
    }

    /// Ends it; whoever asks then finds nobody.
    pub async fn stop(self) {
        self.service.stop().await;
    }

    async fn steer(&self, wanted: Value) {
        self.send(Method::PUT, "/_sandbox/faults", None, Some(wanted)).await;
    }

    async fn send(&self, method: Method, path: &str, version: Option<&str>, body: Option<Value>) -> Value {
        let mut request = Client::new().request(method, self.url(path)).bearer_auth("anything");
        if let Some(version) = version {
            request = request.header("Version", version);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        ask(request).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

/// The answer's JSON; nothing else will do.
async fn ask(request: RequestBuilder) -> Value {
    let response = request.send().await.expect("the sandbox answers");
    let (status, url) = (response.status(), response.url().clone());
    let text = response.text().await.expect("text");
    assert!(status.is_success(), "{url}: {status} {text}");
    serde_json::from_str(&text).expect("JSON")
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
