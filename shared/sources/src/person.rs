//! What a person is called and written to, if a text says so: what is empty, endless or plainly something else is not said.

/// The longest name that is believed, in characters.
const NAME_CHARACTERS_MAX: usize = 200;
/// The longest e-mail address (RFC 5321 § 4.5.3.1), in characters.
const EMAIL_CHARACTERS_MAX: usize = 254;

/// A name without the blanks around it.
pub(crate) fn name(text: &str) -> Option<String> {
    let name = text.trim();
    (!name.is_empty() && name.chars().count() <= NAME_CHARACTERS_MAX).then(|| name.to_owned())
}

/// An e-mail address without the blanks around it.
pub(crate) fn email(text: &str) -> Option<String> {
    let email = text.trim();
    let is_one = email.contains('@') && !email.contains(char::is_whitespace);
    (is_one && email.chars().count() <= EMAIL_CHARACTERS_MAX).then(|| email.to_owned())
}
