//! One question as Retell asks it, and questions at a steady rate whatever comes back.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use chrono::Utc;
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use sources::retell::{SIGNATURE_HEADER, sign};
use testkit::KEY;
use tokio::{task::JoinSet, time::interval};

/// From one question to the next.
const GAP: Duration = Duration::from_millis(20);
/// A question without an answer by then hangs. Ten times what any answer may take, as machines that test are busy.
const HANGS: Duration = Duration::from_secs(10);

/// Who calls whom.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) org: &'static str,
    pub(crate) to: &'static str,
    pub(crate) from: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) caller: Caller,
    pub(crate) took: Duration,
    pub(crate) status: u16,
    pub(crate) variables: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Body {
    call_inbound: Answer,
}

#[derive(Deserialize)]
struct Answer {
    dynamic_variables: BTreeMap<String, String>,
}

impl Told {
    /// The parts that are named as missing.
    pub(crate) fn missing(&self) -> Vec<&str> {
        let degraded = self.variables.get("degraded").map(String::as_str).unwrap_or_default();
        degraded.split(',').filter(|part| !part.is_empty()).collect()
    }
}

/// Asks once.
pub(crate) async fn ask(client: Client, address: SocketAddr, caller: Caller) -> Told {
    let Caller { org, to, from } = &caller;
    let body = json!({
        "event": "call_inbound",
        "event_timestamp": Utc::now().timestamp_millis(),
        "call_inbound": { "agent_id": "agent_demo", "from_number": from, "to_number": to },
    });
    let body = body.to_string();
    let begun = Instant::now();
    let request = client.post(format!("http://{address}/v1/{org}/retell/inbound")).timeout(HANGS);
    let request = request.header(SIGNATURE_HEADER, sign(KEY, body.as_bytes(), Utc::now()));
    let response = request.body(body).send().await.expect("there is an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("the answer is whole");
    let took = begun.elapsed();
    let read: Body = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status} {text}: {error}"));
    Told { caller, took, status, variables: read.call_inbound.dynamic_variables }
}

/// Asks about these callers in turn, at a steady rate for so long.
pub(crate) async fn ask_all(address: SocketAddr, callers: &[Caller], lasting: Duration) -> Vec<Told> {
    let (client, mut asking, mut ticks) = (Client::new(), JoinSet::new(), interval(GAP));
    let begun = Instant::now();
    for caller in callers.iter().cycle() {
        if begun.elapsed() >= lasting {
            break;
        }
        ticks.tick().await;
        asking.spawn(ask(client.clone(), address, caller.clone()));
    }
    asking.join_all().await
}
