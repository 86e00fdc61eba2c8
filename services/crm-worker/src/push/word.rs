//! What a push has others know: a dead letter of what the vendor refused, an event of what the CRM now has.
//!
//! Writes no rows: whoever asks decides what becomes of a push of which nobody could be told.

use bytes::Bytes;
use chrono::Utc;
use contract::{Envelope, EventKey, EventType, OrgId, PhoneNumber, Source};
use serde_json::json;
use vendors::VendorError;

use super::{Parts, store::Claimed};
use crate::NAME;

impl Parts {
    /// The event that asks for this push again, as a dead letter.
    pub(super) async fn write_letter(&self, claimed: &Claimed, error: &VendorError) -> Result<(), String> {
        let Claimed { phone, vendor, version, desired, .. } = claimed;
        let envelope = envelope(claimed, EventType::ContactRecorded)?;
        let masked = phone.parse::<PhoneNumber>().map_or_else(|_| "…".to_owned(), |phone| phone.masked());
        let reason = format!("version {version} of contact {masked} at {vendor}: {error}");
        let body = json!({ "phone": phone, "vendor": vendor, "version": version, "desired": desired });
        let body = Bytes::from(body.to_string());
        self.bus.write_dead_letter(NAME, &envelope, body, &reason).await.map_err(|error| error.to_string())
    }

    /// Tells everybody that the CRM has something new of the contact. Before the push is written down: what nobody was told
    /// of is pushed again, and told then. Once for a version; no cache holds notes.
    pub(super) async fn tell(&self, claimed: &Claimed) -> Result<(), String> {
        let envelope = envelope(claimed, EventType::ContactChanged)?;
        let body = json!({ "contact_phone": claimed.phone, "vendor": claimed.vendor });
        let published = self.bus.publish(&envelope, Bytes::from(body.to_string())).await;
        published.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// An event of ours about this version. Its id goes to logs and traces, so it has a hash instead of the number.
fn envelope(claimed: &Claimed, kind: EventType) -> Result<Envelope, String> {
    let Claimed { org, phone, vendor, version, .. } = claimed;
    let org: OrgId = org.parse().map_err(|error: contract::Unnamed| error.to_string())?;
    let contact = EventKey::new(&org, Source::CRM_WORKER, vendor, phone);
    let now = Utc::now();
    Ok(Envelope {
        id: format!("crm:{kind}:{vendor}:{contact}:v{version}"),
        org,
        source: Source::CRM_WORKER,
        channel: String::new(),
        kind,
        subject: Some(phone.clone()),
        time: now,
        received_at: now,
        content_type: "application/json".to_owned(),
        fault: None,
    })
}
