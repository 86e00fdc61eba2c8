//! What an orgs.toml says, as plain data: each value with the line it stands on.
//!
//! Refuses nothing: what was missing or of the wrong type is `None` and had its fault when it was read.

use crate::model::Setting;

/// A value and the line it stands on.
pub(crate) struct Lined<T> {
    pub(crate) line: usize,
    pub(crate) value: T,
}

/// One `[[org]]` as written; what was missing or of the wrong type is `None` and has its fault.
pub(crate) struct OrgEntry {
    pub(crate) place: Place,
    pub(crate) id: Option<Lined<String>>,
    pub(crate) name: Option<Lined<String>>,
    pub(crate) branches: Vec<BranchEntry>,
    pub(crate) channels: Vec<ChannelEntry>,
    pub(crate) sources: Vec<SourceEntry>,
    pub(crate) vendors: Vec<VendorEntry>,
}

/// One `[[org.branch]]` as written.
pub(crate) struct BranchEntry {
    pub(crate) place: Place,
    pub(crate) id: Option<Lined<String>>,
    pub(crate) time_zone: Option<Lined<String>>,
    pub(crate) hours: Vec<DayEntry>,
    pub(crate) exceptions: Vec<DayEntry>,
    pub(crate) calendar: Option<Lined<String>>,
}

/// The openings of one weekday or date as written.
pub(crate) struct DayEntry {
    pub(crate) place: Place,
    pub(crate) day: String,
    pub(crate) openings: Vec<Lined<String>>,
}

/// One `[[org.channel]]` as written.
pub(crate) struct ChannelEntry {
    pub(crate) place: Place,
    pub(crate) kind: Option<Lined<String>>,
    pub(crate) address: Option<Lined<String>>,
    pub(crate) branch: Option<Lined<String>>,
    pub(crate) deadline_ms: Option<Lined<i64>>,
    pub(crate) variables: Vec<VariableEntry>,
    pub(crate) greeting: Option<GreetingEntry>,
    pub(crate) type_field: Option<Lined<String>>,
}

/// One variable of a channel as written.
pub(crate) struct VariableEntry {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) default: Option<Lined<String>>,
    pub(crate) max: Option<Lined<i64>>,
}

/// The greetings of a channel as written.
pub(crate) struct GreetingEntry {
    pub(crate) place: Place,
    pub(crate) known: Option<Lined<String>>,
    pub(crate) unknown: Option<Lined<String>>,
}

/// One `[org.source.NAME]` as written.
pub(crate) struct SourceEntry {
    pub(crate) place: Place,
    pub(crate) name: String,
    /// The field that holds its references.
    pub(crate) field: &'static str,
    pub(crate) secrets: Option<Vec<Lined<String>>>,
}

/// One `[org.vendor.NAME]` as written.
pub(crate) struct VendorEntry {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) settings: Vec<(String, Lined<Setting>)>,
}

/// Where a table stands: its line and its name in words.
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) name: String,
}

impl Place {
    /// A field of this table in words.
    pub(crate) fn field(&self, field: &str) -> String {
        if self.name.is_empty() { field.to_owned() } else { format!("{} · {field}", self.name) }
    }
}
