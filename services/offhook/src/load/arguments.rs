//! What `simulate load` and `simulate rings` take on their command lines, read from text: orgs with keys, shares, waits.

use std::{fmt, str::FromStr, time::Duration};

use contract::OrgId;

/// Wrong usage that the parser alone can't see, as `sysexits.h` has it.
pub(crate) const EX_USAGE: u8 = 64;
/// The longest wait for Postgres.
const WAIT_MAX: Duration = Duration::from_hours(1);

/// An org as it is named, with or without its key.
#[derive(Clone)]
pub(crate) struct Org {
    id: OrgId,
    key: Option<String>,
}

/// An org and the key that its deliveries are signed with.
pub(crate) struct Sender {
    /// Whose calls.
    pub(crate) org: OrgId,
    /// Its key.
    pub(crate) key: String,
}

impl Org {
    /// With its own key or the `common` one.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn with_key(&self, common: Option<&str>) -> Result<Sender, String> {
        let key = self.key.as_deref().or(common).filter(|key| !key.is_empty());
        let missing = || format!("no key for {}: give --org {}=KEY, --secret or DEMO_RETELL_API_KEY", self.id, self.id);
        Ok(Sender { org: self.id.clone(), key: key.ok_or_else(missing)?.to_owned() })
    }
}

/// Without the key.
impl fmt::Debug for Org {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)
    }
}

impl FromStr for Org {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (org, key) = text.split_once('=').map_or((text, None), |(org, key)| (org, Some(key.to_owned())));
        org.parse().map(|id| Self { id, key }).map_err(|error: contract::Unnamed| error.to_string())
    }
}

/// A share, `5%` or `5`, as a number from 0 to 1.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.strip_suffix('%').unwrap_or(text).trim().parse().ok();
    let share = number.filter(|percent| (0.0..=100.0).contains(percent)).map(|percent| percent / 100.0);
    share.ok_or_else(|| "a share from 0% to 100%".to_owned())
}

/// A time, `60s`, `500ms`, `2m` or plain seconds; at most an hour.
pub(crate) fn wait(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let ms_of_unit = match unit {
        "ms" => Some(1),
        "s" | "" => Some(1000),
        "m" => Some(60_000),
        _ => None,
    };
    let ms = number.parse::<u64>().ok().zip(ms_of_unit).and_then(|(number, unit)| number.checked_mul(unit));
    let wait = ms.map(Duration::from_millis).filter(|wait| *wait <= WAIT_MAX);
    wait.ok_or_else(|| "a time such as 60s, 500ms or 2m, at most 60m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_waits_are_read_or_refused() {
        assert_eq!((percent("5%"), percent("5"), percent("0.5%")), (Ok(0.05), Ok(0.05), Ok(0.005)));
        assert!(percent("101%").is_err() && percent("-1").is_err() && percent("x").is_err() && percent("NaN").is_err());
        let waits = ["60s", "60", "500ms", "2m"].map(|text| wait(text).unwrap().as_millis());
        assert_eq!(waits, [60_000, 60_000, 500, 120_000]);
        assert!(
            wait("").is_err() && wait("5h").is_err() && wait("61m").is_err() && wait("99999999999999999m").is_err()
        );
    }

    #[test]
    fn an_org_brings_its_key_or_takes_the_common_one() {
        let key = |text: &str, common| text.parse::<Org>().unwrap().with_key(common).map(|sender| sender.key);
        assert_eq!(key("other=a=b", Some("common")), Ok("a=b".to_owned()));
        assert_eq!(key("demo", Some("common")), Ok("common".to_owned()));
        for (text, common) in [("demo", None), ("demo", Some("")), ("demo=", Some("common"))] {
            assert!(key(text, common).is_err(), "{text} {common:?}");
        }
        assert!("Demo".parse::<Org>().is_err());
        assert_eq!(format!("{:?}", "demo=secret".parse::<Org>().unwrap()), "demo");
    }
}
