//! The verb: take a delivery, from headers to acknowledgement, one step per line.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    http::{
        HeaderMap,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
    routing::post,
};
use bus::Bus;
use bytes::Bytes;
use chrono::Utc;
use contract::{Envelope, OrgId, Timestamp};
use http_body_util::BodyExt as _;
use metrics::{counter, histogram};
use orgs::{Directory, Live, LiveOrg, Secrets};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use crate::{
    admission::{Admission, Place},
    door::{Authentic, DOORS, Door, Platform, Whose},
    leftovers::Leftovers,
    refusal::Refusal,
};

/// From the end of the headers to the end of the body.
const BODY_MAX: Duration = Duration::from_secs(8);
/// What is reserved in memory for the beginning of a body, in bytes.
const FIRST_ROOM_BYTES: usize = 64 * 1024;
/// The longest media type that is believed, in bytes.
const CONTENT_TYPE_BYTES_MAX: usize = 128;

/// What every request needs.
pub(crate) struct Context {
    bus: Bus,
    orgs: Live,
    platform: Platform,
    admission: Admission,
    leftovers: Leftovers,
}

impl Context {
    pub(crate) fn new(bus: Bus, orgs: Live, platform: Platform) -> Self {
        Self { bus, orgs, platform, admission: Admission::new(), leftovers: Leftovers::new() }
    }

    /// Why an org, its source or its channel is not there: a snapshot may be older than it.
    fn unknown(&self) -> Refusal {
        if self.orgs.is_current() { Refusal::UnknownOrg } else { Refusal::BrokerUnavailable }
    }
}

pub(crate) fn router(context: &Arc<Context>) -> Router {
    let open = |router: Router, door: &'static Door| {
        let context = context.clone();
        let handler = async move |Path(way): Path<Way>, request: Request| receive(door, &context, &way, request).await;
        router.route(door.path, post(handler))
    };
    DOORS.iter().fold(Router::new(), open)
}

/// What a path says.
#[derive(Deserialize)]
struct Way {
    #[serde(default)]
    org: String,
    #[serde(default)]
    channel: String,
}

/// One delivery through one door, traced and counted.
async fn receive(door: &Door, context: &Context, way: &Way, request: Request) -> Response {
    let (began, source, org) = (Instant::now(), door.source.as_str(), way.org.as_str());
    let span = tracing::info_span!(
        "receive",
        otel.name = format!("POST {}", door.path),
        otel.kind = "server",
        org = (!org.is_empty()).then_some(org),
        source,
        event.id = tracing::field::Empty,
        code = tracing::field::Empty
    );
    let (parts, mut body) = request.into_parts();
    let taken = take(door, context, way, &parts.headers, &mut body).instrument(span.clone()).await;
    histogram!("offhook_ingress_ack_seconds", "source" => source).record(began.elapsed());
    match taken {
        Ok(envelope) => {
            span.record("event.id", &envelope.id);
            if org.is_empty() {
                span.record("org", envelope.org.as_str());
            }
            if envelope.org == OrgId::unknown() {
                counter!("offhook_ingress_unknown_org_total", "source" => source).increment(1);
            }
            counter!("offhook_ingress_acknowledged_total", "source" => source, "type" => envelope.kind.to_string())
                .increment(1);
            door.taken.into_response()
        }
        Err(refusal) => {
            span.record("code", refusal.code());
            tracing::info!(parent: &span, org, source, code = refusal.code(), "delivery refused");
            context.leftovers.discard(&parts.headers, body);
            refusal.answer(door)
        }
    }
}

/// Reads, verifies, names and publishes; what it returns is on durable storage.
async fn take(
    door: &Door,
    context: &Context,
    way: &Way,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Envelope, Refusal> {
    let received_at = Utc::now();
    let named = match door.whose {
        Whose::Path(_) => Some(way.org.parse::<OrgId>().map_err(|_| Refusal::UnknownOrg)?),
        Whose::Body(..) => None,
    };
    let directory = context.orgs.directory().ok_or(Refusal::BrokerUnavailable)?;
    let named = named.map(|org| directory.org(&org).ok_or_else(|| context.unknown())).transpose()?;
    let channel = match (door.channel, named) {
        (Some(kind), Some(org)) => Some(org.channel(kind, &way.channel).ok_or_else(|| context.unknown())?),
        _ => None,
    };
    let held = match door.whose {
        Whose::Path(_) => None,
        Whose::Body(keys, _) => Some(keys(&context.platform).held()),
    };
    let secrets = held.as_ref().map(|held| held.secrets()).or(named.map(|org| org.secrets(door.source)));
    let (secrets, complete) = match secrets {
        None | Some(Secrets::NotConfigured) => return Err(context.unknown()),
        Some(Secrets::Unreadable) => return Err(Refusal::SecretUnavailable),
        Some(Secrets::Readable { secrets, complete }) => (secrets, complete),
    };
    let mut place = context.admission.admit()?;
    let body = read(door.body_bytes_max, headers, body, &mut place).await?;
    let secrets: Vec<&str> = secrets.iter().map(|secret| secret.expose_secret()).collect();
    let signed_at = (door.verify)(&secrets, headers, &body, received_at).map_err(|refusal| match refusal {
        // The secret that can't be read here may be the one that signed.
        sources::Refusal::BadSignature if !complete => Refusal::SecretUnavailable,
        refusal => refusal.into(),
    })?;
    let org = owner(door, context, &directory, named, &body)?;
    let body = (door.keep)(body);
    let delivery = Authentic { headers, channel, body: &body, signed_at };
    let envelope = envelope(door, org, &delivery, received_at);
    context.bus.publish(&envelope, body).await.map_err(|error| {
        tracing::warn!(event.id = envelope.id, %error, "event not published");
        Refusal::BrokerUnavailable
    })?;
    Ok(envelope)
}

/// Whose a verified body is; of one whose org can't be told, the reserved one.
fn owner(
    door: &Door,
    context: &Context,
    directory: &Directory,
    named: Option<&LiveOrg>,
    body: &[u8],
) -> Result<OrgId, Refusal> {
    let is_current = context.orgs.is_current();
    let found = match door.whose {
        Whose::Path(is_about) => named.filter(|org| is_about(org, body)),
        Whose::Body(_, org_of) => org_of(directory, body),
    };
    match (found, &door.whose) {
        (Some(org), _) => Ok(org.org.id.clone()),
        // A snapshot may be older than the org's account, agent or location.
        (None, _) if !is_current => Err(Refusal::BrokerUnavailable),
        (None, Whose::Path(_)) => Err(Refusal::BadSignature),
        (None, Whose::Body(..)) => Ok(OrgId::unknown()),
    }
}

fn envelope(door: &Door, org: OrgId, delivery: &Authentic<'_>, received_at: Timestamp) -> Envelope {
    let name = (door.name)(delivery);
    if let Some(fault) = &name.fault {
        tracing::warn!(event.id = name.id, fault, "authentic but unreadable, kept");
    }
    let content_type = delivery.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.filter(|value| value.len() <= CONTENT_TYPE_BYTES_MAX).unwrap_or("application/json");
    Envelope {
        org,
        source: door.source,
        channel: delivery.channel.map(|channel| channel.address.clone()).unwrap_or_default(),
        id: name.id,
        kind: name.kind,
        subject: name.subject,
        time: name.time,
        received_at,
        content_type: content_type.to_owned(),
        fault: name.fault,
    }
}

/// The whole body, within its limits of size, time and room.
async fn read(max: usize, headers: &HeaderMap, body: &mut Body, place: &mut Place) -> Result<Bytes, Refusal> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > max) {
        return Err(Refusal::BodyTooLarge);
    }
    let most = announced.unwrap_or(max);
    let whole = async {
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::Timeout)?;
            let data = frame.data_ref().map_or(&[][..], |data| data);
            let needed = bytes.len() + data.len();
            if needed > most {
                return Err(Refusal::BodyTooLarge);
            }
            if needed > bytes.capacity() {
                // What is reserved counts, not what has come: at most twice as much.
                let room = (bytes.capacity() * 2).max(FIRST_ROOM_BYTES).min(most).max(needed);
                place.grow_to(room)?;
                bytes.reserve_exact(room - bytes.len());
            }
            bytes.extend_from_slice(data);
        }
        Ok(bytes.into())
    };
    timeout(BODY_MAX, whole).await.unwrap_or(Err(Refusal::Timeout))
}
