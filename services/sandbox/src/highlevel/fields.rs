//! Which fields a body may have: what is not in the list is refused, as the real API refuses it.

use serde_json::Value;

use super::{Record, unprocessable};
use crate::reply::Reply;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Flag,
    List,
    Any,
}

/// A field's name and what it holds.
pub(super) type Field = (&'static str, Kind);

/// The body as an object of known fields, with all `required` ones; or everything that is wrong with it.
pub(super) fn check<'a>(body: &'a Value, known: &[&[Field]], required: &[&str]) -> Result<&'a Record, Reply> {
    let Some(body) = body.as_object() else {
        return Err(unprocessable(&["the body must be an object".to_owned()]));
    };
    let known: Vec<Field> = known.concat();
    let mut faults = Vec::new();
    for (name, value) in body {
        match known.iter().find(|(field, _)| field == name) {
            None => faults.push(format!("property {name} should not exist")),
            Some((_, kind)) => faults.extend(fault(name, *kind, value)),
        }
    }
    for name in required {
        if body.get(*name).is_none_or(|value| value.is_null() || value == "") {
            faults.push(format!("{name} should not be empty"));
        }
    }
    if faults.is_empty() { Ok(body) } else { Err(unprocessable(&faults)) }
}

fn fault(name: &str, kind: Kind, value: &Value) -> Option<String> {
    let fits = match kind {
        Kind::Text => value.is_string() || value.is_null(),
        Kind::Flag => value.is_boolean(),
        Kind::List => value.is_array(),
        Kind::Any => true,
    };
    let wanted = match kind {
        Kind::Text => "string",
        Kind::Flag => "boolean value",
        Kind::List => "array",
        Kind::Any => "value",
    };
    (!fits).then(|| format!("{name} must be a {wanted}"))
}

/// The texts of a list; whatever else is in it is a fault.
pub(super) fn texts(body: &Record, name: &str) -> Result<Vec<String>, Reply> {
    let list = body.get(name).and_then(Value::as_array).into_iter().flatten();
    let texts: Option<Vec<String>> = list.map(|value| value.as_str().map(str::to_owned)).collect();
    texts.ok_or_else(|| unprocessable(&[format!("each value in {name} must be a string")]))
}
