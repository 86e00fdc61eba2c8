//! A contact in our own words, whichever CRM told of it.
//!
//! Holds what one event says; merging several events is the work of whoever owns the rows.

use serde::{Deserialize, Serialize};

use crate::PhoneNumber;

/// What one event says of a contact. `None` means that the event does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactFacts {
    /// The CRM's id.
    pub external_id: Option<String>,
    /// The contact's number, if it is one.
    pub phone: Option<PhoneNumber>,
    /// The whole name.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Whether the CRM has the contact no more.
    pub deleted: bool,
}
