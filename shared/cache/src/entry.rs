//! One cached value as bytes: a header that the scripts in Redis can read too, then the value as JSON.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version of this layout |
//! | 1 | flags: known to be absent, compressed, loaded ahead of its readers |
//! | 1 | number of generations, n |
//! | 16 n | the generations, as they were before the load |
//! | 8, 8, 8 | built at, fresh until, stale until: milliseconds since 1970, big-endian |
//! | rest | the value |
//!
//! Refuses whatever it can't read whole; that is a miss, never an error.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::{clock::Millis, kind::Spec};

/// A random name for the state of a tag: another one after each invalidation.
pub(crate) type Generation = [u8; 16];

/// The version of this layout, a part of every name too.
pub(crate) const LAYOUT: u8 = 1;
const ABSENT: u8 = 1;
const COMPRESSED: u8 = 2;
const WARMED: u8 = 4;
const GENERATIONS_AT: usize = 3;
const TIMES_BYTES: usize = 24;
/// The longest value that is kept, in bytes before compression.
pub(crate) const VALUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// When a value was built and how long it may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) built: Millis,
    pub(crate) fresh_until: Millis,
    pub(crate) stale_until: Millis,
}

impl Times {
    /// Of a value of this kind whose load began at `built`.
    pub(crate) fn new(spec: &Spec, built: Millis, absent: bool) -> Self {
        let (fresh, stale) =
            if absent { (spec.life.absent, spec.life.absent) } else { (spec.life.fresh, spec.life.stale) };
        Self { built, fresh_until: built.after(fresh), stale_until: built.after(stale) }
    }

    /// The same, cut off `life` after the value was built.
    pub(crate) fn within(self, life: Duration) -> Self {
        let end = self.built.after(life);
        Self { built: self.built, fresh_until: self.fresh_until.min(end), stale_until: self.stale_until.min(end) }
    }

    /// As they stand in an entry, and as the script compares them.
    pub(crate) fn bytes(&self) -> [u8; TIMES_BYTES] {
        let mut bytes = [0; TIMES_BYTES];
        for (place, time) in bytes.chunks_exact_mut(8).zip([self.built, self.fresh_until, self.stale_until]) {
            place.copy_from_slice(&time.0.to_be_bytes());
        }
        bytes
    }
}

/// An entry as it lies in Redis or Postgres, its header read.
#[derive(Debug)]
pub(crate) struct Encoded<'a> {
    pub(crate) absent: bool,
    pub(crate) warmed: bool,
    pub(crate) times: Times,
    compressed: bool,
    generations: &'a [u8],
    body: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// Reads the header; `None` for bytes of another layout.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&[LAYOUT, flags, count], rest) = bytes.split_first_chunk::<GENERATIONS_AT>()? else { return None };
        let (generations, rest) = rest.split_at_checked(usize::from(count) * size_of::<Generation>())?;
        let (times, body) = rest.split_first_chunk::<TIMES_BYTES>()?;
        let mut times =
            times.chunks_exact(8).map(|time| Millis(u64::from_be_bytes(time.try_into().unwrap_or_default())));
        let times = Times { built: times.next()?, fresh_until: times.next()?, stale_until: times.next()? };
        let flag = |flag| flags & flag != 0;
        let (absent, warmed, compressed) = (flag(ABSENT), flag(WARMED), flag(COMPRESSED));
        Some(Self { absent, warmed, times, compressed, generations, body })
    }

    /// Whether nothing it depends on was invalidated since before its load. A generation that is missing has moved.
    pub(crate) fn holds_under(&self, now: &[Option<Generation>]) -> bool {
        let (then, rest) = self.generations.as_chunks::<{ size_of::<Generation>() }>();
        rest.is_empty() && then.len() == now.len() && then.iter().zip(now).all(|(then, now)| Some(*then) == *now)
    }

    /// The value's JSON.
    pub(crate) fn json(&self) -> Option<Vec<u8>> {
        if !self.compressed {
            return Some(self.body.to_vec());
        }
        let (length, packed) = lz4_flex::block::uncompressed_size(self.body).ok()?;
        (length <= VALUE_BYTES_MAX).then(|| lz4_flex::block::decompress(packed, length).ok())?
    }

    /// The value, unless it is absent or of another shape; with the length of its JSON in bytes.
    pub(crate) fn value<V: DeserializeOwned>(&self) -> Option<(V, usize)> {
        if !self.compressed {
            return Some((serde_json::from_slice(self.body).ok()?, self.body.len()));
        }
        let json = self.json()?;
        Some((serde_json::from_slice(&json).ok()?, json.len()))
    }
}

/// A value as JSON; `None` when it can't be written as such or is longer than [`VALUE_BYTES_MAX`].
pub(crate) fn json(value: &impl Serialize) -> Option<Vec<u8>> {
    serde_json::to_vec(value).ok().filter(|json| json.len() <= VALUE_BYTES_MAX)
}

/// The bytes of an entry; `warmed` if it was loaded ahead of its readers.
pub(crate) fn encode(
    spec: &Spec,
    json: Option<&[u8]>,
    times: &Times,
    generations: &[Generation],
    warmed: bool,
) -> Vec<u8> {
    let packed = json.filter(|json| json.len() > spec.compress_over).map(lz4_flex::block::compress_prepend_size);
    // What does not become shorter is kept as it is.
    let packed = packed.filter(|packed| json.is_some_and(|json| packed.len() < json.len()));
    let flags = [(json.is_none(), ABSENT), (packed.is_some(), COMPRESSED), (warmed, WARMED)];
    let flags = flags.into_iter().filter(|(is, _)| *is).fold(0, |flags, (_, flag)| flags | flag);
    let body = packed.as_deref().or(json).unwrap_or_default();
    let count = u8::try_from(generations.len()).unwrap_or(u8::MAX);
    let length = GENERATIONS_AT + size_of_val(generations) + TIMES_BYTES + body.len();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&[LAYOUT, flags, count]);
    bytes.extend_from_slice(generations.as_flattened());
    bytes.extend_from_slice(&times.bytes());
    bytes.extend_from_slice(body);
    bytes
}
