//! The tags: what is invalidated together. Keys and invalidations both make them here.

use cache::Tag;
use contract::PhoneNumber;

/// The name of [`contact`]'s tag.
pub(crate) const CONTACT: &str = "contact";

/// Everything that is known of the person behind a number.
#[must_use]
pub fn contact(phone: &PhoneNumber) -> Tag {
    Tag::new(CONTACT).part(phone)
}
