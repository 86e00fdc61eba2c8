//! Messages: one row each, whichever and how many events tell of it.
//!
//! The conversation that a message is counted in is noted beside it, so that it is counted once and can move.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use contract::{Audience, Direction, Envelope, MessageFacts, MessageKind, PhoneNumber, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sources::SUBJECT_BYTES_MAX;
use sqlx::{PgConnection, Row as _, types::Json};

use super::{
    UNASSIGNED, addressed,
    conversations::{self, Changes, ConversationKey},
};
use crate::{
    merge::{Merge, Stamp},
    record::Record,
};

/// What one event says of a message.
pub(crate) struct Heard {
    key: MessageKey,
    stamp: Stamp,
    facts: Box<MessageFacts>,
}

/// A message's key within the database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct MessageKey {
    org: String,
    source: String,
    channel: String,
    /// By the provider's id.
    conversation: String,
    direction: String,
    id: String,
}

/// What an event says; the fields are columns.
#[derive(Serialize)]
struct Columns<'a> {
    contact_phone: Option<&'a PhoneNumber>,
    audience: Option<Audience>,
    author_phone: Option<&'a PhoneNumber>,
    author_name: Option<&'a str>,
    kind: Option<MessageKind>,
    text: Option<&'a str>,
    reply_to: Option<&'a str>,
    media_type: Option<&'a str>,
    media_url: Option<&'a str>,
    duration_ms: Option<i64>,
    sent_at: Option<Timestamp>,
}

/// A message's row as far as merging and counting need it.
struct Message {
    merge: Merge,
    /// Where it is counted; nowhere yet if it is new.
    contact: Option<String>,
    contact_phone: Option<String>,
    audience: Option<String>,
}

/// The branch of each of our channels: by org, source, channel.
type Branches = HashMap<(String, String, String), String>;

impl Heard {
    /// What these facts say; nothing if they name no message by an id that one can have.
    pub(crate) fn of(envelope: &Envelope, stamp: Stamp, facts: Box<MessageFacts>) -> Option<Self> {
        let id = |id: &Option<String>| id.clone().filter(|id| (1..=SUBJECT_BYTES_MAX).contains(&id.len()));
        let direction = match facts.direction? {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        };
        let key = MessageKey {
            org: envelope.org.to_string(),
            source: envelope.source.to_string(),
            channel: envelope.channel.replace('\0', ""),
            conversation: id(&facts.conversation)?,
            direction: direction.to_owned(),
            id: id(&facts.external_id)?,
        };
        Some(Self { key, stamp, facts })
    }

    fn columns(&self) -> Columns<'_> {
        let facts = &self.facts;
        Columns {
            contact_phone: facts.contact_phone.as_ref(),
            audience: facts.audience,
            author_phone: facts.author_phone.as_ref(),
            author_name: facts.contact_name.as_deref(),
            kind: facts.kind,
            text: facts.text.as_deref(),
            reply_to: facts.reply_to.as_deref(),
            media_type: facts.media_type.as_deref(),
            media_url: facts.media_url.as_deref(),
            duration_ms: facts.duration_ms,
            sent_at: facts.sent_at,
        }
    }
}

impl MessageKey {
    fn channel(&self) -> (String, String, String) {
        (self.org.clone(), self.source.clone(), self.channel.clone())
    }

    fn with(&self, contact: String) -> ConversationKey {
        (self.org.clone(), self.source.clone(), self.channel.clone(), contact)
    }

    /// The keys column by column, as `unnest` takes them.
    fn columns<'a>(keys: impl IntoIterator<Item = &'a Self>) -> [Vec<&'a str>; 6] {
        let mut columns: [Vec<&str>; 6] = Default::default();
        for key in keys {
            let parts = [&key.org, &key.source, &key.channel, &key.conversation, &key.direction, &key.id];
            columns.iter_mut().zip(parts).for_each(|(column, part)| column.push(part));
        }
        columns
    }
}

impl Message {
    fn fold(&mut self, heard: &Heard) {
        self.merge.fold(heard.stamp, &heard.columns());
        let text = |column: &str| self.merge.changed.get(column).and_then(Value::as_str).map(str::to_owned);
        self.contact_phone = text("contact_phone").or(self.contact_phone.take());
        self.audience = text("audience").or(self.audience.take());
    }

    /// Moves it to where it belongs now, and notes what that changes.
    fn count(&mut self, key: &MessageKey, changes: &mut Changes) {
        let contact = self.contact_phone.clone().unwrap_or_else(|| key.conversation.clone());
        let before = self.contact.replace(contact.clone());
        if let Some(left) = before.as_ref().filter(|before| **before != contact) {
            changes.entry(key.with(left.clone())).or_default().add(&key.direction, -1);
        }
        let change = changes.entry(key.with(contact.clone())).or_default();
        if before != Some(contact) {
            change.add(&key.direction, 1);
        }
        change.contact_phone = self.contact_phone.clone();
        change.audience = self.audience.clone().or(change.audience.take());
    }

    fn row(&self, key: &MessageKey, branches: &Branches) -> Value {
        let mut row = self.merge.changed.clone();
        let MessageKey { org, source, channel, conversation, direction, id } = key;
        let keys = json!({ "org": org, "source": source, "channel": channel, "conversation": conversation, "direction": direction,
            "message_id": id, "contact": self.contact, "branch": branch(branches, &key.channel()), "provenance": self.merge.provenance });
        row.extend(keys.as_object().cloned().unwrap_or_default());
        Value::Object(row)
    }
}

fn branch<'a>(branches: &'a Branches, channel: &(String, String, String)) -> &'a str {
    branches.get(channel).map_or(UNASSIGNED, String::as_str)
}

/// Makes the messages exist, writes what the fresh events say of them, and counts those that are new in their conversations.
pub(crate) async fn write(tx: &mut PgConnection, fresh: &[&Record<'_>]) -> sqlx::Result<()> {
    let heard: Vec<(&Heard, Timestamp)> =
        fresh.iter().filter_map(|record| Some((record.message.as_ref()?, record.event.envelope.received_at))).collect();
    if heard.is_empty() {
        return Ok(());
    }
    let first: BTreeMap<&MessageKey, Timestamp> = heard.iter().rev().map(|(heard, at)| (&heard.key, *at)).collect();
    create(tx, &first).await?;
    let mut messages = lock(tx, first.keys().copied()).await?;
    for (heard, _) in &heard {
        messages.get_mut(&heard.key).into_iter().for_each(|message| message.fold(heard));
    }
    let mut changes = BTreeMap::new();
    for (key, message) in &mut messages {
        message.count(key, &mut changes);
    }
    let wanted: BTreeSet<_> = messages.keys().map(MessageKey::channel).collect();
    let branches = addressed(tx, &wanted).await?;
    update(tx, &messages, &branches).await?;
    conversations::write(tx, &changes, |key| branch(&branches, key)).await
}

async fn create(tx: &mut PgConnection, first: &BTreeMap<&MessageKey, Timestamp>) -> sqlx::Result<()> {
    let [orgs, sources, channels, conversations, directions, ids] = MessageKey::columns(first.keys().copied());
    let insert = sqlx::query(
        "INSERT INTO offhook.messages (org, source, channel, conversation, direction, message_id, first_received_at)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
         ON CONFLICT DO NOTHING",
    );
    let received: Vec<_> = first.values().copied().collect();
    let insert = insert.bind(orgs).bind(sources).bind(channels).bind(conversations);
    insert.bind(directions).bind(ids).bind(received).execute(tx).await.map(|_| ())
}

async fn lock<'a>(
    tx: &mut PgConnection,
    keys: impl IntoIterator<Item = &'a MessageKey>,
) -> sqlx::Result<BTreeMap<MessageKey, Message>> {
    let [orgs, sources, channels, conversations, directions, ids] = MessageKey::columns(keys);
    let select = sqlx::query(
        "SELECT org, source, channel, conversation, direction, message_id, contact, contact_phone, audience, provenance
         FROM offhook.messages
         WHERE (org, source, channel, conversation, direction, message_id)
            IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]))
         ORDER BY org, source, channel, conversation, direction, message_id FOR UPDATE",
    );
    let select = select.bind(orgs).bind(sources).bind(channels).bind(conversations);
    let rows = select.bind(directions).bind(ids).fetch_all(tx).await?;
    let read = |row: sqlx::postgres::PgRow| {
        let key = MessageKey {
            org: row.try_get("org")?,
            source: row.try_get("source")?,
            channel: row.try_get("channel")?,
            conversation: row.try_get("conversation")?,
            direction: row.try_get("direction")?,
            id: row.try_get("message_id")?,
        };
        let Json(provenance) = row.try_get("provenance")?;
        let message = Message {
            merge: Merge { provenance, changed: Map::new() },
            contact: row.try_get("contact")?,
            contact_phone: row.try_get("contact_phone")?,
            audience: row.try_get("audience")?,
        };
        Ok((key, message))
    };
    rows.into_iter().map(read).collect()
}

async fn update(
    tx: &mut PgConnection,
    messages: &BTreeMap<MessageKey, Message>,
    branches: &Branches,
) -> sqlx::Result<()> {
    let rows: Vec<Value> = messages.iter().map(|(key, message)| message.row(key, branches)).collect();
    let update = sqlx::query(
        "UPDATE offhook.messages AS m SET
            contact = n.contact, branch = n.branch, provenance = n.provenance, updated_at = now(),
            contact_phone = coalesce(n.contact_phone, m.contact_phone), audience = coalesce(n.audience, m.audience),
            author_phone = coalesce(n.author_phone, m.author_phone), author_name = coalesce(n.author_name, m.author_name),
            kind = coalesce(n.kind, m.kind), text = coalesce(n.text, m.text), reply_to = coalesce(n.reply_to, m.reply_to),
            media_type = coalesce(n.media_type, m.media_type), media_url = coalesce(n.media_url, m.media_url),
            duration_ms = coalesce(n.duration_ms, m.duration_ms), sent_at = coalesce(n.sent_at, m.sent_at)
         FROM jsonb_populate_recordset(NULL::offhook.messages, $1) AS n
         WHERE (m.org, m.source, m.channel, m.conversation, m.direction, m.message_id)
            = (n.org, n.source, n.channel, n.conversation, n.direction, n.message_id)",
    );
    update.bind(Json(rows)).execute(tx).await.map(|_| ())
}
