//! A branch's hours at a moment, and in words that an agent can speak.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike as _, NaiveDate, Timelike as _, Utc, Weekday};

use crate::{
    hours::{Day, Opening},
    model::Branch,
};

/// The words for most weeks fit, in bytes.
const BYTES_USUAL: usize = 128;
/// The week as it is spoken.
const WEEK: [(Day, &str); 7] = [
    (Day::Mon, "Mon"),
    (Day::Tue, "Tue"),
    (Day::Wed, "Wed"),
    (Day::Thu, "Thu"),
    (Day::Fri, "Fri"),
    (Day::Sat, "Sat"),
    (Day::Sun, "Sun"),
];

impl Branch {
    /// Whether it is open at this moment; the closing minute is closed.
    #[must_use]
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        let local = now.with_timezone(&self.time_zone);
        let minute = local.hour() * 60 + local.minute();
        let within =
            |opening: &Opening| (u32::from(opening.from_minute())..u32::from(opening.to_minute())).contains(&minute);
        self.openings(local.date_naive()).iter().any(within)
    }

    /// The week's hours, days with the same ones together; and today's, where today is an exception.
    #[must_use]
    pub fn hours_in_words(&self, now: DateTime<Utc>) -> String {
        let on = |day: &Day| self.hours.get(day).map(Vec::as_slice).unwrap_or_default();
        let mut text = String::with_capacity(BYTES_USUAL);
        for days in WEEK.chunk_by(|(one, _), (next, _)| on(one) == on(next)) {
            let ((day, first), (_, last)) = (days[0], days[days.len() - 1]);
            text.push_str(if text.is_empty() { "" } else { "; " });
            text.push_str(first);
            if days.len() > 1 {
                text.push('-');
                text.push_str(last);
            }
            text.push(' ');
            push_openings(&mut text, on(&day));
        }
        let today = now.with_timezone(&self.time_zone).date_naive();
        if let Some(openings) = self.exceptions.get(&today) {
            text.push_str("; today ");
            push_openings(&mut text, openings);
        }
        text
    }

    /// The openings of a local date: its own, or its weekday's.
    fn openings(&self, date: NaiveDate) -> &[Opening] {
        let day = match date.weekday() {
            Weekday::Mon => Day::Mon,
            Weekday::Tue => Day::Tue,
            Weekday::Wed => Day::Wed,
            Weekday::Thu => Day::Thu,
            Weekday::Fri => Day::Fri,
            Weekday::Sat => Day::Sat,
            Weekday::Sun => Day::Sun,
        };
        self.exceptions.get(&date).or_else(|| self.hours.get(&day)).map(Vec::as_slice).unwrap_or_default()
    }
}

fn push_openings(text: &mut String, openings: &[Opening]) {
    if openings.is_empty() {
        text.push_str("closed");
    }
    for (nth, opening) in openings.iter().enumerate() {
        text.push_str(if nth > 0 { " and " } else { "" });
        push_clock(text, opening.from_minute());
        text.push('-');
        push_clock(text, opening.to_minute());
    }
}

/// `9:00 AM`; the end of the day is `midnight`.
fn push_clock(text: &mut String, minute: u16) {
    let (hour, minute) = (minute / 60, minute % 60);
    // Writing to a text can't fail.
    match hour {
        24 => write!(text, "midnight"),
        0 => write!(text, "12:{minute:02} AM"),
        1..=11 => write!(text, "{hour}:{minute:02} AM"),
        12 => write!(text, "12:{minute:02} PM"),
        _ => write!(text, "{}:{minute:02} PM", hour - 12),
    }
    .ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch() -> Branch {
        serde_json::from_value(serde_json::json!({
            "id": "main",
            "time_zone": "America/New_York",
            "hours": {
                "mon": ["09:00-12:00", "13:00-17:00"], "tue": ["09:00-17:00"], "wed": ["09:00-17:00"],
                "sat": ["22:00-24:00"], "sun": ["00:00-03:00"],
            },
            "exceptions": { "2026-11-24": ["10:00-11:00"], "2026-11-25": [] },
        }))
        .unwrap()
    }

    fn open(at: &str) -> bool {
        branch().is_open(at.parse().unwrap())
    }

    #[test]
    fn open_from_the_first_minute_to_before_the_last() {
        assert!(!open("2026-11-23T13:59:59Z") && open("2026-11-23T14:00:00Z"));
        assert!(open("2026-11-23T16:59:59Z") && !open("2026-11-23T17:00:00Z") && open("2026-11-23T18:00:00Z"));
        assert!(!open("2026-11-23T22:00:00Z"));
        assert!(open("2026-11-22T04:59:59Z") && open("2026-11-22T05:00:00Z"), "over midnight");
    }

    #[test]
    fn a_date_of_its_own_goes_before_its_weekday() {
        assert!(!open("2026-11-24T14:30:00Z") && open("2026-11-24T15:30:00Z") && !open("2026-11-25T15:00:00Z"));
    }

    #[test]
    fn hours_follow_the_clock_over_its_changes() {
        // Sunday 2026-11-01, 02:00 comes twice; Sunday 2026-03-08, it does not come.
        assert!(open("2026-11-01T05:30:00Z") && open("2026-11-01T06:30:00Z") && open("2026-11-01T07:30:00Z"));
        assert!(!open("2026-11-01T08:00:00Z"));
        assert!(open("2026-03-08T06:59:00Z") && !open("2026-03-08T07:00:00Z"));
    }

    #[test]
    fn hours_are_spoken_by_span_and_today_by_itself_where_it_differs() {
        let words = branch().hours_in_words("2026-11-23T12:00:00Z".parse().unwrap());
        assert_eq!(
            words,
            "Mon 9:00 AM-12:00 PM and 1:00 PM-5:00 PM; Tue-Wed 9:00 AM-5:00 PM; Thu-Fri closed; Sat 10:00 PM-midnight; \
             Sun 12:00 AM-3:00 AM"
        );
        assert!(branch().hours_in_words("2026-11-25T12:00:00Z".parse().unwrap()).ends_with("; today closed"));
    }
}
