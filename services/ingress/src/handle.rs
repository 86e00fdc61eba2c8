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
use bytes::{Bytes, BytesMut};
use chrono::Utc;
use contract::{Envelope, OrgId, Timestamp};
use http_body_util::BodyExt as _;
use metrics::{counter, histogram};
use orgs::{Live, Secrets};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use crate::{
    admission::{Admission, Place},
    door::{Authentic, DOORS, Door},
    refusal::Refusal,
};

/// The largest body that is taken, in bytes; the broker's `max_payload` leaves room for its headers.
pub const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// From the end of the headers to the end of the body.
const BODY_MAX: Duration = Duration::from_secs(8);
/// What is reserved in memory for a body before any of it has come.
const FIRST_ROOM_BYTES: usize = 64 * 1024;
/// The longest media type that is believed, in bytes.
const CONTENT_TYPE_BYTES_MAX: usize = 128;

/// What every request needs.
pub(crate) struct Context {
    bus: Bus,
    orgs: Live,
    admission: Admission,
}

impl Context {
    pub(crate) fn new(bus: Bus, orgs: Live) -> Self {
        Self { bus, orgs, admission: Admission::new() }
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
        org,
        source,
        event.id = tracing::field::Empty,
        code = tracing::field::Empty
    );
    let taken = take(door, context, way, request).instrument(span.clone()).await;
    histogram!("offhook_ingress_ack_seconds", "source" => source).record(began.elapsed());
    match taken {
        Ok(envelope) => {
            span.record("event.id", &envelope.id);
            counter!("offhook_ingress_acknowledged_total", "source" => source, "type" => envelope.kind.to_string())
                .increment(1);
            door.taken.into_response()
        }
        Err(refusal) => {
            span.record("code", refusal.code());
            tracing::info!(parent: &span, org, source, code = refusal.code(), "delivery refused");
            refusal.answer(door)
        }
    }
}

/// Reads, verifies, names and publishes; what it returns is on durable storage.
async fn take(door: &Door, context: &Context, way: &Way, request: Request) -> Result<Envelope, Refusal> {
    let received_at = Utc::now();
    let org: OrgId = way.org.parse().map_err(|_| Refusal::UnknownOrg)?;
    let directory = context.orgs.directory().ok_or(Refusal::BrokerUnavailable)?;
    // A snapshot may be older than the org, its source or its channel.
    let unknown = || if context.orgs.is_current() { Refusal::UnknownOrg } else { Refusal::BrokerUnavailable };
    let known = directory.org(&org).ok_or_else(unknown)?;
    let (secrets, complete) = match known.secrets(door.source) {
        Secrets::NotConfigured => return Err(unknown()),
        Secrets::Unreadable => return Err(Refusal::SecretUnavailable),
        Secrets::Readable { secrets, complete } => (secrets, complete),
    };
    let channel = match door.channel {
        Some(kind) => Some(known.channel(kind, &way.channel).ok_or_else(unknown)?),
        None => None,
    };
    let (parts, body) = request.into_parts();
    let mut place = context.admission.admit()?;
    let body = read(&parts.headers, body, &mut place).await?;
    let secrets: Vec<&str> = secrets.iter().map(|secret| secret.expose_secret()).collect();
    let signed_at = (door.verify)(&secrets, &parts.headers, &body, received_at).map_err(|refusal| match refusal {
        // The secret that can't be read here may be the one that signed.
        sources::Refusal::BadSignature if !complete => Refusal::SecretUnavailable,
        refusal => refusal.into(),
    })?;
    if !(door.is_about)(known, &body) {
        // A snapshot may be older than the org's account.
        return Err(if context.orgs.is_current() { Refusal::BadSignature } else { Refusal::BrokerUnavailable });
    }
    let body = (door.keep)(body);
    let delivery = Authentic { headers: &parts.headers, channel, body: &body, signed_at };
    let envelope = envelope(door, org, &delivery, received_at);
    context.bus.publish(&envelope, body).await.map_err(|error| {
        tracing::warn!(event.id = envelope.id, %error, "event not published");
        Refusal::BrokerUnavailable
    })?;
    Ok(envelope)
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
async fn read(headers: &HeaderMap, mut body: Body, place: &mut Place) -> Result<Bytes, Refusal> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        return Err(Refusal::BodyTooLarge);
    }
    let whole = async {
        let mut bytes = BytesMut::with_capacity(announced.map_or(0, |length| FIRST_ROOM_BYTES.min(length as usize)));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::Timeout)?;
            let data = frame.data_ref().map_or(&[][..], |data| data);
            if bytes.len() + data.len() > BODY_BYTES_MAX {
                return Err(Refusal::BodyTooLarge);
            }
            place.grow(data.len())?;
            bytes.extend_from_slice(data);
        }
        Ok(bytes.freeze())
    };
    timeout(BODY_MAX, whole).await.unwrap_or(Err(Refusal::Timeout))
}
