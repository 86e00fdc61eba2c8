//! WhatsApp through Evolution API: messages of a connected number, and how its connection stands.
//!
//! Wire facts: Evolution API 2.3.6, `channel.service.ts`, `webhook.controller.ts`. A delivery is authentic by a header alone,
//! nothing signs its body. A body may carry the instance's own key: nothing here reads it, and [`redact()`] takes it out of what
//! is to be kept. Refuses the global webhook, which bears no header.
//!
//! Messages are `message.received` and, if they are our own, `message.sent`; the connection is `channel.changed`. Changes to
//! messages, chats, groups and the rest are kept as `other.unknown`.

mod credential;
mod decode;
mod jid;
mod name;
mod redact;
mod words;

pub use credential::{API_KEY_HEADER, BEHIND_MS, LEEWAY_MS, sign, verify};
pub use decode::decode;
pub use name::name;
pub use redact::redact;
pub use words::Words;
