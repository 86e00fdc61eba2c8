//! Reads rules and settings from JSON, and names everything that is wrong with them at once.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    fault::Rule,
    operation,
    settings::{Delays, Settings},
    vendor::Vendor,
};

/// Rules at a time.
const RULES_MAX: usize = 1000;
/// The longest delay or lag: a day.
const MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// What is wanted; a part that is missing stays as it is.
#[derive(Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) rules: Option<Vec<Rule>>,
    pub(crate) settings: Option<Settings>,
}

/// Reads the whole input, or every fault in it.
pub(crate) fn read(input: Value) -> Result<Wanted, Vec<String>> {
    let mut faults = Vec::new();
    let mut whole = Fields::new("", input, &mut faults);
    let (rules, settings) = (whole.take::<Vec<Value>>("rules"), whole.take::<Value>("settings"));
    whole.end();
    if rules.as_ref().is_some_and(|rules| rules.len() > RULES_MAX) {
        faults.push(format!("rules: more than {RULES_MAX}"));
    }
    let rules = rules.map(|rules| {
        let read = rules.into_iter().take(RULES_MAX).enumerate();
        read.filter_map(|(index, value)| rule(Fields::new(&format!("rules[{index}]"), value, &mut faults))).collect()
    });
    let settings = settings.map(|value| settings_of(value, &mut faults));
    if faults.is_empty() { Ok(Wanted { rules, settings }) } else { Err(faults) }
}

fn rule(mut fields: Fields<'_>) -> Option<Rule> {
    let vendor_name: Option<String> = fields.take("vendor");
    let operation: Option<String> = fields.take("operation");
    let vendor = vendor_name.as_deref().and_then(|name| Vendor::ALL.into_iter().find(|known| known.as_str() == name));
    if vendor.is_none() {
        fields.fault("vendor", &format!("name one of {}", Vendor::ALL.map(Vendor::as_str).join(", ")));
    }
    if let (Some(vendor), Some(name)) = (vendor, &operation)
        && !operation::names(vendor).contains(&name.as_str())
    {
        fields.fault("operation", &format!("{name} is none of {}", operation::names(vendor).join(", ")));
    }
    let rule = vendor.map(|vendor| Rule {
        vendor,
        operation,
        account: fields.take("account"),
        delay_ms: fields.take("delay_ms"),
        status: fields.take("status"),
        body: fields.take("body"),
        hang: fields.take("hang").unwrap_or_default(),
        retry_after_s: fields.take("retry_after_s"),
        times: fields.take("times"),
        after_effect: fields.take("after_effect").unwrap_or_default(),
        used: 0,
    });
    match &rule {
        Some(rule) => check(rule, &mut fields),
        None => fields.rest.clear(),
    }
    fields.end();
    rule
}

/// What each field may be, and which go together.
fn check(rule: &Rule, fields: &mut Fields<'_>) {
    let mut require = |holds: bool, name: &str, todo: &str| {
        if !holds {
            fields.fault(name, todo);
        }
    };
    require(rule.delay_ms.is_none_or(|ms| ms <= MS_MAX), "delay_ms", &format!("at most {MS_MAX}"));
    require(rule.status.is_none_or(|status| (200..600).contains(&status)), "status", "between 200 and 599");
    require(rule.times != Some(0), "times", "at least 1");
    require(rule.status.is_none() || !rule.hang, "hang", "what hangs has no status");
    require(rule.status.is_some() || rule.body.is_none(), "body", "needs a status");
    require(rule.status.is_some() || rule.retry_after_s.is_none(), "retry_after_s", "needs a status");
    let does = rule.status.is_some() || rule.hang || rule.delay_ms.is_some();
    require(does, "", "needs one of delay_ms, status, hang");
}

fn settings_of(value: Value, faults: &mut Vec<String>) -> Settings {
    let usual = Settings::default();
    let mut fields = Fields::new("settings", value, faults);
    let delays = fields.take::<Value>("delays_ms");
    let memory_lag_ms = fields.milliseconds("memory_lag_ms", usual.memory_lag_ms);
    let highlevel_read_lag_ms = fields.milliseconds("highlevel_read_lag_ms", usual.highlevel_read_lag_ms);
    let hubspot_read_lag_ms = fields.milliseconds("hubspot_read_lag_ms", usual.hubspot_read_lag_ms);
    let hubspot_rate_per_10_s = fields.take("hubspot_rate_per_10_s").unwrap_or(usual.hubspot_rate_per_10_s);
    let hubspot_searches_per_s = fields.take("hubspot_searches_per_s").unwrap_or(usual.hubspot_searches_per_s);
    let highlevel_rate_per_10_s = fields.take("highlevel_rate_per_10_s").unwrap_or(usual.highlevel_rate_per_10_s);
    let calcom_rate_per_60_s = fields.take("calcom_rate_per_60_s").unwrap_or(usual.calcom_rate_per_60_s);
    let calcom_read_lag_ms = fields.milliseconds("calcom_read_lag_ms", usual.calcom_read_lag_ms);
    fields.end();
    let usual = usual.delays_ms;
    let delays_ms = delays.map_or(usual.clone(), |value| {
        let mut fields = Fields::new("settings.delays_ms", value, faults);
        let delays = Delays {
            highlevel_contacts: fields.milliseconds("highlevel_contacts", usual.highlevel_contacts),
            highlevel_calendars: fields.milliseconds("highlevel_calendars", usual.highlevel_calendars),
            hubspot: fields.milliseconds("hubspot", usual.hubspot),
            calcom: fields.milliseconds("calcom", usual.calcom),
            zep: fields.milliseconds("zep", usual.zep),
            mem0: fields.milliseconds("mem0", usual.mem0),
            langfuse: fields.milliseconds("langfuse", usual.langfuse),
        };
        fields.end();
        delays
    });
    Settings {
        delays_ms,
        memory_lag_ms,
        highlevel_rate_per_10_s,
        highlevel_read_lag_ms,
        hubspot_rate_per_10_s,
        hubspot_searches_per_s,
        hubspot_read_lag_ms,
        calcom_rate_per_60_s,
        calcom_read_lag_ms,
    }
}

/// An object's fields, taken one by one; what is left at the end is unknown.
struct Fields<'a> {
    place: String,
    rest: Map<String, Value>,
    faults: &'a mut Vec<String>,
}

impl<'a> Fields<'a> {
    fn new(place: &str, value: Value, faults: &'a mut Vec<String>) -> Self {
        let rest = match value {
            Value::Object(rest) => rest,
            other => {
                faults.push(format!("{}: {other} is no object", if place.is_empty() { "the body" } else { place }));
                Map::new()
            }
        };
        Self { place: place.to_owned(), rest, faults }
    }

    /// The field, if it is there and neither null nor of the wrong type.
    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = self.rest.remove(name).filter(|value| !value.is_null())?;
        serde_json::from_value(value).map_err(|error| self.fault(name, &error.to_string())).ok()
    }

    fn milliseconds(&mut self, name: &str, usual: u64) -> u64 {
        let value = self.take(name).unwrap_or(usual);
        if value > MS_MAX {
            self.fault(name, &format!("at most {MS_MAX}"));
        }
        value
    }

    fn fault(&mut self, name: &str, todo: &str) {
        let dot = if self.place.is_empty() || name.is_empty() { "" } else { "." };
        self.faults.push(format!("{}{dot}{name}: {todo}", self.place));
    }

    fn end(mut self) {
        for name in std::mem::take(&mut self.rest).keys() {
            self.fault(name, "no such field");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_fault_is_named_at_once() {
        let input = json!({
            "rules": [
                { "vendor": "zep", "status": 99, "operation": "contact.get", "times": 0, "colour": "red" },
                { "vendor": "acme", "hang": true },
                { "vendor": "mem0", "delay_ms": "long", "body": {} },
                7
            ],
            "settings": { "memory_lag_ms": -1, "delays_ms": { "zep": MS_MAX + 1, "x": 1 } },
            "else": 1
        });
        let places = [
            "else: no such field",
            "rules[0].operation: contact.get is none of user.create",
            "rules[0].status: between 200 and 599",
            "rules[0].times: at least 1",
            "rules[0].colour: no such field",
            "rules[1].vendor: name one of highlevel, hubspot, calcom, zep, mem0, langfuse",
            "rules[2].delay_ms: invalid type",
            "rules[2].body: needs a status",
            "rules[2]: needs one of delay_ms, status, hang",
            "rules[3]: 7 is no object",
            "settings.memory_lag_ms: invalid value",
            "settings.delays_ms.zep: at most",
            "settings.delays_ms.x: no such field",
        ];
        let faults = read(input).unwrap_err();
        for place in places {
            assert!(faults.iter().any(|fault| fault.starts_with(place)), "{place} is not in {faults:#?}");
        }
    }

    #[test]
    fn a_missing_part_stays_and_a_missing_setting_is_usual() {
        assert_eq!(read(json!({})), Ok(Wanted { rules: None, settings: None }));
        let wanted = read(json!({ "rules": [], "settings": { "delays_ms": { "zep": 0 } } })).unwrap();
        let usual = Settings::default();
        let delays_ms = Delays { zep: 0, ..usual.delays_ms.clone() };
        assert_eq!(wanted, Wanted { rules: Some(Vec::new()), settings: Some(Settings { delays_ms, ..usual }) });
    }
}
