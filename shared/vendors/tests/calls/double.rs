//! A vendor on loopback: answers as it was told, and remembers what it was asked.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use cache::{Cache, Clock, Mode, Parts, Settings};
use contract::{OrgId, PhoneNumber};
use futures_util::stream::repeat_with;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinHandle,
    time::Instant,
};
use vendors::{By, Limits, Vendors};

/// What the vendor does with one request.
pub(crate) enum Answer {
    /// Answers with status, headers and body.
    Say(u16, Vec<(&'static str, String)>, String),
    /// Answers with status and JSON once it is let.
    Hold(oneshot::Receiver<()>, u16, String),
    /// Keeps the caller waiting for ever.
    Hang,
    /// Sends a body without end.
    Pour,
}

impl Answer {
    pub(crate) fn json(status: u16, json: &str) -> Self {
        Self::Say(status, vec![], json.to_owned())
    }
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method, path and query, not decoded.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

struct Script {
    answers: Mutex<VecDeque<Answer>>,
    /// Given when the answers are used up.
    otherwise: (u16, String),
    asked: Mutex<Vec<Asked>>,
    count: watch::Sender<usize>,
}

pub(crate) struct Double {
    pub(crate) base_url: String,
    script: Arc<Script>,
    serving: JoinHandle<()>,
}

impl Double {
    /// Gives these answers one after the other, then always `otherwise`.
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>, otherwise: (u16, &str)) -> Self {
        let script = Arc::new(Script {
            answers: Mutex::new(answers.into_iter().collect()),
            otherwise: (otherwise.0, otherwise.1.to_owned()),
            asked: Mutex::default(),
            count: watch::Sender::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(script.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base_url, script, serving }
    }

    /// Always says the same.
    pub(crate) async fn saying(status: u16, json: &str) -> Self {
        Self::start([], (status, json)).await
    }

    pub(crate) fn count(&self) -> usize {
        *self.script.count.borrow()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }

    /// The only request there was.
    pub(crate) fn only(&self) -> Asked {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0].clone()
    }

    /// Returns once it was asked so often.
    pub(crate) async fn was_asked(&self, times: usize) {
        self.script.count.subscribe().wait_for(|count| *count >= times).await.unwrap();
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(script): State<Arc<Script>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let line = format!("{} {}", parts.method, parts.uri);
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    script.asked.lock().unwrap().push(Asked { line, headers: parts.headers, body });
    script.count.send_modify(|count| *count += 1);
    let next = script.answers.lock().unwrap().pop_front();
    match next {
        None => respond(script.otherwise.0, vec![], script.otherwise.1.clone()),
        Some(Answer::Say(status, headers, body)) => respond(status, headers, body),
        Some(Answer::Hold(let_go, status, body)) => {
            let_go.await.ok();
            respond(status, vec![], body)
        }
        Some(Answer::Hang) => std::future::pending().await,
        Some(Answer::Pour) => {
            let blanks = repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b' '; 1024])));
            Body::from_stream(blanks).into_response()
        }
    }
}

fn respond(status: u16, headers: Vec<(&'static str, String)>, body: String) -> Response {
    let mut response = (StatusCode::from_u16(status).unwrap(), Body::from(body)).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// Vendors with budgets of this process alone, and the clock of those budgets.
pub(crate) fn vendors(limits: Limits) -> (Vendors, Clock) {
    let clock = Clock::default();
    let settings = Settings { redis_url: None, mode: Mode::On, memory_mib: 1, operation_ms: 100, lives: vec![] };
    let cache = Cache::start(&settings, Parts { clock: clock.clone(), ..Parts::default() }).unwrap();
    (Vendors::new(cache, limits).unwrap(), clock)
}

/// With more time than any test needs.
pub(crate) fn live() -> By {
    By::live(Instant::now() + Duration::from_secs(60))
}

pub(crate) fn org(name: &str) -> OrgId {
    name.parse().unwrap()
}

pub(crate) fn phone() -> PhoneNumber {
    "+14155550100".parse().unwrap()
}
