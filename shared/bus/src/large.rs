//! Bodies that are too large for a message: kept in an object store under their digest, and referred to by their event.
//!
//! The pattern is the claim check; its header is the CloudEvents extension `dataref`. The body is durable before the event is
//! published, so an event never refers to nothing; a crash in between leaves a body that nobody refers to, for the sweep.
//! Refuses a body whose bytes are not those of its digest.

use std::{collections::HashSet, ops::Range, time::Duration};

use async_nats::jetstream::object_store::{GetErrorKind, ObjectMetadata, ObjectStore};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use contract::Timestamp;
use futures_util::TryStreamExt as _;
use tokio::{io::AsyncReadExt as _, time::timeout};

use crate::{Bus, BusError, Event, Letter, PublishError};

/// Longer bodies go to the object store, in bytes.
pub(crate) const INLINE_BYTES_MAX: usize = 512 * 1024;
/// Refers to the body: `bodies/` and the digest.
pub(crate) const REFERENCE: &str = "ce-dataref";
/// Its length in bytes.
pub(crate) const LENGTH: &str = "offhook-body-bytes";

const STORE: &str = "bodies";
/// One message of the store, in bytes: few, as each is synced.
const CHUNK_BYTES: usize = 1024 * 1024;
/// A body that is there is not stored again unless it is older than this. So an event may refer to a body that is so much older
/// than itself.
pub const BODY_REUSED_FOR: TimeDelta = TimeDelta::hours(12);
/// Storing one body, of 64 MiB at most; inside the 10 s that providers wait.
const STORE_MAX: Duration = Duration::from_secs(6);
/// Reading one back.
const READ_MAX: Duration = Duration::from_secs(10);

/// Where a large body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRef {
    /// SHA-256 of the bytes, in hex.
    pub digest: String,
    /// How many there are.
    pub bytes: u64,
}

/// Why the body of an event can't be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BodyError {
    /// The broker does not answer; later it may.
    #[error("the event's body can't be read now: {0}")]
    Unavailable(String),
    /// It is gone, or no longer what it was.
    #[error("the event's body is lost: {0}")]
    Lost(String),
}

impl Bus {
    /// The bytes of the event, wherever they are; at most what its source may send.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub async fn body(&self, event: &Event) -> Result<Bytes, BodyError> {
        let Some(stored) = &event.apart else { return Ok(event.body.clone()) };
        let read = timeout(READ_MAX, self.read_stored(stored)).await;
        read.unwrap_or_else(|_| Err(BodyError::Unavailable(format!("no answer within {} s", READ_MAX.as_secs()))))
    }

    async fn read_stored(&self, stored: &BodyRef) -> Result<Bytes, BodyError> {
        let unavailable = |error: &dyn std::fmt::Display| BodyError::Unavailable(error.to_string());
        let store = self.bodies().await.map_err(|error| unavailable(&error))?;
        let mut object = store.get(&stored.digest).await.map_err(|error| match error.kind() {
            GetErrorKind::NotFound => BodyError::Lost("not in the store".to_owned()),
            _ => unavailable(&error),
        })?;
        let mut bytes = Vec::with_capacity(object.info().size);
        object.read_to_end(&mut bytes).await.map_err(|error| unavailable(&error))?;
        if sha256(&bytes) == stored.digest {
            Ok(bytes.into())
        } else {
            Err(BodyError::Lost("other bytes than were stored".to_owned()))
        }
    }

    /// Makes a body durable under its digest.
    pub(crate) async fn store(&self, body: &Bytes) -> Result<BodyRef, PublishError> {
        let stored = BodyRef { digest: sha256(body), bytes: body.len() as u64 };
        let unavailable = |error: String| PublishError::Unavailable(format!("its body is not stored: {error}"));
        let storing = async {
            let store = self.bodies().await.map_err(|error| error.to_string())?;
            let known = store.info(&stored.digest).await.ok().filter(|known| !known.deleted);
            if known.and_then(|known| known.modified).is_some_and(|at| at > Utc::now() - BODY_REUSED_FOR) {
                return Ok(());
            }
            let (name, chunk_size) = (stored.digest.clone(), Some(CHUNK_BYTES));
            let object = ObjectMetadata { name, chunk_size, ..ObjectMetadata::default() };
            store.put(object, &mut body.as_ref()).await.map(|_| ()).map_err(|error| error.to_string())
        };
        match timeout(STORE_MAX, storing).await {
            Ok(done) => done.map_err(unavailable)?,
            Err(_) => return Err(unavailable(format!("no answer within {} s", STORE_MAX.as_secs()))),
        }
        Ok(stored)
    }

    /// The digests of all bodies that were stored within `times`, in no order.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn bodies_of(&self, times: Range<Timestamp>) -> Result<Vec<String>, BusError> {
        let store = self.bodies().await?;
        let all: Vec<_> = store.list().await.map_err(unavailable)?.try_collect().await.map_err(unavailable)?;
        let stored = all.into_iter().filter(|object| object.modified.is_some_and(|at| times.contains(&at)));
        Ok(stored.map(|object| object.name).collect())
    }

    /// The digests of all bodies that dead letters refer to.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn dead_bodies(&self) -> Result<HashSet<String>, BusError> {
        let reference = |letter: &Letter| {
            let (_, reference) = letter.headers.iter().find(|(name, _)| name == REFERENCE)?;
            BodyRef::read(reference, Some("0")).map(|body| body.digest)
        };
        let letters = self.letters(None, usize::MAX, |letter| reference(letter).is_some()).await?;
        Ok(letters.iter().filter_map(reference).collect())
    }

    /// Deletes a body unless it was stored again since `before`; one that is not there is no error.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn forget_body(&self, digest: &str, before: Timestamp) -> Result<(), BusError> {
        let store = self.bodies().await?;
        let old = store.info(digest).await.is_ok_and(|body| body.modified.is_some_and(|at| at < before));
        if old { store.delete(digest).await.map_err(unavailable) } else { Ok(()) }
    }

    async fn bodies(&self) -> Result<ObjectStore, BusError> {
        self.jetstream.get_object_store(STORE).await.map_err(unavailable)
    }
}

impl BodyRef {
    /// What the header says.
    pub(crate) fn reference(&self) -> String {
        format!("{STORE}/{}", self.digest)
    }

    /// Reads the headers back.
    pub(crate) fn read(reference: &str, length: Option<&str>) -> Option<Self> {
        let digest = reference.strip_prefix(STORE)?.strip_prefix('/')?;
        let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_digest.then_some(Self { digest: digest.to_owned(), bytes: length?.parse().ok()? })
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

fn unavailable(error: impl std::fmt::Display) -> BusError {
    BusError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_back_and_nothing_else_is_one() {
        let stored = BodyRef { digest: sha256(b"body"), bytes: 4 };
        assert_eq!(BodyRef::read(&stored.reference(), Some("4")), Some(stored.clone()));
        for (reference, length) in [("bodies/abc", Some("4")), ("other/", Some("4")), (&stored.reference(), None)] {
            assert_eq!(BodyRef::read(reference, length), None, "{reference}");
        }
    }
}
