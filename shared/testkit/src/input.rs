//! An event before it is published, and putting events into the stream past ingress or reading them back.

use async_nats::{
    HeaderMap,
    header::{NATS_BATCH_ID, NATS_MESSAGE_ID},
    jetstream::{message::StreamMessage, stream::DirectGetErrorKind},
};
use bus::Event;
use bytes::Bytes;
use chrono::Utc;
use contract::{Envelope, EventType, OrgId, Source, Timestamp};
use sources::{Name, calcom, highlevel, retell, whatsapp};
use uuid::Uuid;

use crate::{World, until};

/// What a worker is fed with.
#[derive(Debug, Clone)]
pub struct Input {
    /// What is known without reading the body.
    pub envelope: Envelope,
    /// The provider's bytes.
    pub body: Bytes,
}

impl Input {
    /// What ingress makes of a Retell body for org `demo`.
    ///
    /// # Panics
    /// Never: `demo` is the name of an org.
    #[must_use]
    pub fn retell(body: impl Into<Bytes>) -> Self {
        Self::named(Source::RETELL, body.into(), retell::name)
    }

    /// What ingress makes of a HighLevel body for org `demo`.
    #[must_use]
    pub fn highlevel(body: impl Into<Bytes>) -> Self {
        Self::named(Source::HIGHLEVEL, body.into(), highlevel::name)
    }

    /// What ingress makes of a Cal.com body for org `demo`.
    #[must_use]
    pub fn calcom(body: impl Into<Bytes>) -> Self {
        Self::named(Source::CALCOM, body.into(), calcom::name)
    }

    /// What ingress makes of a body of Evolution API for org `demo` and this instance.
    #[must_use]
    pub fn whatsapp(instance: &str, body: impl Into<Bytes>) -> Self {
        let mut input = Self::named(Source::WHATSAPP, body.into(), whatsapp::name);
        instance.clone_into(&mut input.envelope.channel);
        input
    }

    /// What a worker of ours publishes after its commit, for org `demo`.
    #[must_use]
    pub fn follow_up(source: Source, kind: EventType, id: &str, subject: &str, body: &serde_json::Value) -> Self {
        let (id, subject) = (format!("{kind}:{id}"), Some(subject.to_owned()));
        Self::named(source, body.to_string().into(), |_, time| Name { id, kind, subject, time, fault: None })
    }

    fn named(source: Source, body: Bytes, name: impl FnOnce(&[u8], Timestamp) -> Name) -> Self {
        let now = Utc::now();
        let name = name(&body, now);
        let envelope = Envelope {
            org: "demo".parse::<OrgId>().expect("an org id"),
            source,
            channel: String::new(),
            id: name.id,
            kind: name.kind,
            subject: name.subject,
            time: name.time,
            received_at: now,
            content_type: "application/json".to_owned(),
            fault: name.fault,
        };
        Self { envelope, body }
    }

    /// The event as a handler gets it at its first delivery.
    #[must_use]
    pub fn event(&self) -> Event {
        let (envelope, body) = (self.envelope.clone(), self.body.clone());
        Event { key: envelope.key(), envelope, body, apart: None, delivered: 1, span: tracing::Span::none() }
    }
}

impl World {
    /// Puts an event into the stream, trying again while the broker is away.
    pub async fn publish(&self, input: &Input) {
        until(&format!("{} is stored", input.envelope.id), async || {
            self.bus.publish(&input.envelope, input.body.clone()).await.ok()
        })
        .await;
    }

    /// Puts events into the stream that it holds already, as if its duplicate window had passed.
    ///
    /// # Panics
    /// When the broker does not take them.
    pub async fn publish_past_the_window(&self, inputs: &[Input]) {
        let client = async_nats::connect(self.nats.url()).await.expect("the broker answers");
        let jetstream = async_nats::jetstream::new(client);
        for Input { envelope, body } in inputs {
            let mut headers: HeaderMap = HeaderMap::new();
            envelope.headers().into_iter().for_each(|(name, value)| headers.insert(name, value));
            headers.insert(NATS_MESSAGE_ID, Uuid::now_v7().to_string());
            let sent = jetstream.publish_with_headers(envelope.broker_subject(), headers, body.clone()).await;
            let stored = sent.expect("the broker takes it").await.expect("the broker stores it");
            assert!(!stored.duplicate, "the id is new");
        }
    }

    /// What the stream holds under `subject`, behind the place `after`, each with its place.
    ///
    /// # Panics
    /// When the broker does not answer.
    pub async fn stored(&self, subject: &str, after: u64) -> Vec<(u64, Input)> {
        let input = |found: StreamMessage| {
            let get = |name: &str| found.headers.get(name).map(async_nats::HeaderValue::as_str);
            let envelope = Envelope::from_headers(get).expect("an envelope");
            (found.sequence, Input { envelope, body: found.payload.clone() })
        };
        self.messages(subject, after).await.into_iter().map(input).collect()
    }

    /// How many of the messages under `subject` came in a batch.
    ///
    /// # Panics
    /// When the broker does not answer.
    pub async fn stored_in_batches(&self, subject: &str) -> usize {
        let messages = self.messages(subject, 0).await;
        messages.iter().filter(|message| message.headers.get(NATS_BATCH_ID).is_some()).count()
    }

    async fn messages(&self, subject: &str, after: u64) -> Vec<StreamMessage> {
        let events = self.events().await;
        let (mut messages, mut next) = (Vec::new(), after + 1);
        loop {
            match events.direct_get_next_for_subject(subject, Some(next)).await {
                Ok(found) => {
                    next = found.sequence + 1;
                    messages.push(found);
                }
                Err(error) if error.kind() == DirectGetErrorKind::NotFound => return messages,
                Err(error) => panic!("the broker can't be asked for {subject}: {error}"),
            }
        }
    }
}
