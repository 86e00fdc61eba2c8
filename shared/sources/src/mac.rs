//! HMAC-SHA256 as the sources use it: over parts, with every valid secret.
//!
//! Refuses to tell by its time which secret is near, or how near a claim is.

use aws_lc_rs::{constant_time, digest, hmac};

/// The code of `parts`, one after the other.
pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    context.sign()
}

/// Whether one of the keys made one of the claims over `parts`. All are tried, whatever came out of the ones before.
pub(crate) fn made_by_one<K: AsRef<[u8]>>(
    keys: impl IntoIterator<Item = K>,
    parts: &[&[u8]],
    claims: &[impl AsRef<[u8]>],
) -> bool {
    keys.into_iter().fold(false, |found, key| {
        let made = mac(key.as_ref(), parts);
        claims.iter().fold(found, |found, claim| found | equal(made.as_ref(), claim.as_ref()))
    })
}

/// Whether one of the secrets is `claimed`. Digests are compared, so that lengths do not show either.
pub(crate) fn is_one<'a>(secrets: impl IntoIterator<Item = &'a str>, claimed: &str) -> bool {
    let claimed = digest::digest(&digest::SHA256, claimed.as_bytes());
    secrets.into_iter().fold(false, |found, secret| {
        found | equal(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref(), claimed.as_ref())
    })
}

fn equal(one: &[u8], other: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(one, other).is_ok()
}

/// 32 bytes written as 64 hex digits, nothing before or after.
pub(crate) fn hex_of_32_bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}
