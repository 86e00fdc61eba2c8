//! Phone numbers in E.164, the one spelling that keys, tables and lookups use.
//!
//! Guesses no country and matches no "last eight digits": a number without its country code is no number of ours.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Unnamed;

/// An E.164 number: `+`, then 7 to 15 digits of which the first is not 0 (ITU-T E.164 § 6). Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(Arc<str>);

impl PhoneNumber {
    const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

    /// The number with its plus sign.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number for logs: country code and last two digits, the rest as dots.
    #[must_use]
    pub fn masked(&self) -> String {
        format!("{}…{}", &self.0[..3], &self.0[self.0.len() - 2..])
    }
}

impl FromStr for PhoneNumber {
    type Err = Unnamed;

    /// Accepts the usual separators (blank, dash, dot, slash, brackets) and `00` for `+`.
    fn from_str(text: &str) -> Result<Self, Unnamed> {
        let unnamed = || Unnamed { name: text.to_owned(), expected: "a phone number with country code" };
        let bare: String =
            text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '/' | '(' | ')' | '\u{a0}')).collect();
        let digits = bare.strip_prefix('+').or_else(|| bare.strip_prefix("00")).ok_or_else(unnamed)?;
        let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if !plain || !Self::DIGITS.contains(&digits.len()) {
            return Err(unnamed());
        }
        Ok(Self(format!("+{digits}").into()))
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = Unnamed;

    fn try_from(text: String) -> Result<Self, Unnamed> {
        text.parse()
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0.as_ref().to_owned()
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_fall_away_and_the_country_code_stays() {
        for text in ["+15005550006", "+1 (500) 555-0006", "001 500.555.0006", "+1/500/555/0006"] {
            assert_eq!(text.parse::<PhoneNumber>().unwrap().as_str(), "+15005550006", "{text}");
        }
    }

    #[test]
    fn withheld_short_and_local_numbers_are_no_numbers() {
        for text in [
            "",
            "anonymous",
            "Restricted",
            "+",
            "112",
            "5005550006",
            "+0123456789",
            "+123456",
            "+1234567890123456",
            "sip:a@b",
        ] {
            assert!(text.parse::<PhoneNumber>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_masked_number_hides_the_subscriber() {
        assert_eq!("+15005550006".parse::<PhoneNumber>().unwrap().masked(), "+15…06");
    }
}
