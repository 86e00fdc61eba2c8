//! Conversations: who writes with us on which of our addresses, and what their messages make up.
//!
//! A conversation is counted up, not anew: it may be as long as a life.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::{PgConnection, types::Json};

/// A conversation's key within the database: org, source, channel, contact.
pub(super) type ConversationKey = (String, String, String, String);

/// What the messages of a batch change in a conversation.
#[derive(Default)]
pub(super) struct Change {
    pub(super) contact_phone: Option<String>,
    pub(super) audience: Option<String>,
    received: i64,
    sent: i64,
}

/// The changes of a batch, by conversation.
pub(super) type Changes = BTreeMap<ConversationKey, Change>;

impl Change {
    /// So many more messages of this direction.
    pub(super) fn add(&mut self, direction: &str, count: i64) {
        match direction {
            "inbound" => self.received += count,
            _ => self.sent += count,
        }
    }
}

/// Makes the conversations exist, counts, and says from when to when they are; `branch` is that of a channel.
pub(super) async fn write<'a>(
    tx: &mut PgConnection,
    changes: &Changes,
    branch: impl Fn(&(String, String, String)) -> &'a str,
) -> sqlx::Result<()> {
    count(tx, changes, branch).await?;
    date(tx, changes).await
}

/// Makes the conversations exist and adds the changes, in key order.
async fn count<'a>(
    tx: &mut PgConnection,
    changes: &Changes,
    branch: impl Fn(&(String, String, String)) -> &'a str,
) -> sqlx::Result<()> {
    let row = |((org, source, channel, contact), change): (&ConversationKey, &Change)| {
        let of_channel = (org.clone(), source.clone(), channel.clone());
        json!({ "org": org, "source": source, "channel": channel, "contact": contact, "contact_phone": change.contact_phone,
            "branch": branch(&of_channel), "audience": change.audience, "received": change.received, "sent": change.sent })
    };
    let rows: Vec<Value> = changes.iter().map(row).collect();
    let upsert = sqlx::query(
        "INSERT INTO offhook.conversations AS c
            (org, source, channel, contact, contact_phone, branch, audience, received, sent)
         SELECT org, source, channel, contact, contact_phone, branch, audience, received, sent
         FROM jsonb_populate_recordset(NULL::offhook.conversations, $1) ORDER BY org, source, channel, contact
         ON CONFLICT (org, source, channel, contact) DO UPDATE SET
            branch = excluded.branch, audience = coalesce(excluded.audience, c.audience),
            received = c.received + excluded.received, sent = c.sent + excluded.sent, updated_at = now()",
    );
    upsert.bind(Json(rows)).execute(tx).await.map(|_| ())
}

/// Says of the conversations when they began and when the last word fell: by the two ends of an index, so that messages that
/// came late, or have left, count too.
async fn date(tx: &mut PgConnection, changes: &Changes) -> sqlx::Result<()> {
    let mut columns: [Vec<&str>; 4] = Default::default();
    for (org, source, channel, contact) in changes.keys() {
        columns.iter_mut().zip([org, source, channel, contact]).for_each(|(column, part)| column.push(part));
    }
    let [orgs, sources, channels, contacts] = columns;
    let update = sqlx::query(
        "UPDATE offhook.conversations AS c SET
            first_message_at = (SELECT min(m.sent_at) FROM offhook.messages AS m
                WHERE (m.org, m.source, m.channel, m.contact) = (c.org, c.source, c.channel, c.contact)),
            last_message_at = (SELECT max(m.sent_at) FROM offhook.messages AS m
                WHERE (m.org, m.source, m.channel, m.contact) = (c.org, c.source, c.channel, c.contact))
         WHERE (c.org, c.source, c.channel, c.contact) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]))",
    );
    update.bind(orgs).bind(sources).bind(channels).bind(contacts).execute(tx).await.map(|_| ())
}
