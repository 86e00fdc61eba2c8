//! Follows the bucket: opens a watch, folds what it tells, opens the next one when it breaks.
//!
//! Refuses to give up, and to publish each of a thousand changes that arrive together.

use std::time::Duration;

use bus::{Bus, BusError, Change};
use futures_util::{Stream, StreamExt};
use tokio::{
    sync::watch::Sender,
    time::{Instant, sleep, timeout_at},
};

use crate::{draft::Draft, live::Known};

/// The bucket of the orgs: one key per org, its value the org as JSON.
pub const BUCKET: &str = "orgs";

/// Changes within this time become visible together: ten thousand of them are then a few directories, not ten thousand.
const GATHER: Duration = Duration::from_millis(100);
/// Waits between watches: first, doubled each time, at most.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MOST: Duration = Duration::from_secs(2);

/// Keeps `known` in step with the bucket for ever.
pub(crate) async fn follow(bus: &Bus, known: &Sender<Known>) {
    let mut draft = Draft::of(known.borrow().orgs.clone());
    let mut pause = RETRY_FIRST;
    loop {
        let broken = match watch(bus).await {
            Ok(changes) => listen(changes, &mut draft, known).await,
            Err(error) => Some(error),
        };
        let was_current = known.borrow().current;
        known.send_if_modified(|known| std::mem::take(&mut known.current));
        let reason = broken.map_or("it ended".to_owned(), |error| error.to_string());
        if was_current {
            pause = RETRY_FIRST;
            tracing::warn!("watch of the orgs broke, opening another: {reason}");
        } else if pause == RETRY_FIRST {
            tracing::warn!("the orgs can't be watched yet, trying on: {reason}");
        }
        sleep(pause).await;
        pause = RETRY_MOST.min(pause * 2);
    }
}

async fn watch(bus: &Bus) -> Result<impl Stream<Item = Result<Change, BusError>> + Unpin + use<>, BusError> {
    bus.bucket(BUCKET).await?.watch().await
}

/// Follows one watch to its end; its error, if it had one.
async fn listen(
    mut changes: impl Stream<Item = Result<Change, BusError>> + Unpin,
    draft: &mut Draft,
    known: &Sender<Known>,
) -> Option<BusError> {
    draft.begin();
    let mut due: Option<Instant> = None;
    loop {
        let told = match due {
            Some(due) => timeout_at(due, changes.next()).await,
            None => Ok(changes.next().await),
        };
        match told {
            Ok(Some(Ok(change))) => {
                let wait = if change == Change::Current { Duration::ZERO } else { GATHER };
                if draft.fold(change) {
                    due.get_or_insert(Instant::now() + wait);
                }
            }
            // What was folded and not shown yet comes again with the next watch.
            Ok(ended) => return ended.and_then(Result::err),
            Err(_gathered) => {}
        }
        if due.take_if(|due| *due <= Instant::now()).is_some() {
            known.send_replace(Known { orgs: Some(draft.orgs()), current: true });
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn put(id: &str) -> Result<Change, BusError> {
        Ok(Change::Put { key: id.into(), value: format!(r#"{{"id":"{id}","name":"{id}"}}"#).into() })
    }

    fn ids(known: &Known) -> Vec<String> {
        known.orgs.iter().flat_map(|orgs| orgs.keys()).map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn the_first_part_is_shown_whole_and_later_changes_together() {
        let (known, mut shown) = tokio::sync::watch::channel(Known::default());
        let mut draft = Draft::default();
        let changes =
            stream::iter([put("a"), put("b"), Ok(Change::Current), put("c"), put("d")]).chain(stream::pending());
        let follower = async { listen(changes, &mut draft, &known).await };
        let reader = async {
            let first = shown.wait_for(|known| known.current).await.map(|known| ids(&known)).unwrap();
            let then = shown.wait_for(|known| ids(known).len() > 2).await.map(|known| ids(&known)).unwrap();
            (first, then)
        };
        let (first, then) = tokio::select! { _ = follower => unreachable!("pending"), seen = reader => seen };
        assert!(first == ["a", "b"] || first == ["a", "b", "c", "d"], "{first:?}");
        assert_eq!(then, ["a", "b", "c", "d"]);
    }

    #[tokio::test]
    async fn a_broken_watch_ends_with_its_error_and_leaves_what_was_shown() {
        let (known, shown) = tokio::sync::watch::channel(Known::default());
        let mut draft = Draft::default();
        let lost = || Err(BusError::Unavailable("cut".into()));
        listen(stream::iter([put("a"), Ok(Change::Current), lost()]), &mut draft, &known).await.unwrap();
        assert_eq!(ids(&shown.borrow()), ["a"]);
        listen(stream::iter([put("b"), lost()]), &mut draft, &known).await.unwrap();
        assert_eq!(ids(&shown.borrow()), ["a"]);
        assert!(listen(stream::iter([put("b"), Ok(Change::Current)]), &mut draft, &known).await.is_none());
        assert_eq!(ids(&shown.borrow()), ["b"]);
    }
}
