//! An org's account with a vendor: plain settings, the address, and the secrets as last read.
//!
//! Refuses to hand out a secret while the address it is meant for is not known: it would go to another one.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use crate::{
    base_url::BaseUrl,
    model::Setting,
    secrets::{SecretRef, holds_secret},
    vault::{Need, Vault},
};

const BASE_URL: &str = "base_url";

/// An org's account with a vendor.
#[derive(Debug, Clone, Copy)]
pub struct LiveVendor<'a> {
    settings: &'a BTreeMap<String, Setting>,
    account: &'a Account,
}

/// What was read for an account.
#[derive(Debug)]
pub(crate) struct Account {
    base_url: Option<String>,
    secrets: BTreeMap<String, SecretString>,
}

impl Account {
    pub(crate) fn new(settings: &BTreeMap<String, Setting>, vault: &Vault) -> Self {
        let held = |reference: &SecretRef| vault.get(reference).map(|value| value.expose_secret().to_owned());
        let base_url = base_url(settings).and_then(|url| url.resolve(held));
        let reachable = base_url.is_some() || !settings.contains_key(BASE_URL);
        let read = |(field, reference): (&str, SecretRef)| Some((field.to_owned(), vault.get(&reference)?.clone()));
        let secrets = secrets(settings).filter(|_| reachable).filter_map(read).collect();
        Self { base_url, secrets }
    }
}

impl<'a> LiveVendor<'a> {
    pub(crate) fn new(settings: &'a BTreeMap<String, Setting>, account: &'a Account) -> Self {
        Self { settings, account }
    }

    /// Where this account is reached, without a slash at its end; `None` = at the vendor's usual address. When the file
    /// names a variable that holds no URL, this is `None` and so is every [`LiveVendor::secret`]: the vendor is out of reach.
    #[must_use]
    pub fn base_url(&self) -> Option<String> {
        self.account.base_url.clone()
    }

    /// The secret of a token-like field; `None` without the field, or while the secret or the address can't be read.
    #[must_use]
    pub fn secret(&self, field: &str) -> Option<&'a SecretString> {
        self.account.secrets.get(field)
    }

    /// A plain text. A reference is none.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&'a str> {
        match self.settings.get(field)? {
            Setting::Text(text) if field != BASE_URL && !holds_secret(field) => Some(text),
            _ => None,
        }
    }

    /// A number, whole or not; a whole one beyond 2^53 loses its last digits.
    #[must_use]
    pub fn number(&self, field: &str) -> Option<f64> {
        match *self.settings.get(field)? {
            #[allow(clippy::cast_precision_loss, reason = "told above")]
            Setting::Integer(number) => Some(number as f64),
            Setting::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A yes or no.
    #[must_use]
    pub fn flag(&self, field: &str) -> Option<bool> {
        match *self.settings.get(field)? {
            Setting::Flag(flag) => Some(flag),
            _ => None,
        }
    }
}

/// Everything of an account that the vault has to read, and what for.
pub(crate) fn references(settings: &BTreeMap<String, Setting>) -> impl Iterator<Item = (SecretRef, Need)> {
    let address = match base_url(settings) {
        Some(BaseUrl::Env { variable, .. }) => Some((variable, Need::Address)),
        _ => None,
    };
    secrets(settings).map(|(_, reference)| (reference, Need::Serve)).chain(address)
}

fn base_url(settings: &BTreeMap<String, Setting>) -> Option<BaseUrl> {
    match settings.get(BASE_URL)? {
        Setting::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn secrets(settings: &BTreeMap<String, Setting>) -> impl Iterator<Item = (&str, SecretRef)> {
    settings.iter().filter(|(field, _)| holds_secret(field)).filter_map(|(field, setting)| match setting {
        Setting::Text(text) => Some((field.as_str(), text.parse().ok()?)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: serde_json::Value) -> BTreeMap<String, Setting> {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn plain_settings_are_told_by_type_and_references_never() {
        let settings = settings(serde_json::json!({
            "token": "env:T", "base_url": "https://a.example/", "location_id": "loc", "retries": 3, "share": 0.5, "live": true,
        }));
        let account = Account::new(&settings, &Vault::holding(&[("env:T", "t0ken")]));
        let vendor = LiveVendor::new(&settings, &account);
        assert_eq!(
            (vendor.text("location_id"), vendor.number("retries"), vendor.flag("live")),
            (Some("loc"), Some(3.0), Some(true))
        );
        assert_eq!((vendor.number("share"), vendor.number("live"), vendor.flag("share")), (Some(0.5), None, None));
        assert_eq!(
            (vendor.text("token"), vendor.text("base_url"), vendor.text("retries"), vendor.text("x")),
            (None, None, None, None)
        );
        assert_eq!(vendor.secret("token").unwrap().expose_secret(), "t0ken");
        assert!(vendor.secret("location_id").is_none());
        assert_eq!(vendor.base_url().as_deref(), Some("https://a.example"));
        assert!(!format!("{vendor:?}").contains("t0ken"), "a secret is never printed");
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_none() {
        let settings = settings(serde_json::json!({"token": "env:T", "secret_key": "env:S"}));
        let account = Account::new(&settings, &Vault::holding(&[("env:S", "s")]));
        let vendor = LiveVendor::new(&settings, &account);
        assert!(vendor.secret("token").is_none());
        assert!(vendor.secret("secret_key").is_some());
        assert_eq!(vendor.base_url(), None, "at the vendor's usual address");
    }

    #[test]
    fn no_secret_is_given_out_without_the_address_it_is_for() {
        let settings = settings(serde_json::json!({"token": "env:T", "base_url": "env:SANDBOX/zep"}));
        let token = ("env:T", "t0ken");
        for unknown in [vec![token], vec![token, ("env:SANDBOX", "sandbox")]] {
            let account = Account::new(&settings, &Vault::holding(&unknown));
            let vendor = LiveVendor::new(&settings, &account);
            assert_eq!((vendor.base_url(), vendor.secret("token").is_none()), (None, true));
        }
        let account = Account::new(&settings, &Vault::holding(&[token, ("env:SANDBOX", "http://sandbox:8099/")]));
        let vendor = LiveVendor::new(&settings, &account);
        assert_eq!(vendor.base_url().as_deref(), Some("http://sandbox:8099/zep"));
        assert!(vendor.secret("token").is_some());
    }

    #[test]
    fn the_vault_is_asked_for_secrets_and_for_the_variable_of_the_address() {
        let settings =
            settings(serde_json::json!({"token": "file:/t", "base_url": "env:SANDBOX/zep", "label": "env:NOT_ASKED"}));
        let asked: Vec<_> = references(&settings).map(|(reference, need)| (reference.to_string(), need)).collect();
        assert_eq!(asked, [("file:/t".into(), Need::Serve), ("env:SANDBOX".into(), Need::Address)]);
    }
}
