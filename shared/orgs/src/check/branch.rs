//! What the values of a `[[org.branch]]` mean.
//!
//! Refuses openings that overlap, days there are not, a calendar of a vendor the org has no account with, and an event type of
//! Cal.com by its name: without a user's beside it, that is nobody's.

use std::collections::{BTreeMap, HashMap};

use contract::OrgId;

use super::{Checker, is_address};
use crate::{
    entry::{BranchEntry, DayEntry, Lined, OrgEntry, Place},
    hours::Opening,
    model::{Branch, Calendar},
};

/// Longest branch id, in bytes: as for orgs.
const BRANCH_BYTES_MAX: usize = OrgId::BYTES_MAX;
/// The vendors that keep calendars.
const CALENDARS: [&str; 2] = ["highlevel", CALCOM];
const CALCOM: &str = "calcom";

impl Checker<'_> {
    pub(super) fn branches(&mut self, org: &OrgEntry) -> Vec<Branch> {
        let mut ids = HashMap::new();
        let mut branches = Vec::new();
        for entry in &org.branches {
            if let Some(id) = &entry.id
                && let Some(first) = ids.insert(id.value.as_str(), id.line)
            {
                self.faults.add(id.line, entry.place.field("id"), format!("is taken by the branch of line {first}"));
            }
            branches.extend(self.branch(org, entry));
        }
        branches
    }

    fn branch(&mut self, org: &OrgEntry, entry: &BranchEntry) -> Option<Branch> {
        let id = entry.id.as_ref().and_then(|id| self.branch_id(&entry.place, id));
        let time_zone = entry.time_zone.as_ref().and_then(|zone| {
            let known = zone.value.parse().ok();
            if known.is_none() {
                let problem = format!("is {:?}, not an IANA time zone such as America/New_York", zone.value);
                self.faults.add(zone.line, entry.place.field("time_zone"), problem);
            }
            known
        });
        let hours = self.days(&entry.hours, |day| day.parse().map_err(|error: contract::Unnamed| error.to_string()));
        let exceptions = self.days(&entry.exceptions, |day| {
            let date = day.parse().ok().filter(|date: &chrono::NaiveDate| date.to_string() == day);
            date.ok_or_else(|| format!("{day:?} is not a date YYYY-MM-DD"))
        });
        let calendar = entry.calendar.as_ref().and_then(|calendar| self.calendar(org, &entry.place, calendar));
        Some(Branch { id: id?, time_zone: time_zone?, hours, exceptions, calendar })
    }

    fn calendar(&mut self, org: &OrgEntry, place: &Place, written: &Lined<String>) -> Option<Calendar> {
        let known = written.value.split_once(':').filter(|(vendor, id)| CALENDARS.contains(vendor) && is_address(id));
        let Some((vendor, id)) = known else {
            let vendors = CALENDARS.join(", ");
            let problem = format!(
                "is {:?}, not a calendar VENDOR:ID such as highlevel:cal_main; vendors with calendars: {vendors}",
                written.value
            );
            self.faults.add(written.line, place.field("calendar"), problem);
            return None;
        };
        if !org.vendors.iter().any(|account| account.name == vendor) {
            let problem = format!("is kept by {vendor}, where this org has no account: add [org.vendor.{vendor}]");
            self.faults.astray(written.line, place.field("calendar"), problem);
        }
        if vendor == CALCOM && !id.parse().is_ok_and(|number: u32| number > 0 && number.to_string() == id) {
            let problem =
                format!("is {:?}; at calcom the id is an event type's number, such as calcom:1001", written.value);
            self.faults.add(written.line, place.field("calendar"), problem);
            return None;
        }
        Some(Calendar { vendor: vendor.to_owned(), id: id.to_owned() })
    }

    fn branch_id(&mut self, place: &Place, id: &Lined<String>) -> Option<String> {
        let starts = id.value.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let token = id.value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        let problem = if !starts || !token || id.value.len() > BRANCH_BYTES_MAX {
            format!("is {:?}, not a branch id: [a-z0-9][a-z0-9_-]{{0,31}}", id.value)
        } else if id.value == "unassigned" {
            "is reserved for calls that reach no branch".to_owned()
        } else {
            return Some(id.value.clone());
        };
        self.faults.add(id.line, place.field("id"), problem);
        None
    }

    fn days<D: Ord>(
        &mut self,
        entries: &[DayEntry],
        parse: impl Fn(&str) -> Result<D, String>,
    ) -> BTreeMap<D, Vec<Opening>> {
        let mut days = BTreeMap::new();
        for entry in entries {
            let openings = self.openings(entry);
            match parse(&entry.day) {
                Ok(day) => drop(days.insert(day, openings)),
                Err(problem) => self.faults.add(entry.place.line, &entry.place.name, problem),
            }
        }
        days
    }

    fn openings(&mut self, entry: &DayEntry) -> Vec<Opening> {
        let mut openings: Vec<Opening> = Vec::new();
        for written in &entry.openings {
            match written.value.parse::<Opening>() {
                Err(problem) => self.faults.add(written.line, &entry.place.name, problem.to_string()),
                Ok(opening) => match openings.iter().find(|other| opening.overlaps(**other)) {
                    Some(other) => {
                        let problem = format!("{opening} overlaps {other}");
                        self.faults.add(written.line, &entry.place.name, problem);
                    }
                    None => openings.push(opening),
                },
            }
        }
        openings.sort_unstable();
        openings
    }
}
