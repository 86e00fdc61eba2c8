//! Money as exact decimals of cents: every digit that was sent, none that was not.

/// The largest amount that is believed, in cents.
const CENTS_MAX: f64 = 1e12;
/// The longest decimal that is believed, in characters.
const CHARS_MAX: usize = 40;

/// A JSON number of cents.
pub(crate) fn cents(literal: &str) -> Option<String> {
    let value: f64 = serde_json::from_str(literal).ok()?;
    let plain = if literal.contains(['e', 'E']) { value.to_string() } else { literal.to_owned() };
    (value.abs() <= CENTS_MAX && plain.len() <= CHARS_MAX).then_some(plain)
}

/// A JSON number of dollars: the point moves, so that no digit is lost to arithmetic.
pub(crate) fn cents_of_dollars(literal: &str) -> Option<String> {
    let dollars = cents(literal)?;
    let (sign, digits) = dollars.strip_prefix('-').map_or(("", dollars.as_str()), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = format!("{fraction:0<2}");
    let (moved, rest) = fraction.split_at_checked(2)?;
    let whole = format!("{whole}{moved}");
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_keeps_its_digits_and_nonsense_is_dropped() {
        for (literal, kept) in
            [("14.2", Some("14.2")), ("0.10", Some("0.10")), ("1.5e2", Some("150")), ("1e300", None), ("\"1\"", None)]
        {
            assert_eq!(cents(literal).as_deref(), kept, "{literal}");
        }
    }

    #[test]
    fn dollars_become_cents_by_their_digits() {
        for (dollars, kept) in [
            ("0.142", "14.2"),
            ("1", "100"),
            ("0", "0"),
            ("0.0", "0"),
            ("12.3", "1230"),
            ("0.005", "0.5"),
            ("-1.25", "-125"),
            ("1.5e-3", "0.15"),
        ] {
            assert_eq!(cents_of_dollars(dollars).as_deref(), Some(kept), "{dollars}");
        }
        assert_eq!(cents_of_dollars("null"), None);
    }
}
