//! The properties that contacts have: those of every account, a few that an account would make for voice, and what is created.

use serde_json::{Value, json};

use super::{HubSpot, Record, invalid};
use crate::{
    call::{Call, Moment},
    reply::{Answer, Reply},
    state::State,
};

/// Those of every account, all texts.
const STANDARD: [&str; 12] = [
    "firstname",
    "lastname",
    "email",
    "phone",
    "mobilephone",
    "company",
    "city",
    "state",
    "zip",
    "country",
    "lifecyclestage",
    "hs_language",
];
/// Those that an account would make for voice: a text each.
const VOICE: [&str; 3] = ["last_call_summary", "last_call_at", "total_calls"];

/// One property.
pub(crate) struct Property {
    name: String,
    /// No two contacts have the same value.
    unique: bool,
    /// Several of its options at once, joined by semicolons.
    many: bool,
    /// What its values may be; anything if it lists none.
    options: Vec<String>,
}

impl Property {
    fn text(name: &str) -> Self {
        Self { name: name.to_owned(), unique: false, many: false, options: Vec::new() }
    }

    pub(super) fn shown(&self) -> Value {
        let options: Vec<Value> =
            self.options.iter().map(|option| json!({ "label": option, "value": option })).collect();
        let (kind, field) = if self.many { ("enumeration", "checkbox") } else { ("string", "text") };
        json!({
            "name": self.name, "label": self.name, "type": kind, "fieldType": field, "hasUniqueValue": self.unique,
            "options": options,
        })
    }

    /// The value that a contact has after this one was written.
    fn value(&self, before: &str, given: &str) -> Result<String, Reply> {
        if !self.many {
            return Ok(if self.name == "email" { given.to_lowercase() } else { given.to_owned() });
        }
        let before = if given.starts_with(';') { before } else { "" };
        let mut values: Vec<&str> = Vec::new();
        for value in before.split(';').chain(given.split(';')).filter(|value| !value.is_empty()) {
            if !self.options.is_empty() && !self.options.iter().any(|option| option == value) {
                let options = self.options.join(", ");
                return Err(invalid(&format!("{value} was not one of the allowed options: [{options}]")));
            }
            if !values.contains(&value) {
                values.push(value);
            }
        }
        Ok(values.join(";"))
    }
}

/// What every account begins with.
pub(super) fn standard() -> Vec<Property> {
    let texts = STANDARD.into_iter().chain(VOICE).map(Property::text);
    let number = Property { unique: true, ..Property::text("voice_phone_e164") };
    let tags = Property { many: true, ..Property::text("voice_tags") };
    texts.chain([number, tags]).collect()
}

impl HubSpot {
    /// Whether a contact can be told by this property.
    pub(super) fn is_key(&self, name: &str) -> bool {
        name == "email" || self.properties.iter().any(|property| property.name == name && property.unique)
    }

    /// The properties after those of a request were written over them.
    pub(super) fn written(&self, before: &Record, given: &Value) -> Result<Record, Reply> {
        let given = given.as_object().ok_or_else(|| invalid("properties must be an object"))?;
        let mut after = before.clone();
        for (name, value) in given {
            let property = self.properties.iter().find(|property| property.name == *name);
            let property = property.ok_or_else(|| invalid(&format!("Property \"{name}\" does not exist")))?;
            let value = value.as_str().ok_or_else(|| invalid(&format!("{name}: a value must be a string")))?;
            let known = before.get(name).and_then(Value::as_str).unwrap_or_default();
            after.insert(name.clone(), json!(property.value(known, value)?));
        }
        Ok(after)
    }
}

pub(crate) fn list(state: &mut State, _: &Call, _: &Moment) -> Answer {
    let shown: Vec<Value> = state.hubspot.properties.iter().map(Property::shown).collect();
    Ok(Reply::ok(json!({ "results": shown })))
}

pub(crate) fn create(state: &mut State, call: &Call, _: &Moment) -> Answer {
    let name = call.text("name").ok_or_else(|| invalid("name is required"))?;
    let many = match (call.text("type"), call.text("fieldType")) {
        (Some("string"), Some(_)) => false,
        (Some("enumeration"), Some("checkbox")) => true,
        _ => return Err(invalid("the sandbox knows string, and enumeration as checkbox")),
    };
    let options = call.body["options"].as_array().into_iter().flatten();
    let options = options.filter_map(|option| Some(option["value"].as_str()?.to_owned())).collect();
    let unique = call.body["hasUniqueValue"] == true;
    let properties = &mut state.hubspot.properties;
    if properties.iter().any(|property| property.name == name) {
        return Err(super::error(
            axum::http::StatusCode::CONFLICT,
            &format!("A property named '{name}' already exists."),
        ));
    }
    let property = Property { name: name.to_owned(), unique, many, options };
    let shown = property.shown();
    properties.push(property);
    Ok(Reply::created(shown))
}
