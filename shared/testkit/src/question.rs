//! A question that a provider asks while the line rings, authentic or spoiled on purpose, and its answer.

use std::collections::BTreeMap;

use chrono::Utc;
use contract::Timestamp;
use reqwest::{Client, Response};
use serde_json::{Map, Value, json};
use sources::retell::{SIGNATURE_HEADER, sign};

use crate::KEY;

/// One question that can be asked.
#[derive(Debug, Clone)]
pub struct Question {
    org: String,
    key: String,
    at: Timestamp,
    body: Vec<u8>,
    signed: bool,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The id that is planted in the call's metadata; the flat shape has no room for it.
    pub id: Option<String>,
    /// What the agent is told.
    pub variables: BTreeMap<String, String>,
    /// The whole body.
    pub body: Value,
    /// Each part that somebody was asked for, and where it came from.
    pub parts: BTreeMap<String, String>,
}

impl Question {
    /// With this body, from org `demo`, signed now with its key.
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self { org: "demo".to_owned(), key: KEY.to_owned(), at: Utc::now(), body: body.into(), signed: true }
    }

    /// `from` rings at `to`.
    #[must_use]
    pub fn ring(from: &str, to: &str) -> Self {
        let inbound = json!({ "agent_id": "agent_7c1f02", "agent_version": 4, "from_number": from, "to_number": to });
        let now = Utc::now().timestamp_millis();
        Self::new(json!({ "event": "call_inbound", "event_timestamp": now, "call_inbound": inbound }).to_string())
    }

    /// The same in the flat shape.
    #[must_use]
    pub fn flat(from: &str, to: &str) -> Self {
        Self::new(json!({ "call_id": "call_flat", "from_number": from, "to_number": to }).to_string())
    }

    /// To another org, signed with this key.
    #[must_use]
    pub fn to(self, org: &str, key: &str) -> Self {
        Self { org: org.to_owned(), ..self }.signed_by(key)
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

    /// Not signed at all.
    #[must_use]
    pub fn unsigned(self) -> Self {
        Self { signed: false, ..self }
    }

    /// Asks the service at `url`.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(self, url: &str) -> Response {
        let mut request = Client::new().post(format!("{url}/v1/{}/retell/inbound", self.org));
        if self.signed {
            request = request.header(SIGNATURE_HEADER, sign(&self.key, &self.body, self.at));
        }
        request.header("content-type", "application/json").body(self.body).send().await.expect("a response")
    }

    /// Asks, and reads the answer.
    ///
    /// # Panics
    /// When it is refused, or is none that an agent could use.
    pub async fn ask(self, url: &str) -> Answer {
        Answer::read(self.send(url).await).await
    }

    /// Asks, and expects this refusal.
    ///
    /// # Panics
    /// When it is answered, or refused otherwise.
    pub async fn refused(self, url: &str, status: u16, code: &str) {
        let response = self.send(url).await;
        assert_eq!(response.status(), status, "{code}");
        let body: Value = response.json().await.expect("a refusal is JSON");
        assert_eq!(body["error"]["code"], code, "{body}");
    }
}

impl Answer {
    /// Reads an answer in any of its shapes.
    ///
    /// # Panics
    /// When it is none that an agent could use: a status other than 200, or a value that is no text.
    pub async fn read(response: Response) -> Self {
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        let (status, timing) = (response.status(), header("server-timing").unwrap_or_default());
        let text = response.text().await.expect("text");
        assert_eq!(status, 200, "{text}");
        let body: Value = serde_json::from_str(&text).expect("JSON");
        let (nested, told) = (&body["call_inbound"], &body["dynamic_variables"]);
        let variables = [&nested["dynamic_variables"], told, &body["variables"]];
        let variables = variables.into_iter().find_map(Value::as_object).expect("variables");
        let ids = [&nested["metadata"]["offhook_id"], &told["offhook_id"], &body["id"]];
        let id = ids.into_iter().find_map(Value::as_str);
        Self { id: id.map(str::to_owned), variables: texts(variables), parts: parts(&timing), body }
    }

    /// A variable.
    ///
    /// # Panics
    /// When there is none of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.variables.get(name).unwrap_or_else(|| panic!("no {name} in {}", self.body))
    }

    /// The parts that are missing, in order of the alphabet.
    #[must_use]
    pub fn degraded(&self) -> Vec<&str> {
        let mut parts: Vec<_> = self.get("degraded").split(',').filter(|name| !name.is_empty()).collect();
        parts.sort_unstable();
        parts
    }

    /// Where a part came from; `None` if nobody was asked for it.
    #[must_use]
    pub fn from(&self, part: &str) -> Option<&str> {
        self.parts.get(part).map(String::as_str)
    }
}

fn texts(variables: &Map<String, Value>) -> BTreeMap<String, String> {
    let text = |(name, value): (&String, &Value)| {
        let value = value.as_str().unwrap_or_else(|| panic!("{name} is {value}, which is no text"));
        (name.clone(), value.to_owned())
    };
    variables.iter().map(text).collect()
}

/// `contact;dur=1.20;desc="origin", …`
fn parts(timing: &str) -> BTreeMap<String, String> {
    let part = |entry: &str| {
        let mut fields = entry.trim().split(';');
        let name = fields.next()?;
        let from = fields.find_map(|field| field.strip_prefix("desc="))?;
        Some((name.to_owned(), from.trim_matches('"').to_owned()))
    };
    timing.split(',').filter_map(part).collect()
}
