//! A simulated change of a contact: the body that HighLevel would send for it.
//!
//! For the simulator and for tests; never used on a real delivery.

use chrono::SecondsFormat;
use contract::Timestamp;
use serde_json::json;

/// A contact as it is after the change.
#[derive(Debug, Clone)]
pub struct Change {
    /// Of the delivery.
    pub webhook_id: String,
    /// Whose contact.
    pub location_id: String,
    /// HighLevel's id.
    pub contact_id: String,
    /// The whole name.
    pub name: String,
    /// The number, as somebody typed it in.
    pub phone: String,
    /// E-mail address.
    pub email: Option<String>,
    /// When it was changed and told.
    pub at: Timestamp,
}

impl Change {
    /// The body: the whole contact, as every update has it.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let at = self.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let (first, last) = self.name.split_once(' ').unwrap_or((&self.name, ""));
        let body = json!({
            "type": "ContactUpdate", "timestamp": at, "webhookId": self.webhook_id, "locationId": self.location_id,
            "id": self.contact_id, "name": self.name, "firstName": first, "lastName": last, "phone": self.phone,
            "email": self.email, "dateUpdated": at, "tags": ["patient"], "dnd": false, "customFields": [],
        });
        body.to_string().into_bytes()
    }
}
