//! What a loader says, and what a reader gets.

use std::{any::Any, error::Error, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use serde::Serialize;
use tokio::time::timeout;

use crate::{entry, level::Level};

/// What a loader found at the origin.
#[derive(Debug)]
pub enum Loaded<V> {
    /// The value.
    Found(V),
    /// The origin is sure that there is none; that is remembered too.
    Absent,
    /// The origin did not answer, or not usefully. Never kept.
    Failed(Box<dyn Error + Send + Sync>),
}

impl<V, E: Into<Box<dyn Error + Send + Sync>>> From<Result<Option<V>, E>> for Loaded<V> {
    fn from(result: Result<Option<V>, E>) -> Self {
        match result {
            Ok(Some(value)) => Self::Found(value),
            Ok(None) => Self::Absent,
            Err(error) => Self::Failed(error.into()),
        }
    }
}

/// Why there is neither a value nor certainty that there is none. Whoever waited for the same load gets the same error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoadError {
    /// The loader said so.
    #[error("{0}")]
    Failed(Arc<dyn Error + Send + Sync>),
    /// It took longer than its kind allows.
    #[error("the load took longer than {} ms", .0.as_millis())]
    TooSlow(Duration),
    /// The process has too many loads of this kind under way for this org.
    #[error("too many loads at once")]
    Crowded,
    /// The loader panicked, or the process is ending.
    #[error("the load came to no end")]
    Abandoned,
}

/// What a reader gets.
#[derive(Debug)]
pub struct Read<V> {
    /// `None`: there is no such thing, and that is known.
    pub value: Option<Arc<V>>,
    /// Where it was found.
    pub from: Level,
    /// How long ago its load began.
    pub age: Duration,
    /// Past its fresh time: told because it has not been loaded anew yet.
    pub stale: bool,
}

/// A value of some kind, as its readers share it. `None`: known to be absent.
pub(crate) type Value = Option<Arc<dyn Any + Send + Sync>>;

/// A load that has not begun, whatever its kind; it ends by itself.
pub(crate) type Load = BoxFuture<'static, Result<Fresh, LoadError>>;

/// A value from the origin.
pub(crate) struct Fresh {
    pub(crate) value: Value,
    /// `None` when it is absent.
    pub(crate) json: Option<Vec<u8>>,
    /// Whether others may be given it: it can be written as JSON and is not too long.
    pub(crate) keepable: bool,
}

/// Forgets the loader's kind, limits its time and catches its panics.
pub(crate) fn erase<V, F>(load: F, limit: Duration) -> Load
where
    V: Serialize + Send + Sync + 'static,
    F: Future<Output = Loaded<V>> + Send + 'static,
{
    Box::pin(async move {
        match timeout(limit, AssertUnwindSafe(load).catch_unwind()).await {
            Ok(Ok(Loaded::Found(value))) => {
                let json = entry::json(&value);
                Ok(Fresh { keepable: json.is_some(), value: Some(Arc::new(value)), json })
            }
            Ok(Ok(Loaded::Absent)) => Ok(Fresh { value: None, json: None, keepable: true }),
            Ok(Ok(Loaded::Failed(error))) => Err(LoadError::Failed(error.into())),
            Ok(Err(_panic)) => Err(LoadError::Abandoned),
            Err(_) => Err(LoadError::TooSlow(limit)),
        }
    })
}
