//! Telling Zep what was said: the person, the conversation, its messages.

use serde::de::IgnoredAny;
use serde_json::json;

use super::Zep;
use crate::{
    By, VendorError,
    draft::{Draft, Operation},
    error::found,
    memory::{Message, UserId},
};

/// Messages that one call may add.
const MESSAGES_MAX: usize = 30;
/// Characters of one message, on the smallest plan.
const CHARACTERS_MAX: usize = 2_500;

/// The messages in portions that Zep takes in one call each: too long ones become several, empty ones fall away. The same
/// messages always make the same portions, so whoever records how many are added can go on there.
#[must_use]
pub fn batches(messages: &[Message]) -> Vec<Vec<Message>> {
    let short: Vec<Message> = messages.iter().flat_map(split).collect();
    short.chunks(MESSAGES_MAX).map(<[Message]>::to_vec).collect()
}

fn split(message: &Message) -> impl Iterator<Item = Message> {
    let mut rest = message.content.as_str();
    std::iter::from_fn(move || {
        let (part, after) = cut(rest)?;
        rest = after;
        Some(Message { content: part.to_owned(), ..message.clone() })
    })
}

/// As much as one message holds, if anything is left; cut at a blank where there is one.
fn cut(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let longest = text.char_indices().nth(CHARACTERS_MAX).map_or(text.len(), |(end, _)| end);
    let end = match text[..longest].rfind(char::is_whitespace) {
        Some(blank) if longest < text.len() => blank,
        _ => longest,
    };
    (!text.is_empty()).then(|| text.split_at(end))
}

impl Zep<'_> {
    /// Makes the person known, if they are not yet. May be repeated.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn ensure_user(&self, user: &UserId, first_name: Option<&str>, by: By) -> Result<(), VendorError> {
        let mut body = json!({ "user_id": user });
        if let Some(first_name) = first_name {
            body["first_name"] = first_name.into();
        }
        let make = Draft::post(["api", "v2", "users"], &body);
        let look = || Draft::get(["api", "v2", "users", user.as_str()]);
        self.ensure(Operation::repeatable("ensure_user"), look, make, by).await
    }

    /// Makes the person's conversation known, if it is not yet; the person must be. May be repeated.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn ensure_thread(&self, thread_id: &str, user: &UserId, by: By) -> Result<(), VendorError> {
        let make = Draft::post(["api", "v2", "threads"], &json!({ "thread_id": thread_id, "user_id": user }));
        let look = || Draft::get(["api", "v2", "threads", thread_id, "messages"]).query("limit", &1);
        self.ensure(Operation::repeatable("ensure_thread"), look, make, by).await
    }

    /// Adds one of [`batches`] to a conversation, each time anew: when [`VendorError::may_have_happened`], adding it again may tell
    /// it twice.
    ///
    /// # Errors
    /// See [`VendorError`]; [`VendorError::Unsendable`] for more than Zep takes at once.
    pub async fn add(&self, thread_id: &str, batch: &[Message], by: By) -> Result<(), VendorError> {
        let fits = |message: &Message| message.content.chars().count() <= CHARACTERS_MAX;
        if batch.len() > MESSAGES_MAX || !batch.iter().all(fits) {
            return Err(VendorError::Unsendable("more than Zep takes at once; see zep::batches".to_owned()));
        }
        let draft = Draft::post(["api", "v2", "threads", thread_id, "messages"], &json!({ "messages": batch }));
        self.line.call::<IgnoredAny>(by, Operation::once("add"), draft).await?;
        Ok(())
    }

    /// Looks whether it is there, and makes it if not. Who finds it refused as known already (400, 409) looks again: others may have
    /// made it meanwhile, or we ourselves, unheard.
    async fn ensure<'d>(
        &self,
        operation: Operation,
        look: impl Fn() -> Draft<'d>,
        make: Draft<'_>,
        by: By,
    ) -> Result<(), VendorError> {
        let look = || async { found(self.line.call::<IgnoredAny>(by, operation, look()).await) };
        if look().await?.is_some() {
            return Ok(());
        }
        match self.line.call::<IgnoredAny>(by, operation, make).await {
            Ok(_) => Ok(()),
            Err(error @ VendorError::Refused(400 | 409, _)) => look().await?.map(drop).ok_or(error),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Role;

    fn message(content: &str) -> Message {
        Message { role: Role::User, content: content.to_owned(), name: None, at: None }
    }

    #[test]
    fn long_turns_and_many_turns_are_divided_and_nothing_is_lost() {
        let long = "wörd ".repeat(1_200);
        let messages: Vec<Message> = (0..40).map(|_| message("short")).chain([message(&long), message(" ")]).collect();
        let batches = batches(&messages);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [30, 13]);
        let told: Vec<&str> = batches.iter().flatten().map(|message| message.content.as_str()).collect();
        assert!(told.iter().all(|content| content.chars().count() <= CHARACTERS_MAX));
        assert_eq!(told[40..].join(" ").trim(), long.trim(), "no word is cut");
    }

    #[test]
    fn a_turn_without_blanks_is_cut_between_characters() {
        let batches = batches(&[message(&"ü".repeat(CHARACTERS_MAX + 1))]);
        let lengths: Vec<usize> = batches[0].iter().map(|message| message.content.chars().count()).collect();
        assert_eq!(lengths, [CHARACTERS_MAX, 1]);
    }
}
