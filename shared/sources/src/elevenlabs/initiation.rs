//! The question that ElevenLabs asks while the line rings, and the shape of its answer.
//!
//! Source: the provider's guide on conversation initiation client data. The request bears no signature but a header that the
//! customer has chosen. Refuses nothing else: a question that can't be read has no numbers.

use serde::{Deserialize, Serialize};

use crate::{Refusal, mac::is_one, mend, text::Lenient};

/// Who calls whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Initiation {
    /// As it was written: `anonymous` and worse happen.
    pub from_number: Option<String>,
    /// Our number.
    pub to_number: Option<String>,
    /// The agent that will speak.
    pub agent_id: Option<String>,
    /// The telephone line's own id of the call.
    pub call_sid: Option<String>,
    /// The id that later events will have; seen in use, not documented.
    pub conversation_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    caller_id: Lenient<String>,
    called_number: Lenient<String>,
    /// What some deployments write for `called_number`.
    called_id: Lenient<String>,
    agent_id: Lenient<String>,
    call_sid: Lenient<String>,
    conversation_id: Lenient<String>,
}

/// Checks the secret that the customer has put into a header; a `Bearer ` before it falls away.
///
/// # Errors
/// [`Refusal::BadSignature`] when it is missing or none of the secrets.
pub fn verify_initiation<'a>(secrets: impl IntoIterator<Item = &'a str>, header: Option<&str>) -> Result<(), Refusal> {
    let shown = header.ok_or(Refusal::BadSignature)?;
    let shown = shown.strip_prefix("Bearer ").unwrap_or(shown);
    is_one(secrets, shown).then_some(()).ok_or(Refusal::BadSignature)
}

/// Reads the question.
#[must_use]
pub fn initiation(body: &[u8]) -> Initiation {
    let fields: Fields = serde_json::from_str(&mend(body)).unwrap_or_default();
    Initiation {
        from_number: fields.caller_id.0,
        to_number: fields.called_number.0.or(fields.called_id.0),
        agent_id: fields.agent_id.0,
        call_sid: fields.call_sid.0,
        conversation_id: fields.conversation_id.0,
    }
}

/// The answer. Overrides are left out: one that the agent does not allow may end the call.
#[derive(Debug, Serialize)]
pub struct InitiationAnswer<'a, V> {
    r#type: &'static str,
    dynamic_variables: Told<'a, V>,
}

#[derive(Debug, Serialize)]
struct Told<'a, V> {
    #[serde(flatten)]
    variables: &'a V,
    offhook_id: &'a str,
}

impl<'a, V: Serialize> InitiationAnswer<'a, V> {
    /// The answer that tells `variables`, a map. `answer_id` is told beside them and comes back in the call's own events.
    #[must_use]
    pub fn new(variables: &'a V, answer_id: &'a str) -> Self {
        let dynamic_variables = Told { variables, offhook_id: answer_id };
        Self { r#type: "conversation_initiation_client_data", dynamic_variables }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn the_documented_question_is_read_and_answered() {
        let asked = initiation(
            br#"{"caller_id":"+15005550006","agent_id":"agent_1","called_number":"+15005550001","call_sid":"CA6b"}"#,
        );
        let text = |text: &str| Some(text.to_owned());
        assert_eq!((asked.from_number, asked.to_number), (text("+15005550006"), text("+15005550001")));
        assert_eq!((asked.agent_id, asked.call_sid, asked.conversation_id), (text("agent_1"), text("CA6b"), None));
        let variables = BTreeMap::from([("customer_name", "Noor")]);
        assert_eq!(
            serde_json::to_value(InitiationAnswer::new(&variables, "answer_1")).unwrap(),
            json!({
                "type": "conversation_initiation_client_data",
                "dynamic_variables": { "customer_name": "Noor", "offhook_id": "answer_1" },
            })
        );
        let other = initiation(br#"{"called_id":"+15005550001","conversation_id":"conv_1"}"#);
        assert_eq!((other.to_number, other.conversation_id), (text("+15005550001"), text("conv_1")));
    }

    #[test]
    fn what_can_t_be_read_has_no_numbers() {
        for body in [&b""[..], b"{", b"[]", b"null", br#"{"caller_id":7,"called_number":{}}"#, b"\xff"] {
            assert_eq!(initiation(body), Initiation::default(), "{body:?}");
        }
    }

    #[test]
    fn the_secret_counts_with_or_without_its_word() {
        for shown in ["s2", "Bearer s2", "s1"] {
            assert_eq!(verify_initiation(["s1", "s2"], Some(shown)), Ok(()), "{shown}");
        }
        for shown in [None, Some(""), Some("s"), Some("Bearer "), Some("s1 "), Some("bearer s1")] {
            assert_eq!(verify_initiation(["s1", "s2"], shown), Err(Refusal::BadSignature), "{shown:?}");
        }
        assert_eq!(verify_initiation([], Some("s1")), Err(Refusal::BadSignature));
    }
}
