//! An event as a worker receives it: envelope, body, and how often it was delivered.
//!
//! Refuses a message without our headers; such a message goes to the dead letters, not to a handler.

use async_nats::jetstream;
use bytes::Bytes;
use contract::{Envelope, EnvelopeError, EventKey};

use crate::{
    large::{BodyRef, LENGTH, REFERENCE},
    trace,
};

/// One delivered event.
#[derive(Debug, Clone)]
pub struct Event {
    /// What is known without reading the body.
    pub envelope: Envelope,
    /// The identity, computed once.
    pub key: EventKey,
    /// The provider's bytes, verbatim; none here if they are stored apart.
    pub body: Bytes,
    /// Where they are if they were too many for a message; [`Bus::body`](crate::Bus::body) reads them.
    pub apart: Option<BodyRef>,
    /// How often the broker has delivered it, this time included.
    pub delivered: u64,
    /// The span of this delivery; what the worker does for this event alone belongs inside.
    pub span: tracing::Span,
}

/// A delivery that is not yet settled: the event, or why it is none.
pub(crate) struct Delivery {
    pub(crate) event: Result<Event, EnvelopeError>,
    pub(crate) message: async_nats::Message,
    pub(crate) acker: jetstream::message::Acker,
    pub(crate) delivered: u64,
    /// Where and when it was stored: names a message that is no event of ours.
    pub(crate) place: String,
}

impl Delivery {
    pub(crate) fn new(worker: &str, message: jetstream::Message) -> Self {
        let (delivered, place) = message.info().map_or((1, String::new()), |info| {
            let place = format!("{}-{}-{}", info.stream, info.stream_sequence, info.published.timestamp_micros());
            (info.delivered.max(1).unsigned_abs(), place)
        });
        let (message, acker) = message.split();
        let event = read(worker, &message, delivered);
        Self { event, message, acker, delivered, place }
    }

    /// Whether the message at least claims to be what we publish.
    pub(crate) fn is_cloud_event(&self) -> bool {
        self.message.headers.as_ref().is_some_and(|headers| headers.get("ce-specversion").is_some())
    }
}

fn read(worker: &str, message: &async_nats::Message, delivered: u64) -> Result<Event, EnvelopeError> {
    let none = async_nats::HeaderMap::new();
    let headers = message.headers.as_ref().unwrap_or(&none);
    let envelope = Envelope::from_headers(|name| headers.get(name).map(async_nats::HeaderValue::as_str))?;
    let span = tracing::info_span!("consume", otel.name = format!("{worker} {}", envelope.kind), otel.kind = "consumer",
        worker, event.id = envelope.id, org = %envelope.org, delivered, outcome = tracing::field::Empty);
    trace::adopt(&span, headers);
    let header = |name| headers.get(name).map(async_nats::HeaderValue::as_str);
    let apart = header(REFERENCE).map(|reference| {
        let problem = || EnvelopeError { header: REFERENCE, problem: format!("{reference} refers to no body of ours") };
        BodyRef::read(reference, header(LENGTH)).ok_or_else(problem)
    });
    Ok(Event {
        key: envelope.key(),
        envelope,
        body: message.payload.clone(),
        apart: apart.transpose()?,
        delivered,
        span,
    })
}
