//! Reads a body of Evolution API into our own words.
//!
//! Lenient field by field. Texts are found under whatever a version wraps them in. A group and a status broadcast have no
//! contact, and a person who hides the number has none until the provider tells it.

use contract::{Audience, ChannelFacts, ChannelState, Direction, EventType, MessageFacts, Timestamp};
use serde::Deserialize;

use self::content::{Content, Context};
use super::jid;
use crate::{Decoded, mend, naming::moment_of_s, person, text::Lenient};

mod content;

/// Decodes the body of an event of type `kind`.
///
/// # Errors
/// When the body is no JSON object with `data`; the text says where.
pub fn decode(kind: EventType, body: &[u8]) -> Result<Decoded, serde_json::Error> {
    let text = mend(body);
    match kind {
        EventType::MessageReceived | EventType::MessageSent => {
            let Body { data, .. } = serde_json::from_str::<Body<Message>>(&text)?;
            Ok(Decoded::Message(Box::new(data.facts())))
        }
        EventType::ChannelChanged => {
            let Body { data, sender } = serde_json::from_str::<Body<Connection>>(&text)?;
            Ok(Decoded::Channel(data.facts(sender.0)))
        }
        _ => Ok(Decoded::Other),
    }
}

#[derive(Deserialize)]
struct Body<T> {
    data: T,
    /// The connected account, so our own number.
    #[serde(default)]
    sender: Lenient<String>,
}

/// What tells one message from another.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Key {
    pub(super) id: Lenient<String>,
    pub(super) remote_jid: Lenient<String>,
    pub(super) from_me: Lenient<bool>,
    /// The number of a person whose `remote_jid` hides it.
    remote_jid_alt: Lenient<String>,
    sender_pn: Lenient<String>,
    /// Who wrote it, in a group.
    participant: Lenient<String>,
    participant_alt: Lenient<String>,
    participant_pn: Lenient<String>,
}

/// Seconds since the epoch: a number, its digits, or both halves of one that is too long for a number of JavaScript.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Stamp {
    Number(f64),
    Digits(String),
    Halves { low: u32 },
}

impl Stamp {
    pub(super) fn moment(self) -> Option<Timestamp> {
        match self {
            Self::Number(seconds) => moment_of_s(seconds),
            Self::Digits(digits) => moment_of_s(digits.parse().ok()?),
            // The upper half is 0 until the year 2106.
            Self::Halves { low } => moment_of_s(low.into()),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Message {
    key: Lenient<Key>,
    push_name: Lenient<String>,
    message: Lenient<Content>,
    context_info: Lenient<Context>,
    message_timestamp: Lenient<Stamp>,
}

impl Message {
    fn facts(self) -> MessageFacts {
        let key = self.key.0.unwrap_or_default();
        let first =
            |jids: [&Lenient<String>; 3]| jids.into_iter().filter_map(|jid| jid.0.as_deref()).find_map(jid::phone);
        let audience = key.remote_jid.0.as_deref().and_then(jid::audience);
        let ours = key.from_me.0;
        let person = first([&key.remote_jid, &key.remote_jid_alt, &key.sender_pn]);
        let person = person.filter(|_| audience == Some(Audience::Person));
        let author = match audience {
            _ if ours != Some(false) => None,
            Some(Audience::Person) => person.clone(),
            _ => first([&key.participant, &key.participant_alt, &key.participant_pn]),
        };
        let (content, context) = (self.message.0.unwrap_or_default().read(), self.context_info.0.unwrap_or_default());
        MessageFacts {
            external_id: key.id.0,
            conversation: key.remote_jid.0,
            audience,
            direction: ours.map(|ours| if ours { Direction::Outbound } else { Direction::Inbound }),
            contact_phone: person,
            // Beside our own messages stands our own name.
            contact_name: self.push_name.0.filter(|_| ours == Some(false)).and_then(|name| person::name(&name)),
            author_phone: author,
            reply_to: content.reply_to.or(context.stanza_id.0),
            sent_at: self.message_timestamp.0.and_then(Stamp::moment),
            kind: Some(content.kind),
            text: content.text,
            media_type: content.media_type,
            media_url: content.media_url,
            duration_ms: content.duration_ms,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Connection {
    state: Lenient<String>,
    status_reason: Lenient<i64>,
    wuid: Lenient<String>,
}

impl Connection {
    fn facts(self, sender: Option<String>) -> ChannelFacts {
        let state = match self.state.0.as_deref() {
            Some("open") => Some(ChannelState::Connected),
            Some("connecting") => Some(ChannelState::Connecting),
            Some("close" | "refused") => Some(ChannelState::Disconnected),
            _ => None,
        };
        let our_phone = [self.wuid.0, sender].into_iter().flatten().find_map(|jid| jid::phone(&jid));
        ChannelFacts { state, our_phone, reason: self.status_reason.0 }
    }
}

#[cfg(test)]
mod tests;
