//! Who is calling, by the org's CRM.

use cache::{Key, Kind, Spec};
use contract::{OrgId, PhoneNumber};
use serde::{Deserialize, Serialize};

use crate::{kinds, tags};

/// The CRM's contact behind a number.
#[derive(Debug, Clone)]
pub(crate) struct CrmContactOf {
    pub(crate) org: OrgId,
    pub(crate) phone: PhoneNumber,
}

/// What the CRM knows of a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmContact {
    /// Its id at the vendor.
    pub id: String,
    /// Their name.
    pub name: Option<String>,
    /// Their e-mail address.
    pub email: Option<String>,
    /// What the org calls them.
    pub tags: Vec<String>,
}

impl Kind for CrmContactOf {
    const SPEC: Spec = kinds::CRM_CONTACT;
    type Value = CrmContact;

    fn key(&self) -> Key {
        Key::of(&self.org).tag(&tags::contact(&self.phone))
    }
}
