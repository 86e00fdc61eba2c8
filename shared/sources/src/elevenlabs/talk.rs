//! A simulated conversation: the body that ElevenLabs would send after a call.
//!
//! For the simulator and for tests; never used on a real delivery.

use contract::Timestamp;
use serde_json::{Value, json};

/// What is said, over and over, until the transcript is long enough.
const TURNS: [(&str, &str); 4] = [
    ("agent", "Demo Dental, this is Ada. How can I help you today?"),
    ("user", "Hi, I would like to have my teeth cleaned, some morning next week if there is one."),
    ("agent", "Of course. There is Wednesday at nine, or Friday at half past ten. Which one suits you better?"),
    ("user", "Wednesday at nine, please. Thank you."),
];
/// Seconds that one turn takes.
const TURN_S: u32 = 7;

/// One inbound phone call, told after its end.
#[derive(Debug, Clone)]
pub struct Talk {
    /// The provider's id.
    pub conversation_id: String,
    /// The voice agent.
    pub agent_id: String,
    /// E.164, or whatever the line shows.
    pub from_number: String,
    /// E.164.
    pub to_number: String,
    /// When it connected.
    pub started_at: Timestamp,
    /// Turns of the conversation, 7 s each.
    pub turns: u32,
}

impl Talk {
    /// The body of `post_call_transcription`.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let length_s = self.turns * TURN_S;
        let body = json!({
            "type": "post_call_transcription",
            "event_timestamp": self.started_at.timestamp() + i64::from(length_s),
            "data": {
                "agent_id": self.agent_id, "conversation_id": self.conversation_id, "status": "done", "user_id": null,
                "transcript": self.transcript(),
                "metadata": {
                    "start_time_unix_secs": self.started_at.timestamp(), "call_duration_secs": length_s, "cost": 320,
                    "termination_reason": "end_call tool was called.",
                    "phone_call": {
                        "type": "twilio", "direction": "inbound", "phone_number_id": "phnum_demo",
                        "agent_number": self.to_number, "external_number": self.from_number,
                    },
                },
                "analysis": {
                    "call_successful": "success", "transcript_summary": "The caller booked a cleaning for Wednesday at nine.",
                    "evaluation_criteria_results": {}, "data_collection_results": {},
                },
                "conversation_initiation_client_data": { "dynamic_variables": {} },
            },
        });
        body.to_string().into_bytes()
    }

    fn transcript(&self) -> Vec<Value> {
        let turns = (0..self.turns).zip(TURNS.iter().cycle());
        let turn = |(nth, (role, message)): (u32, &(&str, &str))| json!({ "role": role, "message": message, "tool_calls": [], "tool_results": [], "time_in_call_secs": nth * TURN_S });
        turns.map(turn).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoded, elevenlabs};

    #[test]
    fn it_is_named_and_read_like_a_real_one() {
        let started_at = "2026-11-20T10:00:00Z".parse().unwrap();
        let (from_number, to_number) = ("+15005550006".to_owned(), "+15005550001".to_owned());
        let (conversation_id, agent_id) = ("conv_1".to_owned(), "agent_1".to_owned());
        let body = Talk { conversation_id, agent_id, from_number, to_number, started_at, turns: 4 }.body();
        let name = elevenlabs::name(&body, started_at);
        assert_eq!((name.kind, name.subject.as_deref()), (contract::EventType::CallAnalyzed, Some("conv_1")));
        let Ok(Decoded::Call(call)) = elevenlabs::decode(name.kind, &body) else { panic!("no call") };
        assert_eq!((call.started_at, call.duration_ms), (Some(started_at), Some(28_000)));
        assert_eq!(call.from_number.as_deref(), Some("+15005550006"));
    }
}
