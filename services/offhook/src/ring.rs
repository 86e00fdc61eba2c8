//! `offhook simulate ring`: the question that Retell asks while the line rings, and what came back.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use chrono::Utc;
use clap::Args;
use serde_json::{Value, json};
use sources::retell::{SIGNATURE_HEADER, sign};

use crate::{
    output::Output,
    simulate::{Line, REQUEST_MAX},
};

/// Variables that are shown to people; `--json` has them all.
const SHOWN: [&str; 8] = [
    "greeting",
    "customer_known",
    "customer_summary",
    "customer_facts",
    "first_available_slot",
    "existing_appointments",
    "is_open",
    "degraded",
];
/// The longest value that is shown to people, in characters.
const SHOWN_CHARS_MAX: usize = 110;

/// Settings of `simulate ring`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Ring {
    #[command(flatten)]
    pub(crate) line: Line,
    /// The key to sign with
    #[arg(long, env = "DEMO_RETELL_API_KEY", hide_env_values = true)]
    pub(crate) secret: String,
    /// Show the variables too
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) show: bool,
}

impl Ring {
    pub(crate) async fn run(self, output: Output) -> anyhow::Result<()> {
        let (Line { url, org, from, to, agent }, secret) = (&self.line, &self.secret);
        let question = json!({
            "event": "call_inbound",
            "event_timestamp": Utc::now().timestamp_millis(),
            "call_inbound": { "agent_id": agent, "from_number": from, "to_number": to },
        });
        let body = question.to_string().into_bytes();
        let client = reqwest::Client::builder().timeout(REQUEST_MAX).build()?;
        let endpoint = format!("{}/v1/{org}/retell/inbound", url.trim_end_matches('/'));
        let begun = Instant::now();
        let request = client.post(&endpoint).header(SIGNATURE_HEADER, sign(secret, &body, Utc::now()));
        let response = request.header("content-type", "application/json").body(body).send().await;
        let response = response.context("the question was not delivered")?;
        let (status, timing) = (response.status(), timing(&response));
        let told = response.text().await?;
        let answer_ms = begun.elapsed().as_secs_f64() * 1000.0;
        ensure!(status.is_success(), "no answer: {status} {told}");
        let answer: Value = serde_json::from_str(&told).context("the answer is no JSON")?;
        let variables = &answer["call_inbound"]["dynamic_variables"];
        output.result(
            self.text(answer_ms, &timing, variables),
            &json!({ "step": "answer", "answer_ms": answer_ms, "parts": timing, "answer": answer }),
        );
        Ok(())
    }

    fn text(&self, answer_ms: f64, timing: &[(String, String)], variables: &Value) -> String {
        let parts: Vec<String> = timing.iter().map(|(part, how)| format!("{part} {how}")).collect();
        let mut text = format!("  answered in {answer_ms:.1} ms: {}", parts.join(", "));
        for name in SHOWN.iter().filter(|_| self.show) {
            let value = variables[*name].as_str().unwrap_or_default();
            let shown: String = value.chars().take(SHOWN_CHARS_MAX).collect();
            let more = if shown.len() < value.len() { "…" } else { "" };
            if !value.is_empty() {
                text.push_str(&format!("\n    {name:<22} {shown}{more}"));
            }
        }
        text
    }
}

/// Each part with its milliseconds and where it came from, of the header `server-timing`.
fn timing(response: &reqwest::Response) -> Vec<(String, String)> {
    let header = response.headers().get("server-timing").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let part = |part: &str| {
        let mut words = part.trim().split(';');
        let name = words.next().filter(|name| *name != "total")?.to_owned();
        let value = |word: &str, key: &str| Some(word.strip_prefix(key)?.trim_matches('"').to_owned());
        let (mut ms, mut from) = (String::new(), String::new());
        for word in words {
            ms = value(word, "dur=").unwrap_or(ms);
            from = value(word, "desc=").unwrap_or(from);
        }
        Some((name, format!("{ms} ms ({from})")))
    };
    header.split(',').filter_map(part).collect()
}
