//! Addresses of WhatsApp: `15005550006@s.whatsapp.net` is a person, `…@g.us` a group, `…@lid` a person who hides the number.
//!
//! Source: Baileys, `jid-utils.ts`. Refuses to take the digits of a hidden person for a number.

use contract::{Audience, PhoneNumber};

/// The number in a person's address.
pub(super) fn phone(jid: &str) -> Option<PhoneNumber> {
    let (user, server) = jid.split_once('@')?;
    if !matches!(server, "s.whatsapp.net" | "c.us") {
        return None;
    }
    // Behind a colon stands which of the person's devices it is.
    let number = user.split([':', '_']).next()?;
    format!("+{number}").parse().ok()
}

/// Whom a message to this address reaches.
pub(super) fn audience(jid: &str) -> Option<Audience> {
    let (_, server) = jid.split_once('@')?;
    match server {
        "s.whatsapp.net" | "c.us" | "lid" => Some(Audience::Person),
        "g.us" => Some(Audience::Group),
        "broadcast" | "newsletter" => Some(Audience::Broadcast),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_from_a_persons_address_alone() {
        for jid in ["15005550006@s.whatsapp.net", "15005550006:12@s.whatsapp.net", "15005550006@c.us"] {
            assert_eq!(phone(jid).unwrap().as_str(), "+15005550006", "{jid}");
            assert_eq!(audience(jid), Some(Audience::Person));
        }
        for jid in
            ["", "15005550006", "150055500061234@lid", "120363041967849074@g.us", "status@broadcast", "@s.whatsapp.net"]
        {
            assert_eq!(phone(jid), None, "{jid}");
        }
        assert_eq!(audience("150055500061234@lid"), Some(Audience::Person));
        assert_eq!(audience("120363041967849074@g.us"), Some(Audience::Group));
        assert_eq!(audience("status@broadcast"), Some(Audience::Broadcast));
        assert_eq!(audience("x@y"), None);
    }
}
