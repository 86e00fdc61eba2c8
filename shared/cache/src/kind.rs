//! What is cached: kinds, keys and tags.
//!
//! A kind is a type, and its key is built of tags and further parts, so no tag can name what the key does not hold.
//! Refuses nothing at run time: what a key lacks, the compiler or the kind's first read finds.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use aws_lc_rs::digest;
use contract::OrgId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The longest that a process serves its own copy of a value that has tags.
const TAGGED_IN_PROCESS_MAX: Duration = Duration::from_secs(1);

/// One kind of thing that is cached. A value of the type names one such thing.
pub trait Kind: Send + Sync {
    /// How this kind is kept.
    const SPEC: Spec;
    /// What is kept. A change of its shape changes [`Spec::shape`] too.
    type Value: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The key, built with [`Key::of`]: every value that the loader depends on is a part of it.
    fn key(&self) -> Key;
}

/// How a kind is kept: a line in the table of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// The kind's name in keys, counters and commands.
    pub name: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    /// The version of the value's shape. Values of another shape are never read.
    pub shape: u16,
    /// What its key is made of after the org, in order.
    pub pieces: &'static [Piece],
    /// How long it lives, unless a setting says otherwise.
    pub life: Life,
    /// Values longer than this, in bytes, are compressed.
    pub compress_over: usize,
    /// How long one load may take.
    pub load_max: Duration,
}

/// One piece of a key, by the names of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// A tag of this name with these parts: what can be invalidated.
    Tag(&'static str, &'static [&'static str]),
    /// A part that no tag holds.
    Part(&'static str),
}

/// How long values of a kind live, counted from the start of their load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// Served without a second thought.
    pub fresh: Duration,
    /// Served while somebody loads anew, or when nobody can. Not less than `fresh`.
    pub stale: Duration,
    /// Served from the process's own copy; at most 1 s where there are tags.
    pub in_process: Duration,
    /// How long it is remembered that there is no such thing.
    pub absent: Duration,
}

impl Spec {
    /// The names of its parts, those of tags included.
    pub fn parts(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.pieces.iter().flat_map(|piece| match piece {
            Piece::Tag(_, parts) => parts.to_vec(),
            Piece::Part(part) => vec![*part],
        })
    }

    /// Its tags with the names of their parts.
    pub fn tags(&self) -> impl Iterator<Item = (&'static str, &'static [&'static str])> + use<> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Tag(name, parts) => Some((*name, *parts)),
            Piece::Part(_) => None,
        })
    }

    /// The same kind with these lives, each within what the kind allows.
    pub(crate) fn living(self, life: Life) -> Self {
        let tagged = self.tags().next().is_some();
        let in_process = if tagged { life.in_process.min(TAGGED_IN_PROCESS_MAX) } else { life.in_process };
        Self { life: Life { stale: life.stale.max(life.fresh), in_process, ..life }, ..self }
    }
}

/// Names one thing of a kind within its org.
#[derive(Debug, Clone)]
pub struct Key {
    org: OrgId,
    made: Vec<Made>,
}

/// What a key is made of, in order.
#[derive(Debug, Clone)]
enum Made {
    Tag(Tag),
    Part(String),
}

impl Key {
    /// The key of the only thing of its kind that this org has; add tags and parts to tell more apart.
    #[must_use]
    pub fn of(org: &OrgId) -> Self {
        Self { org: org.clone(), made: Vec::with_capacity(PIECES_USUAL) }
    }

    /// Adds a tag. Its parts become parts of the key.
    #[must_use]
    pub fn tag(mut self, tag: Tag) -> Self {
        self.made.push(Made::Tag(tag));
        self
    }

    /// Adds a part that has no tag.
    #[must_use]
    pub fn part(mut self, part: impl fmt::Display) -> Self {
        self.made.push(Made::Part(part.to_string()));
        self
    }

    /// The org whose thing it is.
    #[must_use]
    pub fn org(&self) -> &OrgId {
        &self.org
    }

    /// The key that the written parts make, as a person gives them; `None` when they are too many or too few.
    #[must_use]
    pub fn written(spec: &Spec, org: &OrgId, parts: &[String]) -> Option<Self> {
        let mut parts = parts.iter();
        let key = spec.pieces.iter().try_fold(Self::of(org), |key, piece| match piece {
            Piece::Tag(name, names) => {
                let tag = names.iter().try_fold(Tag::new(name), |tag, _| Some(tag.part(parts.next()?)));
                tag.map(|tag| key.tag(tag))
            }
            Piece::Part(_) => parts.next().map(|part| key.part(part)),
        });
        key.filter(|_| parts.next().is_none())
    }

    fn is_made_as(&self, spec: &Spec) -> bool {
        let made = self.made.iter().map(|made| match made {
            Made::Tag(tag) => (tag.name, tag.parts.len()),
            Made::Part(_) => ("", 1),
        });
        made.eq(spec.pieces.iter().map(|piece| match piece {
            Piece::Tag(name, parts) => (*name, parts.len()),
            Piece::Part(_) => ("", 1),
        }))
    }

    /// What tells this key from every other one of every kind; also the key of the process's own copies.
    pub(crate) fn identity(&self, spec: &Spec) -> Identity {
        debug_assert!(self.is_made_as(spec), "{}: the key is not made of the pieces that the kind declares", spec.name);
        let length = self.parts().map(|part| part.len() + LENGTH_BYTES).sum::<usize>();
        let mut bytes = Vec::with_capacity(spec.name.len() + OrgId::BYTES_MAX + 4 * LENGTH_BYTES + length);
        bytes.extend_from_slice(&spec.shape.to_be_bytes());
        push(&mut bytes, spec.name);
        push(&mut bytes, self.org.as_str());
        self.parts().for_each(|part| push(&mut bytes, part));
        Identity(bytes.into())
    }

    /// Its parts, those of tags included.
    fn parts(&self) -> impl Iterator<Item = &String> {
        self.made.iter().flat_map(|made| match made {
            Made::Tag(tag) => tag.parts.as_slice(),
            Made::Part(part) => std::slice::from_ref(part),
        })
    }

    /// The names under which the levels outside of this process keep the value and what guards it.
    pub(crate) fn names(&self, spec: &Spec, identity: &Identity) -> Names {
        let (org, kind, shape) = (&self.org, spec.name, spec.shape);
        let hash = short_hash(&identity.0);
        Names {
            value: format!("{{{org}}}:v:{kind}.{shape}:{hash}"),
            lease: format!("{{{org}}}:l:{kind}.{shape}:{hash}"),
            // Once each: two numbers of a key may be the same one.
            generations: self.tags().map(|tag| tag.generation()).collect::<BTreeSet<_>>().into_iter().collect(),
        }
    }

    /// Its tags, as they are invalidated.
    pub fn tags(&self) -> impl Iterator<Item = OrgTag> {
        self.made.iter().filter_map(|made| match made {
            Made::Tag(tag) => Some(tag.of(&self.org)),
            Made::Part(_) => None,
        })
    }
}

/// What is invalidated together: everything whose key holds this tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    name: &'static str,
    parts: Vec<String>,
}

impl Tag {
    /// A tag of this name. Make it in one function that keys and invalidations both call.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, parts: Vec::new() }
    }

    /// Adds a part.
    #[must_use]
    pub fn part(mut self, part: impl fmt::Display) -> Self {
        self.parts.push(part.to_string());
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// The tag within an org.
    #[must_use]
    pub fn of(&self, org: &OrgId) -> OrgTag {
        let mut bytes = Vec::new();
        self.parts.iter().for_each(|part| push(&mut bytes, part));
        OrgTag(format!("{{{org}}}:{}:{}", self.name, short_hash(&bytes)).into())
    }
}

/// A tag of one org, without what it was made of: safe to log and to send.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct OrgTag(Arc<str>);

impl OrgTag {
    /// Where its generation is kept.
    pub(crate) fn generation(&self) -> String {
        // The org stands first, so that everything of an org is in one hash slot.
        match self.0.split_once(':') {
            Some((org, rest)) => format!("{org}:g:{rest}"),
            None => format!("{}:g:", self.0),
        }
    }
}

impl From<String> for OrgTag {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<OrgTag> for String {
    fn from(tag: OrgTag) -> Self {
        tag.0.as_ref().to_owned()
    }
}

impl fmt::Display for OrgTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What tells one key from all others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity(Arc<[u8]>);

impl Identity {
    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Where the outer levels keep one key. Parts are hashed: they may hold a phone number or what somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) value: String,
    pub(crate) lease: String,
    pub(crate) generations: Vec<String>,
}

const LENGTH_BYTES: usize = size_of::<u32>();
/// Most keys have no more.
const PIECES_USUAL: usize = 2;

/// With its length before it, so that no two lists of parts look alike.
fn push(bytes: &mut Vec<u8>, part: &str) {
    bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(part.as_bytes());
}

/// 128 bits of SHA-256, in hex.
fn short_hash(bytes: &[u8]) -> String {
    hex::encode(&digest::digest(&digest::SHA256, bytes).as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Life = Life {
        fresh: Duration::from_secs(1),
        stale: Duration::from_secs(2),
        in_process: Duration::from_secs(60),
        absent: Duration::from_secs(1),
    };
    const CALL: Spec = Spec {
        name: "call",
        about: "",
        shape: 1,
        pieces: &[Piece::Tag("phone", &["from"]), Piece::Tag("phone", &["to"]), Piece::Part("day")],
        life: LIFE,
        compress_over: 0,
        load_max: LIFE.fresh,
    };

    fn call(from: &str, to: &str, day: &str) -> Key {
        let phone = |number: &str| Tag::new("phone").part(number);
        Key::of(&"demo".parse().unwrap()).tag(phone(from)).tag(phone(to)).part(day)
    }

    #[test]
    fn keys_differ_in_every_part_and_in_where_it_stands() {
        let keys = [call("1", "2", "3"), call("2", "1", "3"), call("12", "", "3"), call("1", "2", "4")];
        let identities: BTreeSet<Vec<u8>> = keys.iter().map(|key| key.identity(&CALL).0.to_vec()).collect();
        assert_eq!(identities.len(), keys.len());
        let written = Key::written(&CALL, keys[0].org(), &["1", "2", "3"].map(str::to_owned)).unwrap();
        assert_eq!(written.identity(&CALL), keys[0].identity(&CALL));
        assert!(Key::written(&CALL, keys[0].org(), &["1".to_owned()]).is_none());
    }

    #[test]
    fn a_tag_that_a_key_holds_twice_is_guarded_once() {
        let (twice, once) = (call("1", "1", "3"), call("1", "2", "3"));
        assert_eq!(twice.names(&CALL, &twice.identity(&CALL)).generations.len(), 1);
        assert_eq!(once.names(&CALL, &once.identity(&CALL)).generations.len(), 2);
    }

    #[test]
    fn a_tagged_kind_stays_in_the_process_for_a_second_at_most() {
        assert_eq!(CALL.living(LIFE).life.in_process, TAGGED_IN_PROCESS_MAX);
        let untagged = Spec { pieces: &[Piece::Part("day")], ..CALL };
        assert_eq!(untagged.living(LIFE).life.in_process, LIFE.in_process);
    }
}
