//! One vendor account as its module opens it for a call: where it is, how to show who we are, and what it may bear.

use cache::{Account, Rate};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{VendorError, Vendors};

/// A vendor as the discipline sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vendor {
    /// Its name in metrics, traces and budgets.
    pub(crate) name: &'static str,
    /// What one account may be asked.
    pub(crate) rate: Rate,
}

/// An account of a vendor.
pub(crate) struct Line<'a> {
    pub(crate) vendors: &'a Vendors,
    pub(crate) vendor: &'static Vendor,
    pub(crate) account: Account,
    pub(crate) base_url: &'a str,
    /// In front of the secret in `Authorization`.
    pub(crate) scheme: &'static str,
    pub(crate) credentials: SecretString,
    /// What no message may tell.
    pub(crate) secrets: Vec<SecretString>,
}

impl Line<'_> {
    /// Who we are, as a header that is never printed.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, VendorError> {
        let text = format!("{} {}", self.scheme, self.credentials.expose_secret());
        let mut value = HeaderValue::try_from(text)
            .map_err(|_| VendorError::Unsendable("the account's secret is no header value".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}
