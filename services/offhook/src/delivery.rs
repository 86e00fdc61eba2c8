//! One delivery as a provider makes it: signed the provider's way, sent once, known by the keys it may be archived under.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chrono::Utc;
use contract::{EventKey, OrgId, Source};
use reqwest::{Client, StatusCode};
use serde_json::json;
use sources::{calcom, elevenlabs, highlevel, retell, webhook, whatsapp};

use crate::output::Output;

/// One request; what the most patient provider waits, too.
pub(crate) const REQUEST_MAX: Duration = Duration::from_secs(10);

/// A signed body and where it goes.
pub(crate) struct Delivery {
    /// Whose event.
    pub(crate) org: OrgId,
    /// Who sends it.
    pub(crate) source: Source,
    /// The WhatsApp instance or the webhook's name; empty where a source has one URL per org.
    pub(crate) channel: String,
    /// The provider's word for what happened.
    pub(crate) event: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The ids that ingress may give it: more than one where the channel's settings decide.
    ids: Vec<String>,
}

/// What ingress said to a delivery.
pub(crate) struct Answer {
    /// 2xx means that the event is on durable storage.
    pub(crate) status: StatusCode,
    /// What it said beside that, if anything.
    pub(crate) text: String,
    /// From the first byte sent to the last one read, in milliseconds.
    pub(crate) ms: f64,
}

impl Delivery {
    /// A body of Retell's.
    pub(crate) fn retell(org: &OrgId, secret: &str, event: &str, body: Vec<u8>) -> Self {
        let (now, id) = (Utc::now(), retell::name(&body, Utc::now()).id);
        let header = (retell::SIGNATURE_HEADER, retell::sign(secret, &body, now));
        Self::new(org, Source::RETELL, event, vec![header], body, id)
    }

    /// A body of ElevenLabs'.
    pub(crate) fn elevenlabs(org: &OrgId, secret: &str, event: &str, body: Vec<u8>) -> Self {
        let (now, id) = (Utc::now(), elevenlabs::name(&body, Utc::now()).id);
        let header = (elevenlabs::SIGNATURE_HEADER, elevenlabs::sign(secret, &body, now));
        Self::new(org, Source::ELEVENLABS, event, vec![header], body, id)
    }

    /// A body of Evolution API's, through one of its instances.
    pub(crate) fn whatsapp(org: &OrgId, instance: &str, secret: &str, event: &str, body: Vec<u8>) -> Self {
        let id = whatsapp::name(&whatsapp::redact(&body), Utc::now()).id;
        let header = ("authorization", whatsapp::sign(secret, Utc::now()));
        let channel = instance.to_owned();
        Self { channel, ..Self::new(org, Source::WHATSAPP, event, vec![header], body, id) }
    }

    /// A body of Cal.com's.
    pub(crate) fn calcom(org: &OrgId, secret: &str, event: &str, body: Vec<u8>) -> Self {
        let id = calcom::name(&body, Utc::now()).id;
        let header = (calcom::SIGNATURE_HEADER, calcom::sign(secret, &body));
        Self::new(org, Source::CALCOM, event, vec![header], body, id)
    }

    /// A body of HighLevel's, signed with a key in place of HighLevel's own.
    ///
    /// # Errors
    /// When the key is none.
    pub(crate) fn highlevel(org: &OrgId, private_key: &str, event: &str, body: Vec<u8>) -> anyhow::Result<Self> {
        let id = highlevel::name(&body, Utc::now()).id;
        let header = (highlevel::SIGNATURE_HEADER, highlevel::sign(private_key, &body).context("the private key")?);
        Ok(Self::new(org, Source::HIGHLEVEL, event, vec![header], body, id))
    }

    /// A body of any sender of Standard Webhooks, under the sender's own id. `type_field` is where the channel may look for its
    /// type.
    ///
    /// # Errors
    /// When the secret is no `whsec_` and base64.
    pub(crate) fn webhook(
        (org, channel): (&OrgId, &str),
        secret: &str,
        (event, id): (&str, &str),
        type_field: Option<&str>,
        body: Vec<u8>,
    ) -> anyhow::Result<Self> {
        let now = Utc::now();
        let headers = webhook::sign(secret, id, &body, now).context("the secret is no whsec_ and base64")?;
        let [plain, typed] = [None, type_field].map(|field| webhook::name(id, field, &body, now).id);
        let made = Self::new(org, Source::WEBHOOK, event, headers.into(), body, plain.clone());
        Ok(Self { channel: channel.to_owned(), ids: vec![plain, typed], ..made })
    }

    fn new(
        org: &OrgId,
        source: Source,
        event: &str,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
        id: String,
    ) -> Self {
        Self { org: org.clone(), source, channel: String::new(), event: event.to_owned(), headers, body, ids: vec![id] }
    }

    /// Where it goes on the ingress at `url`.
    pub(crate) fn endpoint(&self, url: &str) -> String {
        let last = if self.channel.is_empty() { "events" } else { &self.channel };
        format!("{}/v1/{}/{}/{last}", url.trim_end_matches('/'), self.org, self.source)
    }

    /// The keys of which it is archived under one.
    pub(crate) fn keys(&self) -> Vec<EventKey> {
        self.ids.iter().map(|id| EventKey::new(&self.org, self.source, &self.channel, id)).collect()
    }

    /// The type and the id that ingress gives it.
    #[cfg(test)]
    pub(crate) fn named(&self) -> (contract::EventType, String) {
        let (body, now) = (self.body.as_slice(), Utc::now());
        let name = match self.source {
            Source::RETELL => retell::name(body, now),
            Source::ELEVENLABS => elevenlabs::name(body, now),
            Source::WHATSAPP => whatsapp::name(body, now),
            Source::CALCOM => calcom::name(body, now),
            Source::HIGHLEVEL => highlevel::name(body, now),
            _ => webhook::name(&self.ids[0], None, body, now),
        };
        (name.kind, self.ids.last().cloned().unwrap_or(name.id))
    }

    /// Sends it once.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn send(&self, client: &Client, url: &str) -> reqwest::Result<Answer> {
        let began = Instant::now();
        let request = client.post(self.endpoint(url)).header("content-type", "application/json");
        let request = self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let response = request.body(self.body.clone()).send().await?;
        let (status, text) = (response.status(), response.text().await?);
        Ok(Answer { status, text, ms: began.elapsed().as_secs_f64() * 1000.0 })
    }

    /// Sends it and shows that it was acknowledged.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) async fn deliver(&self, client: &Client, url: &str, output: Output) -> anyhow::Result<()> {
        let (event, bytes) = (&self.event, self.body.len());
        let Answer { status, text, ms } =
            self.send(client, url).await.with_context(|| format!("{event} not delivered"))?;
        ensure!(status.is_success(), "{event} refused: {status} {text}");
        let (code, endpoint) = (status.as_u16(), self.endpoint(url));
        output.result(
            format_args!(
                "  acknowledged in {ms:.1} ms: {code}, {event}, {:.1} KB, signed, POST {endpoint}",
                bytes as f64 / 1000.0
            ),
            &json!({ "step": "acknowledged", "status": code, "event": event, "bytes": bytes, "ack_ms": ms }),
        );
        Ok(())
    }
}

/// A client that waits no longer than a provider would.
pub(crate) fn client() -> reqwest::Result<Client> {
    Client::builder().timeout(REQUEST_MAX).build()
}
