//! What differs from source to source: the address, how a delivery is verified, whose it is, what of it is kept and under which
//! name, and which status says "taken" or "try again".

use std::borrow::Cow;

use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use bytes::Bytes;
use contract::{Source, Timestamp};
use orgs::{Channel, ChannelKind, LiveOrg};
use sources::{Name, Refusal, calcom, elevenlabs, highlevel, retell, webhook, whatsapp};

/// Secrets, headers, body and our clock in; when it was signed out.
type Verify = fn(&[&str], &HeaderMap, &[u8], Timestamp) -> Result<Timestamp, Refusal>;

/// One source's way in.
pub(crate) struct Door {
    pub(crate) source: Source,
    /// Where deliveries come, with `{org}` and, if `channel` says so, `{channel}`.
    pub(crate) path: &'static str,
    /// What the path's `{channel}` is, where a source has an address for each.
    pub(crate) channel: Option<ChannelKind>,
    /// What the source wants to hear for an event that is taken, by its webhook guide.
    pub(crate) taken: StatusCode,
    /// What makes the source send an event again that can't be taken now.
    pub(crate) later: StatusCode,
    /// When the delivery was signed, if one of the secrets signed these bytes.
    pub(crate) verify: Verify,
    /// Whether the org is the one that a verified body is about, where the signature alone does not tell.
    pub(crate) is_about: fn(&LiveOrg, &[u8]) -> bool,
    /// What may be kept of an authentic body: all of it, but for credentials.
    pub(crate) keep: fn(Bytes) -> Bytes,
    pub(crate) name: fn(&Authentic<'_>) -> Name,
}

/// A delivery that was verified.
pub(crate) struct Authentic<'a> {
    pub(crate) headers: &'a HeaderMap,
    /// The channel it came through, where the door has them.
    pub(crate) channel: Option<&'a Channel>,
    /// What is kept of its body.
    pub(crate) body: &'a [u8],
    pub(crate) signed_at: Timestamp,
}

/// Every way in.
pub(crate) static DOORS: [Door; 6] = [RETELL, ELEVENLABS, WHATSAPP, CALCOM, HIGHLEVEL, WEBHOOK];

/// Retell's account and agent webhooks.
const RETELL: Door = Door {
    source: Source::RETELL,
    path: "/v1/{org}/retell/events",
    channel: None,
    taken: StatusCode::NO_CONTENT,
    later: StatusCode::SERVICE_UNAVAILABLE,
    verify: |secrets, headers, body, now| {
        retell::verify(secrets.iter().copied(), text(headers, retell::SIGNATURE_HEADER), body, now)
    },
    is_about: signed_by_the_org,
    keep: |body| body,
    name: |delivery| retell::name(delivery.body, delivery.signed_at),
};

/// ElevenLabs' post-call webhooks. Any status but 200 is a failure to it, and ten in a row disable the webhook: the sound of a
/// call that is longer than a body may be is better not subscribed to.
const ELEVENLABS: Door = Door {
    source: Source::ELEVENLABS,
    path: "/v1/{org}/elevenlabs/events",
    channel: None,
    taken: StatusCode::OK,
    later: StatusCode::SERVICE_UNAVAILABLE,
    verify: |secrets, headers, body, now| {
        elevenlabs::verify(secrets.iter().copied(), text(headers, elevenlabs::SIGNATURE_HEADER), body, now)
    },
    is_about: signed_by_the_org,
    keep: |body| body,
    name: |delivery| elevenlabs::name(delivery.body, delivery.signed_at),
};

/// The webhook of one WhatsApp instance of Evolution API, without `byEvents`, which would lengthen the path.
const WHATSAPP: Door = Door {
    source: Source::WHATSAPP,
    path: "/v1/{org}/whatsapp/{channel}",
    channel: Some(ChannelKind::Whatsapp),
    taken: StatusCode::OK,
    later: StatusCode::SERVICE_UNAVAILABLE,
    verify: |secrets, headers, _, now| {
        let (bearer, api_key) = (text(headers, AUTHORIZATION.as_str()), text(headers, whatsapp::API_KEY_HEADER));
        whatsapp::verify(secrets.iter().copied(), bearer, api_key, now)
    },
    is_about: signed_by_the_org,
    keep: |body| match whatsapp::redact(&body) {
        Cow::Borrowed(_) => body,
        Cow::Owned(redacted) => redacted.into(),
    },
    name: |delivery| whatsapp::name(delivery.body, delivery.signed_at),
};

/// Cal.com's webhooks. It sends nothing twice, so what is refused for a while is lost.
const CALCOM: Door = Door {
    source: Source::CALCOM,
    path: "/v1/{org}/calcom/events",
    channel: None,
    taken: StatusCode::OK,
    later: StatusCode::SERVICE_UNAVAILABLE,
    verify: |secrets, headers, body, now| {
        calcom::verify(secrets.iter().copied(), text(headers, calcom::SIGNATURE_HEADER), body, now)
    },
    is_about: signed_by_the_org,
    keep: |body| body,
    name: |delivery| calcom::name(delivery.body, delivery.signed_at),
};

/// HighLevel's app webhooks. It sends again after 429 only; anything else loses the event.
const HIGHLEVEL: Door = Door {
    source: Source::HIGHLEVEL,
    path: "/v1/{org}/highlevel/events",
    channel: None,
    taken: StatusCode::OK,
    later: StatusCode::TOO_MANY_REQUESTS,
    verify: |keys, headers, body, now| {
        let keys = if keys.is_empty() { &[highlevel::PUBLIC_KEY] } else { keys };
        highlevel::verify(keys.iter().copied(), text(headers, highlevel::SIGNATURE_HEADER), body, now)
    },
    is_about: |org, body| match highlevel::location_id(body) {
        Some(location_id) => {
            org.vendor("highlevel").is_some_and(|vendor| vendor.text("location_id") == Some(&location_id))
        }
        // HighLevel's word all the same, and about nobody: it is kept, and changes nothing.
        None => true,
    },
    keep: |body| body,
    name: |delivery| highlevel::name(delivery.body, delivery.signed_at),
};

/// Any sender of Standard Webhooks.
const WEBHOOK: Door = Door {
    source: Source::WEBHOOK,
    path: "/v1/{org}/webhook/{channel}",
    channel: Some(ChannelKind::Webhook),
    taken: StatusCode::NO_CONTENT,
    later: StatusCode::SERVICE_UNAVAILABLE,
    verify: |secrets, headers, body, now| {
        let shown = webhook::Headers {
            id: text(headers, webhook::ID_HEADER),
            timestamp: text(headers, webhook::TIMESTAMP_HEADER),
            signature: text(headers, webhook::SIGNATURE_HEADER),
        };
        webhook::verify(secrets.iter().copied(), shown, body, now)
    },
    is_about: signed_by_the_org,
    keep: |body| body,
    name: |delivery| {
        // Without an id it would not have been verified.
        let id = text(delivery.headers, webhook::ID_HEADER).unwrap_or_default();
        let type_field = delivery.channel.and_then(|channel| channel.type_field.as_deref());
        webhook::name(id, type_field, delivery.body, delivery.signed_at)
    },
};

/// The org's own secret signed it: it is about nobody else.
fn signed_by_the_org(_: &LiveOrg, _: &[u8]) -> bool {
    true
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
