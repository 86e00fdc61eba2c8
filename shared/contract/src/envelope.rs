//! The envelope: CloudEvents 1.0 attributes as `ce-*` headers, the body beside them untouched.
//!
//! Source: CloudEvents NATS protocol binding, binary mode, § 3.1. Refuses an envelope without the required attributes.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::{EventKey, EventType, OrgId, Source, Timestamp};

/// All headers of one event together stay below this, in bytes; the broker's `max_payload` leaves room for it beside a full body.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;

/// What the binding escapes in a header value: blank, quote, percent and everything outside U+0021 to U+007E.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// What is known of an event without reading its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Whose event it is.
    pub org: OrgId,
    /// Who reported it.
    pub source: Source,
    /// Which of the source's addresses it came through; empty where the source has one URL per org.
    pub channel: String,
    /// Semantic id, unique within (org, source, channel); at most 512 bytes.
    pub id: String,
    /// What happened.
    pub kind: EventType,
    /// What it happened to: a call id, a contact; at most 256 bytes.
    pub subject: Option<String>,
    /// When it happened, by the source's clock.
    pub time: Timestamp,
    /// When we received it.
    pub received_at: Timestamp,
    /// Media type of the body.
    pub content_type: String,
    /// Why an authentic body could not be read, if it could not.
    pub fault: Option<String>,
}

/// A message whose headers are no envelope of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("header {header}: {problem}")]
pub struct EnvelopeError {
    /// The header that is missing or wrong.
    pub header: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl Envelope {
    /// The event's identity.
    #[must_use]
    pub fn key(&self) -> EventKey {
        EventKey::new(&self.org, self.source, &self.channel, &self.id)
    }

    /// The broker subject the event is published under.
    #[must_use]
    pub fn broker_subject(&self) -> String {
        self.kind.subject(&self.org, self.source)
    }

    /// The headers of the event, values escaped as the binding asks.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let text = |value: &str| utf8_percent_encode(value, ESCAPED).to_string();
        let time = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let mut headers = vec![
            ("ce-specversion", "1.0".to_owned()),
            ("ce-id", text(&self.id)),
            ("ce-source", text(&self.source_uri())),
            ("ce-type", self.kind.to_string()),
            ("ce-time", time(self.time)),
            ("ce-datacontenttype", text(&self.content_type)),
            ("ce-org", self.org.to_string()),
            ("ce-receivedtime", time(self.received_at)),
        ];
        headers.extend(self.subject.as_deref().map(|subject| ("ce-subject", text(subject))));
        headers.extend(self.fault.as_deref().map(|fault| ("ce-fault", text(fault))));
        headers
    }

    /// Reads the headers of a message back; `get` looks one up by its lower-case name.
    ///
    /// # Errors
    /// The first header that is missing or can't be read.
    pub fn from_headers<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, EnvelopeError> {
        let need = |header| required(&get, header);
        let (source, channel) = read_source_uri(&need("ce-source")?)?;
        Ok(Self {
            org: parse("ce-org", &need("ce-org")?)?,
            source,
            channel,
            id: need("ce-id")?,
            kind: parse("ce-type", &need("ce-type")?)?,
            subject: optional(&get, "ce-subject")?,
            time: parse::<DateTime<Utc>>("ce-time", &need("ce-time")?)?,
            received_at: parse::<DateTime<Utc>>("ce-receivedtime", &need("ce-receivedtime")?)?,
            content_type: need("ce-datacontenttype")?,
            fault: optional(&get, "ce-fault")?,
        })
    }

    /// `/{org}/{source}` or `/{org}/{source}/{channel}`: a URI reference, as the specification asks.
    fn source_uri(&self) -> String {
        let slash = if self.channel.is_empty() { "" } else { "/" };
        format!("/{}/{}{slash}{}", self.org, self.source, self.channel)
    }
}

fn read_source_uri(uri: &str) -> Result<(Source, String), EnvelopeError> {
    let mut parts = uri.splitn(4, '/').skip(2);
    let source = parse("ce-source", parts.next().unwrap_or_default())?;
    Ok((source, parts.next().unwrap_or_default().to_owned()))
}

fn required<'a>(get: &impl Fn(&str) -> Option<&'a str>, header: &'static str) -> Result<String, EnvelopeError> {
    optional(get, header)?.ok_or_else(|| EnvelopeError { header, problem: "missing".to_owned() })
}

fn optional<'a>(get: &impl Fn(&str) -> Option<&'a str>, header: &'static str) -> Result<Option<String>, EnvelopeError> {
    let Some(value) = get(header) else { return Ok(None) };
    let decoded = percent_decode_str(value).decode_utf8().map(Cow::into_owned);
    decoded.map(Some).map_err(|error| EnvelopeError { header, problem: error.to_string() })
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(header: &'static str, value: &str) -> Result<T, EnvelopeError> {
    value.parse().map_err(|error: T::Err| EnvelopeError { header, problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn envelope(id: &str, subject: Option<String>, channel: &str) -> Envelope {
        let at = DateTime::from_timestamp_micros(1_795_000_000_123_456).unwrap();
        Envelope {
            org: "demo".parse().unwrap(),
            source: Source::RETELL,
            channel: channel.to_owned(),
            id: id.to_owned(),
            kind: EventType::CallEnded,
            subject,
            time: at,
            received_at: at,
            content_type: "application/json".to_owned(),
            fault: None,
        }
    }

    fn read_back(envelope: &Envelope) -> Result<Envelope, EnvelopeError> {
        let headers = envelope.headers();
        Envelope::from_headers(|name| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str()))
    }

    proptest! {
        #[test]
        fn any_text_survives_the_headers(id in ".{1,40}", subject in proptest::option::of(".{0,40}"), channel in "[^\u{0}]{0,20}") {
            let envelope = envelope(&id, subject, &channel);
            for (_, value) in envelope.headers() {
                prop_assert!(value.bytes().all(|b| (0x21..=0x7e).contains(&b)), "{value:?}");
            }
            prop_assert_eq!(read_back(&envelope), Ok(envelope));
        }
    }

    #[test]
    fn a_missing_or_broken_attribute_is_named() {
        let headers = envelope("x", None, "").headers();
        for gone in ["ce-id", "ce-source", "ce-type", "ce-time", "ce-org", "ce-receivedtime"] {
            let get =
                |name: &str| headers.iter().find(|(key, _)| *key == name && *key != gone).map(|(_, v)| v.as_str());
            assert_eq!(Envelope::from_headers(get).unwrap_err().header, gone);
        }
        let get = |name: &str| {
            if name == "ce-time" {
                Some("noon")
            } else {
                headers.iter().find(|(k, _)| *k == name).map(|(_, v)| v.as_str())
            }
        };
        assert_eq!(Envelope::from_headers(get).unwrap_err().header, "ce-time");
    }
}
