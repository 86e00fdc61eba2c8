//! The rest of a body that was refused before all of it was read: read and thrown away beside the answer.
//!
//! A connection that is closed on unread bytes is reset, and its sender, still writing, may never see the answer (RFC 9112,
//! section 9.6). Refuses to read on for long, for much, or for many at once: then a reset it is.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody as _},
    http::{
        HeaderMap,
        header::{CONTENT_LENGTH, EXPECT},
    },
};
use http_body_util::BodyExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::door::SOUND_BYTES_MAX;

/// Bodies that are thrown away at a time. Nothing of them is kept in memory.
const AT_ONCE_MAX: usize = 256;
/// Bytes of one body: whatever is a little too large is read to its end.
const BYTES_MAX: usize = SOUND_BYTES_MAX + SOUND_BYTES_MAX / 4;
/// From the answer to the end of the body; less than shutdown waits for requests.
const TIME_MAX: Duration = Duration::from_secs(8);

/// Who is still being listened to.
pub(crate) struct Leftovers {
    places: Arc<Semaphore>,
}

impl Leftovers {
    pub(crate) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE_MAX)) }
    }

    /// Reads the rest of `body` in the background, so that the answer can go out now.
    pub(crate) fn discard(&self, headers: &HeaderMap, body: Body) {
        // Who waits to be asked for the body has sent nothing of it, and sees the answer instead.
        let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let is_waiting = headers.contains_key(EXPECT) && announced.is_some() && body.size_hint().exact() == announced;
        if body.is_end_stream() || is_waiting {
            return;
        }
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            tokio::spawn(read(body, place));
        }
    }
}

async fn read(mut body: Body, _place: OwnedSemaphorePermit) {
    let all = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, |data| data.len());
            if bytes > BYTES_MAX {
                return;
            }
        }
    };
    timeout(TIME_MAX, all).await.ok();
}
