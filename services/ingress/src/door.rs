//! What differs from source to source: the address, how large a delivery may be and how it is verified, whose it is, what of it
//! is kept and under which name, and which status says "taken" or "try again".

use std::borrow::Cow;

use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use bytes::Bytes;
use contract::{Source, Timestamp};
use orgs::{Channel, ChannelKind, Directory, Keys, LiveOrg};
use sources::{Name, Refusal, calcom, elevenlabs, highlevel, retell, webhook, whatsapp};

/// The usual limit of a body, in bytes; the broker's `max_payload` is a little above.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The sound of a call of an hour, as ElevenLabs sends it, in bytes. What is above 512 KiB is stored apart from its event.
pub const SOUND_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Secrets, headers, body and our clock in; when it was signed out.
type Verify = fn(&[&str], &HeaderMap, &[u8], Timestamp) -> Result<Timestamp, Refusal>;

/// One source's way in.
pub(crate) struct Door {
    pub(crate) source: Source,
    /// Where deliveries come, with `{org}` unless `whose` says otherwise and, if `channel` says so, `{channel}`.
    pub(crate) path: &'static str,
    /// What the path's `{channel}` is, where a source has an address for each.
    pub(crate) channel: Option<ChannelKind>,
    /// The largest body that is taken, in bytes.
    pub(crate) body_bytes_max: usize,
    /// What the source wants to hear for an event that is taken, by its webhook guide.
    pub(crate) taken: StatusCode,
    /// What makes the source send an event again that can't be taken now.
    pub(crate) later: StatusCode,
    /// When the delivery was signed, if one of the secrets signed these bytes.
    pub(crate) verify: Verify,
    pub(crate) whose: Whose,
    /// What may be kept of an authentic body: all of it, but for credentials.
    pub(crate) keep: fn(Bytes) -> Bytes,
    pub(crate) name: fn(&Authentic<'_>) -> Name,
}

/// How the org of a delivery is told.
pub(crate) enum Whose {
    /// It stands in the path, and its own secrets count. Whether a verified body is about this org, where that does not follow.
    Path(fn(&LiveOrg, &[u8]) -> bool),
    /// One address serves all orgs, under keys of the platform. The org that a verified body is about.
    Body(fn(&Platform) -> &Keys, for<'d> fn(&'d Directory, &[u8]) -> Option<&'d LiveOrg>),
}

/// The keys of those who call one address for many orgs.
pub(crate) struct Platform {
    pub(crate) elevenlabs: Keys,
    pub(crate) highlevel: Keys,
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
pub(crate) static DOORS: [Door; 8] =
    [RETELL, ELEVENLABS, ELEVENLABS_OF_ALL, WHATSAPP, CALCOM, HIGHLEVEL, HIGHLEVEL_OF_ALL, WEBHOOK];

/// Retell's account and agent webhooks.
const RETELL: Door = Door {
    source: Source::RETELL,
    path: "/v1/{org}/retell/events",
    channel: None,
    body_bytes_max: BODY_BYTES_MAX,
    taken: StatusCode::NO_CONTENT,
    later: StatusCode::SERVICE_UNAVAILABLE,
    verify: |secrets, headers, body, now| {
        retell::verify(secrets.iter().copied(), text(headers, retell::SIGNATURE_HEADER), body, now)
    },
    whose: Whose::Path(signed_by_the_org),
    keep: |body| body,
    name: |delivery| retell::name(delivery.body, delivery.signed_at),
};

/// ElevenLabs' post-call webhooks. Any status but 200 is a failure to it, and ten in a row disable the webhook.
const ELEVENLABS: Door = Door {
    source: Source::ELEVENLABS,
    path: "/v1/{org}/elevenlabs/events",
    channel: None,
    body_bytes_max: SOUND_BYTES_MAX,
    taken: StatusCode::OK,
    later: StatusCode::SERVICE_UNAVAILABLE,
    verify: |secrets, headers, body, now| {
        elevenlabs::verify(secrets.iter().copied(), text(headers, elevenlabs::SIGNATURE_HEADER), body, now)
    },
    whose: Whose::Path(signed_by_the_org),
    keep: |body| body,
    name: |delivery| elevenlabs::name(delivery.body, delivery.signed_at),
};

/// The same for a workspace whose agents are of many orgs.
const ELEVENLABS_OF_ALL: Door = Door {
    path: "/v1/elevenlabs/events",
    whose: Whose::Body(
        |platform| &platform.elevenlabs,
        |directory, body| directory.org_of_agent(&elevenlabs::agent_id(body)?),
    ),
    ..ELEVENLABS
};

/// The webhook of one WhatsApp instance of Evolution API, without `byEvents`, which would lengthen the path.
const WHATSAPP: Door = Door {
    source: Source::WHATSAPP,
    path: "/v1/{org}/whatsapp/{channel}",
    channel: Some(ChannelKind::Whatsapp),
    body_bytes_max: BODY_BYTES_MAX,
    taken: StatusCode::OK,
    later: StatusCode::SERVICE_UNAVAILABLE,
    verify: |secrets, headers, _, now| {
        let (bearer, api_key) = (text(headers, AUTHORIZATION.as_str()), text(headers, whatsapp::API_KEY_HEADER));
        whatsapp::verify(secrets.iter().copied(), bearer, api_key, now)
    },
    whose: Whose::Path(signed_by_the_org),
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
    body_bytes_max: BODY_BYTES_MAX,
    taken: StatusCode::OK,
    later: StatusCode::SERVICE_UNAVAILABLE,
    verify: |secrets, headers, body, now| {
        calcom::verify(secrets.iter().copied(), text(headers, calcom::SIGNATURE_HEADER), body, now)
    },
    whose: Whose::Path(signed_by_the_org),
    keep: |body| body,
    name: |delivery| calcom::name(delivery.body, delivery.signed_at),
};

/// HighLevel's app webhooks. It sends again after 429 only; anything else loses the event.
const HIGHLEVEL: Door = Door {
    source: Source::HIGHLEVEL,
    path: "/v1/{org}/highlevel/events",
    channel: None,
    body_bytes_max: BODY_BYTES_MAX,
    taken: StatusCode::OK,
    later: StatusCode::TOO_MANY_REQUESTS,
    verify: |keys, headers, body, now| {
        let keys = if keys.is_empty() { &[highlevel::PUBLIC_KEY] } else { keys };
        highlevel::verify(keys.iter().copied(), text(headers, highlevel::SIGNATURE_HEADER), body, now)
    },
    whose: Whose::Path(|org, body| match highlevel::location_id(body) {
        Some(location_id) => {
            org.vendor("highlevel").is_some_and(|vendor| vendor.text("location_id") == Some(&location_id))
        }
        // HighLevel's word all the same, and about nobody: it is kept, and changes nothing.
        None => true,
    }),
    keep: |body| body,
    name: |delivery| highlevel::name(delivery.body, delivery.signed_at),
};

/// The same for an app that many orgs have installed: HighLevel knows one URL of it.
const HIGHLEVEL_OF_ALL: Door = Door {
    path: "/v1/highlevel/events",
    whose: Whose::Body(
        |platform| &platform.highlevel,
        |directory, body| directory.org_of_location(&highlevel::location_id(body)?),
    ),
    ..HIGHLEVEL
};

/// Any sender of Standard Webhooks.
const WEBHOOK: Door = Door {
    source: Source::WEBHOOK,
    path: "/v1/{org}/webhook/{channel}",
    channel: Some(ChannelKind::Webhook),
    body_bytes_max: BODY_BYTES_MAX,
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
    whose: Whose::Path(signed_by_the_org),
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
