//! Key-value buckets: small configuration that services watch instead of asking a database.

use async_nats::jetstream::kv::{Operation, Store};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};

use crate::{Bus, BusError};

/// A handle on one bucket.
#[derive(Clone)]
pub struct Bucket(Store);

/// What a watcher of a bucket is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The key has this value now.
    Put {
        /// The key.
        key: String,
        /// Its whole value.
        value: Bytes,
    },
    /// The key is gone.
    Deleted {
        /// The key.
        key: String,
    },
    /// Everything that was in the bucket when the watch began has been told.
    Current,
}

impl Bus {
    /// Opens a bucket that `offhook streams apply` has made.
    ///
    /// # Errors
    /// When the broker is away or has no such bucket.
    pub async fn bucket(&self, name: &str) -> Result<Bucket, BusError> {
        self.jetstream.get_key_value(name).await.map(Bucket).map_err(unavailable)
    }
}

impl Bucket {
    /// Sets a key.
    ///
    /// # Errors
    /// When the broker does not acknowledge it.
    pub async fn put(&self, key: &str, value: Bytes) -> Result<(), BusError> {
        self.0.put(key, value).await.map(|_| ()).map_err(unavailable)
    }

    /// Removes a key; one that is not there is no error.
    ///
    /// # Errors
    /// When the broker does not acknowledge it.
    pub async fn delete(&self, key: &str) -> Result<(), BusError> {
        self.0.delete(key).await.map_err(unavailable)
    }

    /// A key's value, if it has one.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, BusError> {
        self.0.get(key).await.map_err(unavailable)
    }

    /// All keys that have a value, in no order.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn keys(&self) -> Result<Vec<String>, BusError> {
        self.0.keys().await.map_err(unavailable)?.try_collect().await.map_err(unavailable)
    }

    /// Everything in the bucket, then [`Change::Current`], then each change. Outlives an outage of the broker; when the
    /// bucket is gone it errs. Open another watch then, and take its first part as the whole truth.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn watch(&self) -> Result<impl Stream<Item = Result<Change, BusError>> + Send + Unpin + use<>, BusError> {
        // Asked anew: `status` answers from what was known when the bucket was opened.
        let empty = self.0.stream.get_info().await.map_err(unavailable)?.state.messages == 0;
        let watch = self.0.watch_with_history(">").await.map_err(unavailable)?;
        let first = stream::iter(empty.then_some(Ok(Change::Current)));
        let mut told = empty;
        let changes = watch.flat_map(move |entry| {
            let (change, current) = match entry {
                Err(error) => (Err(unavailable(error)), false),
                Ok(entry) => {
                    let change = match entry.operation {
                        Operation::Put => Change::Put { key: entry.key, value: entry.value },
                        Operation::Delete | Operation::Purge => Change::Deleted { key: entry.key },
                    };
                    let current = entry.seen_current && !told;
                    told |= current;
                    (Ok(change), current)
                }
            };
            stream::iter([change].into_iter().chain(current.then_some(Ok(Change::Current))))
        });
        Ok(first.chain(changes).boxed())
    }
}

fn unavailable(error: impl std::fmt::Display) -> BusError {
    BusError::Unavailable(error.to_string())
}
