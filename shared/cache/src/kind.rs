//! What is cached: kinds, keys and tags.
//!
//! A kind is a type, and its key is built of tags and further parts, so no tag can name what the key does not hold.
//! Refuses nothing at run time: what a key lacks, the compiler or the kind's first read finds.

use std::{borrow::Borrow, collections::BTreeSet, fmt, io::Write as _, sync::Arc, time::Duration};

use aws_lc_rs::digest;
use contract::OrgId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use smallvec::SmallVec;

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
    parts: Parts,
    made: SmallVec<[Made; PIECES_USUAL]>,
}

/// One piece of a key: where its parts end, and the tag's name if it is one.
#[derive(Debug, Clone, Copy)]
struct Made {
    tag: Option<&'static str>,
    end: usize,
}

impl Key {
    /// The key of the only thing of its kind that this org has; add tags and parts to tell more apart.
    #[must_use]
    pub fn of(org: &OrgId) -> Self {
        Self { org: org.clone(), parts: Parts::default(), made: SmallVec::new() }
    }

    /// Adds a tag. Its parts become parts of the key.
    #[must_use]
    pub fn tag(mut self, tag: &Tag) -> Self {
        self.parts.0.extend_from_slice(&tag.parts.0);
        self.made.push(Made { tag: Some(tag.name), end: self.parts.0.len() });
        self
    }

    /// Adds a part that has no tag.
    #[must_use]
    pub fn part(mut self, part: impl fmt::Display) -> Self {
        self.parts.push(part);
        self.made.push(Made { tag: None, end: self.parts.0.len() });
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
                tag.map(|tag| key.tag(&tag))
            }
            Piece::Part(_) => parts.next().map(|part| key.part(part)),
        });
        key.filter(|_| parts.next().is_none())
    }

    fn is_made_as(&self, spec: &Spec) -> bool {
        self.pieces().map(|(tag, piece)| (tag, parts(piece).count())).eq(spec.pieces.iter().map(|piece| match piece {
            Piece::Tag(name, parts) => (Some(*name), parts.len()),
            Piece::Part(_) => (None, 1),
        }))
    }

    /// What it is made of, in order: the name if it is a tag, and the parts.
    fn pieces(&self) -> impl Iterator<Item = (Option<&'static str>, &[u8])> {
        let mut begin = 0;
        self.made.iter().map(move |made| (made.tag, &self.parts.0[std::mem::replace(&mut begin, made.end)..made.end]))
    }

    /// What tells this key from every other one of every kind.
    pub(crate) fn bytes(&self, spec: &Spec) -> KeyBytes {
        debug_assert!(self.is_made_as(spec), "{}: the key is not made of the pieces that the kind declares", spec.name);
        let mut head = Parts::default();
        head.0.extend_from_slice(&spec.shape.to_be_bytes());
        head.push(spec.name);
        head.push(&self.org);
        let mut bytes = KeyBytes::from_slice(&head.0);
        bytes.extend_from_slice(&self.parts.0);
        bytes
    }

    /// The same, to be kept.
    pub(crate) fn identity(&self, spec: &Spec) -> Identity {
        Identity::of(&self.bytes(spec))
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
        self.pieces().filter_map(|(tag, piece)| Some(OrgTag::new(&self.org, tag?, piece)))
    }
}

/// What is invalidated together: everything whose key holds this tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    name: &'static str,
    parts: Parts,
}

impl Tag {
    /// A tag of this name. Make it in one function that keys and invalidations both call.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, parts: Parts::default() }
    }

    /// Adds a part.
    #[must_use]
    pub fn part(mut self, part: impl fmt::Display) -> Self {
        self.parts.push(part);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        parts(&self.parts.0)
    }

    /// The tag within an org.
    #[must_use]
    pub fn of(&self, org: &OrgId) -> OrgTag {
        OrgTag::new(org, self.name, &self.parts.0)
    }
}

/// A tag of one org, without what it was made of: safe to log and to send.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct OrgTag(Arc<str>);

impl OrgTag {
    fn new(org: &OrgId, name: &str, parts: &[u8]) -> Self {
        Self(format!("{{{org}}}:{name}:{}", short_hash(parts)).into())
    }

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
    pub(crate) fn of(bytes: &KeyBytes) -> Self {
        Self(bytes.as_slice().into())
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A look-up needs no identity of its own.
impl Borrow<[u8]> for Identity {
    fn borrow(&self) -> &[u8] {
        &self.0
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
/// Most keys have no more pieces, and are no longer in bytes: they take no memory of their own.
const PIECES_USUAL: usize = 4;
const PARTS_BYTES_USUAL: usize = 96;

/// See [`Key::bytes`].
pub(crate) type KeyBytes = SmallVec<[u8; 2 * PARTS_BYTES_USUAL]>;

/// Parts, each with its length before it, so that no two lists of parts look alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Parts(SmallVec<[u8; PARTS_BYTES_USUAL]>);

impl Parts {
    fn push(&mut self, part: impl fmt::Display) {
        let begin = self.0.len();
        self.0.extend_from_slice(&[0; LENGTH_BYTES]);
        // Writing to memory can't fail.
        write!(self.0, "{part}").ok();
        let (length, part) = self.0[begin..].split_at_mut(LENGTH_BYTES);
        length.copy_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    }
}

/// What [`Parts::push`] has put there.
fn parts(mut bytes: &[u8]) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
        let (part, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        bytes = rest;
        std::str::from_utf8(part).ok()
    })
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
        Key::of(&"demo".parse().unwrap()).tag(&phone(from)).tag(&phone(to)).part(day)
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
