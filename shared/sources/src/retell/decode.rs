//! Reads a Retell body into our own words.
//!
//! Lenient field by field: a field of the wrong type is a field the event does not say. Money keeps every digit.

use contract::{CallFacts, CallStatus, Direction, EventType};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Decoded, mend, money,
    naming::{length_of_ms, moment_of_ms},
    person, rank,
    text::Lenient,
};

/// Reasons for the end of a call that mean it went on with somebody else.
const TRANSFERS: [&str; 2] = ["call_transfer", "transfer_bridged"];

/// Decodes the body of an event of type `kind`.
///
/// # Errors
/// When the body is no JSON object with a `call`; the text says where.
pub fn decode(kind: EventType, body: &[u8]) -> Result<Decoded, serde_json::Error> {
    if rank(kind) == 0 {
        return Ok(Decoded::Other);
    }
    let text = mend(body);
    let Body { call, transfer_destination } = serde_json::from_str(&text)?;
    let mut facts = call.facts(kind);
    facts.transfer_destination = facts.transfer_destination.or(transfer_destination.0);
    Ok(Decoded::Call(Box::new(facts)))
}

#[derive(Deserialize)]
struct Body {
    call: Call,
    /// Beside `call` or inside it: the provider's guide does not say.
    #[serde(default)]
    transfer_destination: Lenient<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Call {
    call_status: Lenient<String>,
    direction: Lenient<Direction>,
    call_type: Lenient<String>,
    agent_id: Lenient<String>,
    from_number: Lenient<String>,
    to_number: Lenient<String>,
    start_timestamp: Lenient<f64>,
    end_timestamp: Lenient<f64>,
    duration_ms: Lenient<f64>,
    disconnection_reason: Lenient<String>,
    transcript: Lenient<String>,
    transfer_destination: Lenient<String>,
    recording_url: Lenient<String>,
    call_analysis: Lenient<Analysis>,
    call_cost: Lenient<Cost>,
    metadata: Lenient<Metadata>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Analysis {
    call_summary: Lenient<String>,
    user_sentiment: Lenient<String>,
    call_successful: Lenient<bool>,
    in_voicemail: Lenient<bool>,
    custom_analysis_data: Lenient<Heard>,
}

/// What an agent may be asked to find out about the person; the field's names are ours, the agent's configuration has them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Heard {
    customer_name: Lenient<String>,
    customer_email: Lenient<String>,
}

#[derive(Deserialize)]
struct Cost {
    combined_cost: Box<RawValue>,
}

#[derive(Deserialize)]
struct Metadata {
    offhook_id: Option<String>,
}

impl Call {
    fn facts(self, kind: EventType) -> CallFacts {
        let analysis = self.call_analysis.0.unwrap_or_default();
        let heard = analysis.custom_analysis_data.0.unwrap_or_default();
        let reason = self.disconnection_reason.0;
        let transferred = kind == EventType::CallTransferBridged
            || reason.as_deref().is_some_and(|reason| TRANSFERS.contains(&reason));
        CallFacts {
            status: Some(status(kind, self.call_status.0.as_deref())),
            direction: self.direction.0,
            call_type: self.call_type.0,
            agent_id: self.agent_id.0,
            from_number: self.from_number.0,
            to_number: self.to_number.0,
            started_at: self.start_timestamp.0.and_then(moment_of_ms),
            ended_at: self.end_timestamp.0.and_then(moment_of_ms),
            duration_ms: self.duration_ms.0.and_then(length_of_ms),
            disconnection_reason: reason,
            transcript: self.transcript.0,
            summary: analysis.call_summary.0,
            sentiment: analysis.user_sentiment.0,
            successful: analysis.call_successful.0,
            in_voicemail: analysis.in_voicemail.0,
            cost_cents: self.call_cost.0.and_then(|cost| money::cents(cost.combined_cost.get())),
            transferred: transferred.then_some(true),
            transfer_destination: self.transfer_destination.0,
            recording_url: self.recording_url.0,
            answer_id: self.metadata.0.and_then(|metadata| metadata.offhook_id),
            contact_name: heard.customer_name.0.and_then(|name| person::name(&name)),
            contact_email: heard.customer_email.0.and_then(|email| person::email(&email)),
        }
    }
}

/// The provider's word where it has one for us, else what the event itself implies.
fn status(kind: EventType, word: Option<&str>) -> CallStatus {
    match (word, kind) {
        (Some("not_connected"), _) => CallStatus::NotConnected,
        (Some("error"), _) => CallStatus::Error,
        (Some("ended"), _) | (_, EventType::CallEnded | EventType::CallAnalyzed) => CallStatus::Ended,
        _ => CallStatus::Active,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(kind: EventType, body: &str) -> CallFacts {
        match decode(kind, body.as_bytes()).unwrap() {
            Decoded::Call(facts) => *facts,
            other => panic!("{other:?} is no call: {body}"),
        }
    }

    #[test]
    fn an_analysed_call_is_read_whole() {
        let body = r#"{"event":"call_analyzed","call":{"call_id":"c1","call_type":"phone_call","call_status":"ended","direction":"inbound",
            "agent_id":"agent_7","from_number":"+15005550006","to_number":"+15005550001","start_timestamp":1795000001200,
            "end_timestamp":1795000093800,"duration_ms":92600,"disconnection_reason":"user_hangup","transcript":"Agent: Hi\nUser: Hello\n",
            "metadata":{"offhook_id":"a1"},"call_cost":{"combined_cost":14.20},
            "call_analysis":{"call_summary":"Booked.","user_sentiment":"Positive","call_successful":true,"in_voicemail":false}}}"#;
        let facts = facts(EventType::CallAnalyzed, body);
        assert_eq!(facts.status, Some(CallStatus::Ended));
        assert_eq!(
            (facts.our_number(), facts.contact_phone().unwrap().as_str()),
            (Some("+15005550001"), "+15005550006")
        );
        assert_eq!(facts.started_at.unwrap().timestamp_millis(), 1_795_000_001_200);
        assert_eq!((facts.duration_ms, facts.cost_cents.as_deref()), (Some(92600), Some("14.20")));
        assert_eq!((facts.summary.as_deref(), facts.sentiment.as_deref()), (Some("Booked."), Some("Positive")));
        assert_eq!(
            (facts.successful, facts.in_voicemail, facts.answer_id.as_deref()),
            (Some(true), Some(false), Some("a1"))
        );
        assert_eq!(facts.transcript.as_deref(), Some("Agent: Hi\nUser: Hello\n"));
    }

    #[test]
    fn a_name_that_was_heard_is_told_if_it_is_one() {
        let heard = |data: &str| {
            let body = format!(r#"{{"call":{{"call_analysis":{{"custom_analysis_data":{data}}}}}}}"#);
            let facts = facts(EventType::CallAnalyzed, &body);
            (facts.contact_name, facts.contact_email)
        };
        let (name, email) = (Some("Ana Ruiz".to_owned()), Some("ana@example.com".to_owned()));
        assert_eq!(heard(r#"{"customer_name":" Ana Ruiz","customer_email":"ana@example.com"}"#), (name, email));
        for none in ["null", "{}", r#"{"customer_name":7}"#, r#"{"customer_name":" ","customer_email":"at home"}"#] {
            assert_eq!(heard(none), (None, None), "{none}");
        }
    }

    #[test]
    fn a_field_of_the_wrong_type_is_a_field_that_is_not_said() {
        let body = r#"{"call":{"from_number":null,"to_number":7,"start_timestamp":"soon","duration_ms":-5,"direction":"sideways",
            "call_analysis":[],"call_cost":{"combined_cost":"free"},"metadata":"m","transcript":{"a":1},"agent_id":"a"}}"#;
        let expected =
            CallFacts { status: Some(CallStatus::Ended), agent_id: Some("a".to_owned()), ..CallFacts::default() };
        assert_eq!(facts(EventType::CallEnded, body), expected);
    }

    #[test]
    fn statuses_follow_the_provider_then_the_event() {
        let status = |kind, status| facts(kind, &format!(r#"{{"call":{{"call_status":"{status}"}}}}"#)).status.unwrap();
        assert_eq!(status(EventType::CallStarted, "ongoing"), CallStatus::Active);
        assert_eq!(status(EventType::CallEnded, "ongoing"), CallStatus::Ended);
        assert_eq!(status(EventType::CallEnded, "not_connected"), CallStatus::NotConnected);
        assert_eq!(status(EventType::CallAnalyzed, "error"), CallStatus::Error);
        assert_eq!(status(EventType::CallTransferEnded, "ended"), CallStatus::Ended);
    }

    #[test]
    fn outbound_calls_turn_the_numbers_round_and_anonymous_ones_have_no_contact() {
        let outbound = facts(
            EventType::CallStarted,
            r#"{"call":{"direction":"outbound","from_number":"+15005550001","to_number":"+1 500 555 0006"}}"#,
        );
        assert_eq!(
            (outbound.our_number(), outbound.contact_phone().unwrap().as_str()),
            (Some("+15005550001"), "+15005550006")
        );
        let hidden = facts(
            EventType::CallStarted,
            r#"{"call":{"direction":"inbound","from_number":"anonymous","to_number":"+15005550001"}}"#,
        );
        assert_eq!(hidden.contact_phone(), None);
        assert_eq!(facts(EventType::CallStarted, r#"{"call":{"call_type":"web_call"}}"#).contact_phone(), None);
    }

    #[test]
    fn emoji_stay_nul_goes_and_a_transfer_is_found_in_both_places() {
        let body = r#"{"call":{"transcript":"a\u0000b\ud83d\ude00\ud83d"},"transfer_destination":"sip:a@b"}"#;
        let beside = facts(EventType::CallTransferStarted, body);
        assert_eq!(beside.transcript.as_deref(), Some("ab😀\u{fffd}"));
        assert_eq!(beside.transfer_destination.as_deref(), Some("sip:a@b"));
        let inside = facts(EventType::CallTransferStarted, r#"{"call":{"transfer_destination":"+15005550009"}}"#);
        assert_eq!(inside.transfer_destination.as_deref(), Some("+15005550009"));
    }

    #[test]
    fn a_call_is_transferred_when_a_transfer_is_bridged_or_ends_it() {
        let transferred = |kind, body| facts(kind, body).transferred;
        assert_eq!(transferred(EventType::CallTransferStarted, r#"{"call":{}}"#), None);
        assert_eq!(transferred(EventType::CallTransferBridged, r#"{"call":{}}"#), Some(true));
        assert_eq!(
            transferred(EventType::CallEnded, r#"{"call":{"disconnection_reason":"call_transfer"}}"#),
            Some(true)
        );
        assert_eq!(
            transferred(EventType::CallEnded, r#"{"call":{"disconnection_reason":"transfer_cancelled"}}"#),
            None
        );
    }

    #[test]
    fn chats_are_archived_and_a_body_without_a_call_is_an_error() {
        assert_eq!(decode(EventType::ChatEnded, b"whatever").unwrap(), Decoded::Other);
        assert!(decode(EventType::CallEnded, b"{}").is_err());
    }
}
