//! Messages, from the messenger's word to the row: each once, in the conversation of its person.

use serde_json::{Value, json};

use crate::office::{Office, PHONE};

const MESSAGES: &str = "SELECT to_jsonb(m) - 'created_at' - 'updated_at' - 'first_received_at' - 'provenance'
    FROM offhook.messages AS m ORDER BY sent_at";
const CONVERSATIONS: &str =
    "SELECT to_jsonb(c) - 'created_at' - 'updated_at' FROM offhook.conversations AS c ORDER BY contact";
const CONTACTS: &str =
    "SELECT jsonb_build_array(phone, name, total_calls) FROM offhook.contacts WHERE org = 'office' ORDER BY phone";
const NOOR: &str = "15005550006@s.whatsapp.net";

/// What the messenger tells of a message.
fn message(event: &str, id: &str, jid: &str, ours: bool, second: i64, text: &str) -> Value {
    let name = if ours { "Office" } else { "Noor" };
    json!({ "event": event, "instance": "clinic-01", "data": { "key": { "id": id, "remoteJid": jid, "fromMe": ours },
        "pushName": name, "message": { "conversation": text }, "messageTimestamp": 1_795_000_000 + second } })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_is_one_row_of_its_persons_conversation() {
    let office = Office::start().await;
    let asked = message("messages.upsert", "3EB0", NOOR, false, 0, "Are you open?");
    // The answer is told twice, by the interface and by the phone.
    let answered =
        ["send.message", "messages.upsert"].map(|event| message(event, "3EB1", NOOR, true, 60, "Until five."));
    for _ in 0..2 {
        office.whatsapp(&answered[1]).await;
        office.whatsapp(&asked).await;
        office.whatsapp(&answered[0]).await;
    }
    let rows = office.rows(MESSAGES).await;
    let expected = json!({
        "org": "office", "source": "whatsapp", "channel": "clinic-01", "conversation": NOOR, "direction": "inbound", "message_id": "3EB0",
        "contact": PHONE, "contact_phone": PHONE, "branch": "tokyo", "audience": "person", "author_phone": PHONE, "author_name": "Noor",
        "kind": "text", "text": "Are you open?", "reply_to": null, "media_type": null, "media_url": null, "duration_ms": null,
        "sent_at": "2026-11-18T11:06:40+00:00",
    });
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0], expected);
    assert_eq!((&rows[1]["direction"], &rows[1]["author_name"]), (&json!("outbound"), &Value::Null));
    let conversations = office.rows(CONVERSATIONS).await;
    let expected = json!([{
        "org": "office", "source": "whatsapp", "channel": "clinic-01", "contact": PHONE, "contact_phone": PHONE, "branch": "tokyo",
        "audience": "person", "received": 1, "sent": 1, "first_message_at": rows[0]["sent_at"], "last_message_at": rows[1]["sent_at"],
    }]);
    assert_eq!(json!(conversations), expected);
    assert_eq!(office.rows(CONTACTS).await, [json!([PHONE, "Noor", 0])]);
    let summary = "SELECT to_jsonb(s) - 'day' FROM offhook.message_summary AS s";
    let expected = json!({ "org": "office", "branch": "tokyo", "source": "whatsapp", "messages": 2, "received": 1, "sent": 1, "conversations": 1 });
    assert_eq!(office.rows(summary).await, [expected]);
    office.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_a_conversation_with_nobody_and_a_name_that_was_told_is_worth_more_than_one_that_is_shown() {
    let office = Office::start().await;
    let group = "120363041234567890@g.us";
    office.whatsapp(&message("messages.upsert", "3EB0", group, false, 0, "Hello all")).await;
    let conversations = office.rows(CONVERSATIONS).await;
    assert_eq!((&conversations[0]["contact"], &conversations[0]["contact_phone"]), (&json!(group), &Value::Null));
    assert_eq!(office.rows(CONTACTS).await, Vec::<Value>::new());

    office.calcom(&crate::office::booking("BOOKING_CREATED", "bk_1", 0, "2026-12-01T16:00:00Z", json!({}))).await;
    office.recorded().await;
    office.whatsapp(&message("messages.upsert", "3EB1", NOOR, false, 60, "It is me")).await;
    assert_eq!(office.rows(CONTACTS).await, [json!([PHONE, "Noor Haddad", 0])]);
    office.end().await;
}
