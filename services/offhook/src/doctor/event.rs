//! The doctor's own events: authentic, of a type that nobody knows, and so archived and nothing else. Their ids begin with `doctor`.

use chrono::{SecondsFormat, Utc};
use contract::{OrgId, Source};
use serde_json::{Value, json};

use crate::delivery::Delivery;

/// What the event is called, in whichever way the source writes names.
const EVENT: &str = "doctor_check";

/// An event of this source, through this channel if it has any. `type_field` is the channel's.
///
/// # Errors
/// When the secret can't sign, or nobody can sign for this source.
pub(super) fn event(
    org: &OrgId,
    source: Source,
    (channel, type_field): (&str, Option<&str>),
    secret: &str,
    location_id: &str,
) -> anyhow::Result<Delivery> {
    let id = format!("doctor_{}", uuid::Uuid::now_v7().simple());
    let now = Utc::now();
    let at = now.to_rfc3339_opts(SecondsFormat::Millis, true);
    let bytes = |body: Value| body.to_string().into_bytes();
    Ok(match source {
        Source::RETELL => {
            let body = json!({ "event": EVENT, "event_timestamp": now.timestamp_millis(), "call": { "call_id": id } });
            Delivery::retell(org, secret, EVENT, bytes(body))
        }
        Source::ELEVENLABS => {
            let body = json!({ "type": EVENT, "event_timestamp": now.timestamp(), "data": { "conversation_id": id } });
            Delivery::elevenlabs(org, secret, EVENT, bytes(body))
        }
        Source::WHATSAPP => {
            let body = json!({ "event": EVENT, "instance": channel, "data": { "id": id }, "date_time": at });
            Delivery::whatsapp(org, channel, secret, EVENT, bytes(body))
        }
        Source::CALCOM => {
            let body = json!({ "triggerEvent": EVENT, "createdAt": at, "payload": { "uid": id } });
            Delivery::calcom(org, secret, EVENT, bytes(body))
        }
        Source::HIGHLEVEL => {
            let body = json!({ "type": EVENT, "timestamp": at, "webhookId": id, "locationId": location_id });
            Delivery::highlevel(org, secret, EVENT, bytes(body))?
        }
        Source::WEBHOOK => {
            let body = under(type_field.unwrap_or("type"), EVENT.into());
            Delivery::webhook((org, channel), secret, (EVENT, &id), type_field, bytes(body))?
        }
        other => anyhow::bail!("{other} is no source that can be spoken for"),
    })
}

/// The value where `field` says, members within members with a dot between.
fn under(field: &str, value: Value) -> Value {
    field.rsplit('.').fold(value, |inner, member| json!({ member: inner }))
}

#[test]
fn it_is_of_an_unknown_type_whatever_the_source() {
    let org: OrgId = "demo".parse().expect("an id");
    let secret = "whsec_00112233445566778899aabbccddeeff";
    let private = "00".repeat(32);
    for (source, secret) in [
        (Source::RETELL, secret),
        (Source::ELEVENLABS, secret),
        (Source::WHATSAPP, secret),
        (Source::CALCOM, secret),
        (Source::HIGHLEVEL, &private),
        (Source::WEBHOOK, secret),
    ] {
        let event = event(&org, source, ("leads", Some("event.name")), secret, "loc").expect("it can be signed");
        let (kind, id) = event.named();
        assert_eq!(kind, contract::EventType::OtherUnknown, "{source}");
        assert!(id.contains("doctor_"), "{id}");
    }
    assert_eq!(under("a.b", 1.into()), json!({ "a": { "b": 1 } }));
}
