//! A simulated message: the body that Evolution API would send for a text.
//!
//! For the simulator and for tests; never used on a real delivery.

use contract::{PhoneNumber, Timestamp};
use serde_json::json;

/// A text that somebody writes to us, or we to somebody.
#[derive(Debug, Clone)]
pub struct Words {
    /// The messenger's id of the message.
    pub id: String,
    /// Which of our instances.
    pub instance: String,
    /// Whose number it is that is not ours.
    pub phone: PhoneNumber,
    /// What that person is called.
    pub name: String,
    /// Whether we have written it.
    pub from_me: bool,
    /// What is written.
    pub text: String,
    /// When it was written.
    pub at: Timestamp,
}

impl Words {
    /// The body of `messages.upsert`.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let jid = format!("{}@s.whatsapp.net", self.phone.as_str().trim_start_matches('+'));
        let body = json!({
            "event": "messages.upsert", "instance": self.instance,
            "data": {
                "key": { "remoteJid": jid, "fromMe": self.from_me, "id": self.id },
                "pushName": self.name, "status": if self.from_me { "SERVER_ACK" } else { "DELIVERY_ACK" },
                "message": { "conversation": self.text }, "messageType": "conversation",
                "messageTimestamp": self.at.timestamp(), "source": "android",
            },
            "date_time": self.at, "sender": "15005550001@s.whatsapp.net", "server_url": "http://localhost:8080",
        });
        body.to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoded, whatsapp};

    #[test]
    fn it_is_named_and_read_like_a_real_one() {
        let at = "2026-11-20T10:00:00Z".parse().unwrap();
        for (from_me, kind) in [(false, contract::EventType::MessageReceived), (true, contract::EventType::MessageSent)]
        {
            let (id, instance, text) = ("3EB0".to_owned(), "clinic-01".to_owned(), "Hello".to_owned());
            let phone = "+15005550006".parse().unwrap();
            let body = Words { id, instance, phone, name: "Noor".to_owned(), from_me, text, at }.body();
            let name = whatsapp::name(&body, Timestamp::UNIX_EPOCH);
            assert_eq!((name.kind, name.subject.as_deref(), name.time), (kind, Some("3EB0"), at));
            let Ok(Decoded::Message(message)) = whatsapp::decode(kind, &body) else { panic!("no message") };
            assert_eq!(message.text.as_deref(), Some("Hello"));
            assert_eq!(message.contact_phone.unwrap().as_str(), "+15005550006");
        }
    }
}
