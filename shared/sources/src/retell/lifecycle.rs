//! A simulated call: the bodies Retell would send for it, of realistic size and shape.
//!
//! For the simulator and for tests; never used on a real delivery.

use contract::{Direction, Timestamp};
use serde_json::{Value, json};

/// What is said, over and over, until the transcript is long enough.
const TURNS: [(&str, &str); 4] = [
    ("agent", "Demo Dental, this is Ada. How can I help you today?"),
    ("user", "Hi, I chipped a tooth on Friday and would like to see somebody this week, if that is possible."),
    (
        "agent",
        "I am sorry to hear that. We have Tuesday at nine or Thursday at half past two. Which one suits you better?",
    ),
    ("user", "Tuesday at nine is perfect, thank you so much."),
];
/// Seconds that one turn takes.
const TURN_S: u32 = 7;

/// One phone call from ring to analysis.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    /// The provider's id.
    pub call_id: String,
    /// The voice agent.
    pub agent_id: String,
    /// Who dialled.
    pub direction: Direction,
    /// E.164, or whatever the line shows.
    pub from_number: String,
    /// E.164.
    pub to_number: String,
    /// When it connected.
    pub started_at: Timestamp,
    /// Turns of the conversation, 7 s and about 0.5 KB of JSON each.
    pub turns: u32,
}

impl Lifecycle {
    /// The events in the order in which they happen: started, ended, analysed.
    #[must_use]
    pub fn events(&self) -> [(&'static str, Vec<u8>); 3] {
        let started = self.call("ongoing");
        let mut ended = self.call("ended");
        merge(&mut ended, self.ending());
        let mut analyzed = ended.clone();
        merge(
            &mut analyzed,
            json!({ "call_analysis": {
            "call_summary": "The caller chipped a tooth and booked Tuesday at nine.",
            "user_sentiment": "Positive", "call_successful": true, "in_voicemail": false,
            "custom_analysis_data": { "wants_sms": true },
        } }),
        );
        [("call_started", started), ("call_ended", ended), ("call_analyzed", analyzed)]
            .map(|(event, call)| (event, json!({ "event": event, "call": call }).to_string().into_bytes()))
    }

    /// How long the call takes, in milliseconds.
    #[must_use]
    pub fn duration_ms(&self) -> i64 {
        i64::from(self.turns * TURN_S) * 1000
    }

    fn call(&self, status: &str) -> Value {
        json!({
            "call_id": self.call_id, "call_type": "phone_call", "call_status": status, "direction": self.direction,
            "agent_id": self.agent_id, "agent_version": 4, "agent_name": "Front desk",
            "from_number": self.from_number, "to_number": self.to_number,
            "start_timestamp": self.started_at.timestamp_millis(),
            "metadata": {}, "retell_llm_dynamic_variables": { "customer_name": "Noor" },
        })
    }

    fn ending(&self) -> Value {
        let turns = || (0..self.turns).zip(TURNS.iter().cycle());
        let line = |(_, (role, words)): (u32, &(&str, &str))| {
            format!("{}: {words}\n", if *role == "agent" { "Agent" } else { "User" })
        };
        let spoken: Vec<Value> = turns().map(|(nth, (role, words))| turn(nth, role, words)).collect();
        json!({
            "end_timestamp": self.started_at.timestamp_millis() + self.duration_ms(), "duration_ms": self.duration_ms(),
            "disconnection_reason": "user_hangup", "transcript": turns().map(line).collect::<String>(),
            "transcript_object": spoken, "recording_url": format!("https://recordings.example.com/{}.wav", self.call_id),
            "call_cost": { "combined_cost": 14.2, "total_duration_seconds": self.turns * TURN_S },
            "latency": { "e2e": { "p50": 812, "p95": 1204, "num": self.turns } },
        })
    }
}

fn turn(nth: u32, role: &str, words: &str) -> Value {
    let began = f64::from(nth * TURN_S);
    let timed: Vec<Value> = words
        .split(' ')
        .zip(0..)
        .map(|(word, place): (&str, i32)| json!({ "word": word, "start": began + 0.25 * f64::from(place), "end": began + 0.25 * f64::from(place + 1) }))
        .collect();
    json!({ "role": role, "content": words, "words": timed })
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}
