//! orgs.toml as plain data: what is written, with the line of each value.
//!
//! Refuses syntax that is no TOML, fields without a meaning, missing fields and values of the wrong type; what the values
//! mean is judged in `check`.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    entry::{
        BranchEntry, ChannelEntry, DayEntry, GreetingEntry, Lined, OrgEntry, Place, SourceEntry, VariableEntry,
        VendorEntry,
    },
    fault::Faults,
    model::Setting,
};

/// The field of a source that shares secrets with us.
pub(crate) const SECRETS: &str = "secrets";
/// The field of a source that signs with a key of its own, which everybody may know.
const PUBLIC_KEYS: &str = "public_keys";

/// The field that holds a source's references. HighLevel's own key is known, so its field may be left out.
fn source_field(source: &str) -> &'static str {
    if source == "highlevel" { PUBLIC_KEYS } else { SECRETS }
}

/// Reads the whole file, whatever is wrong with parts of it.
pub(crate) fn entries(text: &str, faults: &mut Faults) -> Vec<OrgEntry> {
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(end, _)| end + 1)).collect();
    let mut reader = Reader { starts, faults };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let line = reader.line(&error.span().unwrap_or_default());
        reader.faults.syntax(line, error.message());
    }
    let root = Section { place: Place { line: 1, name: String::new() }, table: document.get_ref() };
    reader.only(&root, &["org"]);
    reader.list(&root, "org", "id").into_iter().map(|org| reader.org(org)).collect()
}

/// A table whose fields are being read.
struct Section<'t> {
    place: Place,
    table: &'t DeTable<'t>,
}

struct Reader<'f> {
    /// Byte offset at which each line begins.
    starts: Vec<usize>,
    faults: &'f mut Faults,
}

impl Reader<'_> {
    fn org(&mut self, org: Section<'_>) -> OrgEntry {
        self.only(&org, &["id", "name", "branch", "channel", "source", "vendor"]);
        OrgEntry {
            id: self.text(&org, "id"),
            name: self.text(&org, "name"),
            branches: self.list(&org, "branch", "id").into_iter().map(|branch| self.branch(branch)).collect(),
            channels: self.list(&org, "channel", "address").into_iter().map(|channel| self.channel(channel)).collect(),
            sources: self.named(&org, "source").into_iter().map(|(name, source)| self.source(name, source)).collect(),
            vendors: self.named(&org, "vendor").into_iter().map(|(name, vendor)| self.vendor(name, vendor)).collect(),
            place: org.place,
        }
    }

    fn branch(&mut self, branch: Section<'_>) -> BranchEntry {
        self.only(&branch, &["id", "time_zone", "hours", "exceptions", "calendar"]);
        BranchEntry {
            id: self.text(&branch, "id"),
            time_zone: self.text(&branch, "time_zone"),
            hours: self.days(&branch, "hours"),
            exceptions: self.days(&branch, "exceptions"),
            calendar: self.optional_text(&branch, "calendar"),
            place: branch.place,
        }
    }

    fn channel(&mut self, channel: Section<'_>) -> ChannelEntry {
        self.only(&channel, &["kind", "address", "branch", "deadline_ms", "variables", "greeting", "type_field"]);
        ChannelEntry {
            kind: self.text(&channel, "kind"),
            address: self.text(&channel, "address"),
            branch: self.text(&channel, "branch"),
            deadline_ms: self.optional_integer(&channel, "deadline_ms"),
            variables: self.named(&channel, "variables").into_iter().map(|(name, v)| self.variable(name, v)).collect(),
            greeting: self.greeting(&channel),
            type_field: self.optional_text(&channel, "type_field"),
            place: channel.place,
        }
    }

    fn variable(&mut self, name: String, variable: Section<'_>) -> VariableEntry {
        self.only(&variable, &["default", "max"]);
        VariableEntry {
            name,
            default: self.text(&variable, "default"),
            max: self.optional_integer(&variable, "max"),
            place: variable.place,
        }
    }

    fn greeting(&mut self, channel: &Section<'_>) -> Option<GreetingEntry> {
        let value = channel.table.get("greeting")?;
        let name = channel.place.field("greeting");
        let table = self.table(&name, value)?;
        let greeting = Section { place: Place { line: self.line(&value.span()), name }, table };
        self.only(&greeting, &["known", "unknown"]);
        Some(GreetingEntry {
            known: self.optional_text(&greeting, "known"),
            unknown: self.optional_text(&greeting, "unknown"),
            place: greeting.place,
        })
    }

    fn source(&mut self, name: String, source: Section<'_>) -> SourceEntry {
        let field = source_field(&name);
        self.only(&source, &[field]);
        let list = if field == SECRETS { self.present(&source, field) } else { source.table.get(field) };
        let secrets = match list {
            Some(list) => self.texts(&source.place.field(field), list),
            None => (field != SECRETS).then(Vec::new),
        };
        SourceEntry { name, field, secrets, place: source.place }
    }

    fn vendor(&mut self, name: String, vendor: Section<'_>) -> VendorEntry {
        let mut settings = Vec::new();
        for (key, value) in vendor.table {
            let line = self.line(&value.span());
            match setting(value.get_ref()) {
                Some(value) => settings.push((key.get_ref().to_string(), Lined { line, value })),
                None => self.faults.add(line, vendor.place.field(key.get_ref()), "is not a text, number or boolean"),
            }
        }
        VendorEntry { name, settings, place: vendor.place }
    }

    /// `{ KEY = ["…", …], … }`; absent means none.
    fn days(&mut self, section: &Section<'_>, field: &str) -> Vec<DayEntry> {
        let place = section.place.field(field);
        let Some(days) = section.table.get(field).and_then(|value| self.table(&place, value)) else {
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (key, value) in days {
            let place = Place { line: self.line(&key.span()), name: format!("{place} · {}", key.get_ref()) };
            if let Some(openings) = self.texts(&place.name, value) {
                entries.push(DayEntry { day: key.get_ref().to_string(), openings, place });
            }
        }
        entries
    }

    /// `[[FIELD]]` tables, each named by its own field `called` or, without one, by its position; absent means none.
    fn list<'t>(&mut self, section: &Section<'t>, field: &str, called: &str) -> Vec<Section<'t>> {
        let Some(value) = section.table.get(field) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.mistyped(&section.place.field(field), value, "an array of tables");
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (position, item) in list.iter().enumerate() {
            let name = match item.get_ref().get(called).and_then(|name| name.get_ref().as_str()) {
                Some(name) => section.place.field(&format!("{field} {name:?}")),
                None => section.place.field(&format!("{field} #{}", position + 1)),
            };
            if let Some(table) = self.table(&name, item) {
                sections.push(Section { place: Place { line: self.line(&item.span()), name }, table });
            }
        }
        sections
    }

    /// `[FIELD.NAME]` tables; absent means none.
    fn named<'t>(&mut self, section: &Section<'t>, field: &str) -> Vec<(String, Section<'t>)> {
        let place = section.place.field(field);
        let Some(tables) = section.table.get(field).and_then(|value| self.table(&place, value)) else {
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (key, value) in tables {
            let name = section.place.field(&format!("{field} {:?}", key.get_ref()));
            if let Some(table) = self.table(&name, value) {
                let place = Place { line: self.line(&value.span()), name };
                sections.push((key.get_ref().to_string(), Section { place, table }));
            }
        }
        sections
    }

    fn text(&mut self, section: &Section<'_>, field: &str) -> Option<Lined<String>> {
        let value = self.present(section, field)?;
        self.as_text(&section.place.field(field), value)
    }

    fn optional_text(&mut self, section: &Section<'_>, field: &str) -> Option<Lined<String>> {
        let value = section.table.get(field)?;
        self.as_text(&section.place.field(field), value)
    }

    fn optional_integer(&mut self, section: &Section<'_>, field: &str) -> Option<Lined<i64>> {
        let value = section.table.get(field)?;
        let Some(Setting::Integer(number)) = setting(value.get_ref()) else {
            self.mistyped(&section.place.field(field), value, "a whole number of at most 64 bits");
            return None;
        };
        Some(Lined { line: self.line(&value.span()), value: number })
    }

    fn texts(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Vec<Lined<String>>> {
        let Some(list) = value.get_ref().as_array() else {
            self.mistyped(name, value, "a list of texts");
            return None;
        };
        Some(list.iter().filter_map(|item| self.as_text(name, item)).collect())
    }

    fn as_text(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Lined<String>> {
        match value.get_ref().as_str() {
            Some(text) => Some(Lined { line: self.line(&value.span()), value: text.to_owned() }),
            None => {
                self.mistyped(name, value, "a text");
                None
            }
        }
    }

    fn table<'t>(&mut self, name: &str, value: &'t Spanned<DeValue<'t>>) -> Option<&'t DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.mistyped(name, value, "a table");
        }
        table
    }

    fn present<'t>(&mut self, section: &Section<'t>, field: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        let value = section.table.get(field);
        if value.is_none() {
            self.faults.astray(section.place.line, section.place.field(field), "is missing");
        }
        value
    }

    fn only(&mut self, section: &Section<'_>, known: &[&str]) {
        for key in section.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let problem = format!("is not a field we know; here: {}", known.join(", "));
            self.faults.astray(self.line(&key.span()), section.place.field(key.get_ref()), problem);
        }
    }

    fn mistyped(&mut self, name: &str, value: &Spanned<DeValue<'_>>, expected: &str) {
        self.faults.add(
            self.line(&value.span()),
            name,
            format!("should be {expected}, is {}", value.get_ref().type_str()),
        );
    }

    fn line(&self, span: &std::ops::Range<usize>) -> usize {
        self.starts.partition_point(|start| *start <= span.start)
    }
}

/// The plain value of a vendor's setting; infinities and `nan` have no JSON and are none.
fn setting(value: &DeValue<'_>) -> Option<Setting> {
    match value {
        DeValue::Boolean(flag) => Some(Setting::Flag(*flag)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(Setting::Integer),
        DeValue::Float(number) => number.as_str().parse().ok().filter(|n: &f64| n.is_finite()).map(Setting::Number),
        DeValue::String(text) => Some(Setting::Text(text.to_string())),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
