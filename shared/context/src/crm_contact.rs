//! Who is calling, by the org's CRM.

use std::time::Duration;

use cache::{Key, Kind, Life, Piece, Spec};
use contract::{OrgId, PhoneNumber};
use serde::{Deserialize, Serialize};

use crate::tags;

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
    const SPEC: Spec = Spec {
        name: "crm_contact",
        about: "who is calling, by the CRM",
        shape: 1,
        pieces: &[Piece::Tag(tags::CONTACT, &["phone"])],
        life: Life {
            fresh: Duration::from_secs(300),
            stale: Duration::from_hours(1),
            in_process: Duration::from_secs(1),
            absent: Duration::from_secs(60),
        },
        compress_over: 1024,
        load_max: Duration::from_secs(10),
    };
    type Value = CrmContact;

    fn key(&self) -> Key {
        Key::of(&self.org).tag(tags::contact(&self.phone))
    }
}
