//! The question that Retell asks while the line rings, and the shape of its answer.
//!
//! Source: the provider's inbound call webhook guide. Beside its nested shape the flat one of hand-built systems is read:
//! `{call_id, from_number, to_number}`. Refuses nothing: a question that can't be read has no numbers.

use serde::{Deserialize, Serialize};

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

/// The answer in the shape of its question.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum InboundAnswer<'a, V> {
    /// Beside what the caller is told, what comes back in the call's own events.
    Nested {
        /// All of it.
        call_inbound: Told<'a, V>,
    },
    /// What the caller is told alone.
    Flat {
        /// By name.
        dynamic_variables: &'a V,
    },
}

/// What Retell makes of a nested answer.
#[derive(Debug, Serialize)]
pub struct Told<'a, V> {
    dynamic_variables: &'a V,
    metadata: Metadata<'a>,
}

#[derive(Debug, Serialize)]
struct Metadata<'a> {
    offhook_id: &'a str,
}

impl Inbound {
    /// The answer, in the shape of the question. `answer_id` comes back in the call's own events.
    #[must_use]
    pub fn answer<'a, V: Serialize>(&self, variables: &'a V, answer_id: &'a str) -> InboundAnswer<'a, V> {
        if self.flat {
            return InboundAnswer::Flat { dynamic_variables: variables };
        }
        let metadata = Metadata { offhook_id: answer_id };
        InboundAnswer::Nested { call_inbound: Told { dynamic_variables: variables, metadata } }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    fn answer(asked: &Inbound, variables: &BTreeMap<String, String>) -> Value {
        serde_json::to_value(asked.answer(variables, "id")).unwrap()
    }

    #[test]
    fn both_shapes_are_read_and_answered_each_in_its_own() {
        let nested = inbound(
            br#"{"event":"call_inbound","event_timestamp":1795000000123,"call_inbound":
            {"agent_id":"agent_7c1","from_number":"+15005550006","to_number":"+15005550001","custom_sip_headers":{}}}"#,
        );
        let text = |text: &str| Some(text.to_owned());
        assert_eq!((nested.from_number.clone(), nested.agent_id.clone()), (text("+15005550006"), text("agent_7c1")));
        let variables = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        let told = answer(&nested, &variables);
        assert_eq!(told["call_inbound"]["dynamic_variables"]["a"], "b");
        assert_eq!(told["call_inbound"]["metadata"]["offhook_id"], "id");
        let flat = inbound(br#"{"call_id":"call_1","from_number":"anonymous","to_number":"+15005550001"}"#);
        assert_eq!((flat.call_id.clone(), flat.from_number.clone()), (text("call_1"), text("anonymous")));
        assert_eq!(answer(&flat, &variables), json!({ "dynamic_variables": { "a": "b" } }));
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
            assert!(answer(&read, &BTreeMap::new())["call_inbound"].is_object(), "{body:?}");
        }
    }
}
