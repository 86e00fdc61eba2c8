//! Reads an ElevenLabs body into our own words, the same as for a like call elsewhere.
//!
//! What the provider does not say stays unsaid: no mood, no end (its start is that of the conversation, its
//! length that of the talk). Credits are no money; the dollars beside them are.

use contract::{CallFacts, CallStatus, Direction, EventType};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Decoded, mend, money,
    naming::{length_of_ms, moment_of_s},
    person,
    text::Lenient,
};

/// Failures that only a called side can cause: then it was we who dialled.
const OF_THE_CALLED: [&str; 2] = ["busy", "no-answer"];

/// Decodes the body of an event of type `kind`.
///
/// # Errors
/// When the body is no JSON object with `data`; the text says where.
pub fn decode(kind: EventType, body: &[u8]) -> Result<Decoded, serde_json::Error> {
    let text = mend(body);
    let facts = match kind {
        EventType::CallAnalyzed => serde_json::from_str::<Body<Conversation>>(&text)?.data.facts(),
        EventType::CallEnded => serde_json::from_str::<Body<Failure>>(&text)?.data.facts(),
        _ => return Ok(Decoded::Other),
    };
    Ok(Decoded::Call(Box::new(facts)))
}

#[derive(Deserialize)]
struct Body<T> {
    data: T,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Conversation {
    agent_id: Lenient<String>,
    status: Lenient<String>,
    transcript: Lenient<Vec<Lenient<Turn>>>,
    metadata: Lenient<Metadata>,
    analysis: Lenient<Analysis>,
    conversation_initiation_client_data: Lenient<ClientData>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Turn {
    role: Lenient<String>,
    message: Lenient<String>,
    tool_results: Lenient<Vec<Lenient<ToolResult>>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToolResult {
    result: Lenient<SystemResult>,
}

/// What came of a tool of the provider's own.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SystemResult {
    result_type: Lenient<String>,
    transfer_number: Lenient<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    start_time_unix_secs: Lenient<f64>,
    call_duration_secs: Lenient<f64>,
    cost_fiat: Lenient<Box<RawValue>>,
    termination_reason: Lenient<String>,
    phone_call: Lenient<PhoneCall>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PhoneCall {
    direction: Lenient<Direction>,
    agent_number: Lenient<String>,
    external_number: Lenient<String>,
    call_result: Lenient<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Analysis {
    call_successful: Lenient<String>,
    transcript_summary: Lenient<String>,
    data_collection_results: Lenient<Heard>,
}

/// What an agent may be asked to find out about the person; the field's names are ours, the agent's configuration has them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Heard {
    customer_name: Lenient<Found>,
    customer_email: Lenient<Found>,
}

#[derive(Deserialize)]
struct Found {
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClientData {
    dynamic_variables: Lenient<Variables>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Variables {
    offhook_id: Lenient<String>,
}

impl Conversation {
    fn facts(self) -> CallFacts {
        let metadata = self.metadata.0.unwrap_or_default();
        let analysis = self.analysis.0.unwrap_or_default();
        let heard = analysis.data_collection_results.0.unwrap_or_default();
        let turns: Vec<Turn> = self.transcript.0.unwrap_or_default().into_iter().filter_map(|turn| turn.0).collect();
        let (transferred, transfer_destination) = transfer(&turns);
        let variables = self.conversation_initiation_client_data.0.and_then(|data| data.dynamic_variables.0);
        let phone_call = metadata.phone_call.0;
        let result = phone_call.as_ref().and_then(|call| call.call_result.0.clone());
        CallFacts {
            status: Some(status(self.status.0.as_deref(), result.as_deref())),
            agent_id: self.agent_id.0,
            started_at: metadata.start_time_unix_secs.0.and_then(moment_of_s),
            duration_ms: metadata.call_duration_secs.0.and_then(|s| length_of_ms(s * 1000.0)),
            disconnection_reason: said(metadata.termination_reason),
            transcript: transcript(&turns),
            summary: said(analysis.transcript_summary),
            successful: analysis.call_successful.0.and_then(|word| successful(&word)),
            in_voicemail: in_voicemail(&turns, result.as_deref()),
            cost_cents: metadata.cost_fiat.0.and_then(|dollars| money::cents_of_dollars(dollars.get())),
            transferred,
            transfer_destination,
            answer_id: variables.and_then(|variables| variables.offhook_id.0),
            contact_name: heard.customer_name.0.and_then(|found| person::name(&found.value)),
            contact_email: heard.customer_email.0.and_then(|found| person::email(&found.value)),
            ..phone_call.map(PhoneCall::facts).unwrap_or_default()
        }
    }
}

impl PhoneCall {
    /// Caller and called, which the provider tells as inside and outside.
    fn facts(self) -> CallFacts {
        let (from_number, to_number) = match self.direction.0 {
            Some(Direction::Inbound) => (self.external_number.0, self.agent_number.0),
            Some(Direction::Outbound) => (self.agent_number.0, self.external_number.0),
            None => (None, None),
        };
        let call_type = Some("phone_call".to_owned());
        CallFacts { direction: self.direction.0, from_number, to_number, call_type, ..CallFacts::default() }
    }
}

/// What was said, a line for each turn that has words.
fn transcript(turns: &[Turn]) -> Option<String> {
    let mut lines = String::new();
    for turn in turns {
        let speaker = match turn.role.0.as_deref() {
            Some("agent") => "Agent",
            Some("user") => "User",
            _ => continue,
        };
        if let Some(words) = turn.message.0.as_deref().map(str::trim).filter(|words| !words.is_empty()) {
            lines.push_str(speaker);
            lines.push_str(": ");
            lines.push_str(words);
            lines.push('\n');
        }
    }
    (!lines.is_empty()).then_some(lines)
}

/// What came of the provider's own tools, in order, each with its sort.
fn results(turns: &[Turn]) -> impl DoubleEndedIterator<Item = (&str, &SystemResult)> {
    let results = turns.iter().filter_map(|turn| turn.tool_results.0.as_ref()).flatten();
    let results = results.filter_map(|result| result.0.as_ref()?.result.0.as_ref());
    results.filter_map(|result| Some((result.result_type.0.as_deref()?, result)))
}

/// Whether the provider's tool has passed the call on to a number, and to which.
fn transfer(turns: &[Turn]) -> (Option<bool>, Option<String>) {
    let mut done =
        results(turns).filter(|(kind, _)| kind.starts_with("transfer_to_number_") && kind.ends_with("_success"));
    done.next_back().map_or((None, None), |(_, last)| (Some(true), last.transfer_number.0.clone()))
}

fn in_voicemail(turns: &[Turn], result: Option<&str>) -> Option<bool> {
    let detected = results(turns).any(|(kind, _)| kind == "voicemail_detection_success");
    match result {
        Some("voicemail") => Some(true),
        _ if detected => Some(true),
        Some("answered") => Some(false),
        _ => None,
    }
}

/// The line's word for a call that nobody took, else the provider's for the conversation.
fn status(word: Option<&str>, result: Option<&str>) -> CallStatus {
    match (word, result) {
        (_, Some("busy" | "no_answer" | "failed")) => CallStatus::NotConnected,
        (Some("failed"), _) => CallStatus::Error,
        _ => CallStatus::Ended,
    }
}

fn successful(word: &str) -> Option<bool> {
    match word {
        "success" => Some(true),
        "failure" => Some(false),
        _ => None,
    }
}

/// A text with something in it.
fn said(text: Lenient<String>) -> Option<String> {
    text.0.filter(|text| !text.trim().is_empty())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    agent_id: Lenient<String>,
    failure_reason: Lenient<String>,
    metadata: Lenient<FailureMetadata>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FailureMetadata {
    body: Lenient<Twilio>,
}

/// The parameters of a Twilio status callback; a SIP trunk has none of them.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Twilio {
    direction: Lenient<String>,
    from: Lenient<String>,
    to: Lenient<String>,
}

impl Failure {
    fn facts(self) -> CallFacts {
        let twilio = self.metadata.0.and_then(|metadata| metadata.body.0).unwrap_or_default();
        let reason = said(self.failure_reason);
        let dialled = match twilio.direction.0.as_deref() {
            Some("inbound") => Some(Direction::Inbound),
            // `outbound-api` and `outbound-dial`.
            Some(word) if word.starts_with("outbound") => Some(Direction::Outbound),
            _ => reason.as_deref().filter(|reason| OF_THE_CALLED.contains(reason)).map(|_| Direction::Outbound),
        };
        CallFacts {
            status: Some(CallStatus::NotConnected),
            direction: dialled,
            call_type: Some("phone_call".to_owned()),
            agent_id: self.agent_id.0,
            from_number: twilio.from.0,
            to_number: twilio.to.0,
            disconnection_reason: reason,
            ..CallFacts::default()
        }
    }
}

#[cfg(test)]
mod tests;
