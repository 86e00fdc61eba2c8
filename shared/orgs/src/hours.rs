//! When a branch is open: weekdays, openings and how they are written.
//!
//! Refuses an opening that ends before it begins; one that spans midnight is written as two.

use std::{fmt, str::FromStr};

use contract::Unnamed;
use serde::{Deserialize, Serialize};

/// A day of the week, `mon` to `sun`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl FromStr for Day {
    type Err = Unnamed;

    fn from_str(name: &str) -> Result<Self, Unnamed> {
        Ok(match name {
            "mon" => Self::Mon,
            "tue" => Self::Tue,
            "wed" => Self::Wed,
            "thu" => Self::Thu,
            "fri" => Self::Fri,
            "sat" => Self::Sat,
            "sun" => Self::Sun,
            _ => {
                return Err(Unnamed {
                    name: name.to_owned(),
                    expected: "a weekday: mon, tue, wed, thu, fri, sat, sun",
                });
            }
        })
    }
}

/// A stretch of one local day, written `HH:MM-HH:MM`; `24:00` is the end of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Opening {
    from_minute: u16,
    to_minute: u16,
}

impl Opening {
    const DAY_MINUTES: u16 = 24 * 60;

    /// The first open minute, counted from local midnight.
    #[must_use]
    pub fn from_minute(self) -> u16 {
        self.from_minute
    }

    /// The first closed minute after it, counted from local midnight; at most 1440.
    #[must_use]
    pub fn to_minute(self) -> u16 {
        self.to_minute
    }

    /// Whether a minute belongs to both; touching is not overlapping.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.from_minute < other.to_minute && other.from_minute < self.to_minute
    }
}

impl FromStr for Opening {
    type Err = Unnamed;

    fn from_str(text: &str) -> Result<Self, Unnamed> {
        let read = || {
            let (from, to) = text.split_once('-')?;
            let opening = Self { from_minute: minute(from)?, to_minute: minute(to)? };
            (opening.from_minute < opening.to_minute).then_some(opening)
        };
        let expected = "an opening HH:MM-HH:MM that begins before it ends, at 24:00 at the latest";
        read().ok_or_else(|| Unnamed { name: text.to_owned(), expected })
    }
}

fn minute(clock: &str) -> Option<u16> {
    let (hours, minutes) = clock.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= Opening::DAY_MINUTES).then_some(minute)
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from_minute, self.to_minute);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl TryFrom<String> for Opening {
    type Error = Unnamed;

    fn try_from(text: String) -> Result<Self, Unnamed> {
        text.parse()
    }
}

impl From<Opening> for String {
    fn from(opening: Opening) -> Self {
        opening.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_reads_back_as_written() {
        for text in ["00:00-24:00", "09:00-17:30", "23:59-24:00"] {
            assert_eq!(text.parse::<Opening>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_opening_begins_before_it_ends_and_ends_within_the_day() {
        for text in [
            "",
            "9:00-17:00",
            "09:00",
            "09:00-09:00",
            "17:00-09:00",
            "09:60-10:00",
            "09:00-24:01",
            "24:00-24:00",
            "+9:00-10:00",
            "09:00-17:00 ",
        ] {
            assert!(text.parse::<Opening>().is_err(), "{text}");
        }
    }

    #[test]
    fn touching_openings_do_not_overlap() {
        let opening = |text: &str| text.parse::<Opening>().unwrap();
        assert!(!opening("09:00-12:00").overlaps(opening("12:00-13:00")));
        assert!(opening("09:00-12:00").overlaps(opening("11:59-13:00")));
        assert!(opening("09:00-12:00").overlaps(opening("10:00-11:00")));
    }
}
