//! The question that Retell asks while the line rings, and the shape of its answer.
//!
//! Source: the provider's inbound call webhook guide. Beside its nested shape the flat one of hand-built systems is read:
//! `{call_id, from_number, to_number}`. Refuses nothing: a question that can't be read has no numbers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{mend, text::Lenient};

/// Who calls whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inbound {
    /// As it was written: `anonymous` and worse happen.
    pub from_number: Option<String>,
    /// Our number.
    pub to_number: Option<String>,
    /// The agent bound to it, if there is one.
    pub agent_id: Option<String>,
    /// Only in the flat shape: the nested one comes before there is a call.
    pub call_id: Option<String>,
    /// Whether it was asked in the flat shape, and is so answered.
    flat: bool,
}

#[derive(Deserialize)]
struct Nested {
    call_inbound: Fields,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    from_number: Lenient<String>,
    to_number: Lenient<String>,
    agent_id: Lenient<String>,
    call_id: Lenient<String>,
}

/// Reads the question.
#[must_use]
pub fn inbound(body: &[u8]) -> Inbound {
    let text = mend(body);
    let (fields, flat) = match serde_json::from_str::<Nested>(&text) {
        Ok(nested) => (nested.call_inbound, false),
        // An unreadable question is answered in the provider's own shape.
        Err(_) => serde_json::from_str::<Fields>(&text).map_or((Fields::default(), false), |fields| {
            let flat = fields.from_number.0.is_some() || fields.to_number.0.is_some() || fields.call_id.0.is_some();
            (fields, flat)
        }),
    };
    let Fields { from_number, to_number, agent_id, call_id } = fields;
    Inbound { from_number: from_number.0, to_number: to_number.0, agent_id: agent_id.0, call_id: call_id.0, flat }
}

impl Inbound {
    /// The answer, in the shape of the question. `answer_id` comes back in the call's own events.
    #[must_use]
    pub fn answer(&self, variables: &BTreeMap<String, String>, answer_id: &str) -> Value {
        if self.flat {
            return json!({ "dynamic_variables": variables });
        }
        json!({ "call_inbound": { "dynamic_variables": variables, "metadata": { "offhook_id": answer_id } } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_are_read_and_answered_each_in_its_own() {
        let nested = inbound(
            br#"{"event":"call_inbound","event_timestamp":1795000000123,"call_inbound":
            {"agent_id":"agent_7c1","from_number":"+15005550006","to_number":"+15005550001","custom_sip_headers":{}}}"#,
        );
        let text = |text: &str| Some(text.to_owned());
        assert_eq!((nested.from_number.clone(), nested.agent_id.clone()), (text("+15005550006"), text("agent_7c1")));
        let variables = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let answer = nested.answer(&variables, "id");
        assert_eq!(answer["call_inbound"]["dynamic_variables"]["a"], "b");
        assert_eq!(answer["call_inbound"]["metadata"]["offhook_id"], "id");
        let flat = inbound(br#"{"call_id":"call_1","from_number":"anonymous","to_number":"+15005550001"}"#);
        assert_eq!((flat.call_id.clone(), flat.from_number.clone()), (text("call_1"), text("anonymous")));
        assert_eq!(flat.answer(&variables, "id"), json!({ "dynamic_variables": { "a": "b" } }));
    }

    #[test]
    fn what_can_t_be_read_has_no_numbers_and_is_answered_all_the_same() {
        for body in [
            &b""[..],
            b"{",
            b"[]",
            b"null",
            br#"{"call_inbound":5}"#,
            br#"{"call_inbound":{"from_number":7}}"#,
            b"\xff",
        ] {
            let read = inbound(body);
            assert_eq!((&read.from_number, &read.to_number), (&None, &None));
            assert!(read.answer(&BTreeMap::new(), "id")["call_inbound"].is_object(), "{body:?}");
        }
    }
}
