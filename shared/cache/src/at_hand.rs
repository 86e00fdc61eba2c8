//! Several copies of this process at once, for whoever makes one thing of them and keeps it.
//!
//! What was made of them may be told as long as each of them would be, which has to be asked before every time. Loads nothing
//! and asks no other level: what is not at hand has to be read.

use std::{marker::PhantomData, sync::Arc};

use crate::{Cache, cache::Kept, kind::Kind, local::Held};

/// Copies of this process that were fresh when they were taken.
pub struct AtHand<K> {
    copies: Vec<Arc<Held>>,
    kept: Kept,
    kind: PhantomData<fn() -> K>,
}

impl Cache {
    /// This process's copies of all these things, in their order; `None` unless it has a fresh one of each. Counts as no read:
    /// that [`Cache::tells`] does.
    pub fn at_hand<K: Kind>(&self, things: impl IntoIterator<Item = K>) -> Option<AtHand<K>> {
        let kept = self.0.kept::<K>().into_owned();
        let copies = things.into_iter().map(|thing| self.0.local.held(&thing.key().bytes(&kept.spec)));
        let at_hand = AtHand { copies: copies.collect::<Option<_>>()?, kept, kind: PhantomData };
        (!self.0.off && self.would_tell(&at_hand)).then_some(at_hand)
    }

    /// Whether each of these copies would be told now. If so they are counted as read.
    pub fn tells<K>(&self, at_hand: &AtHand<K>) -> bool {
        let told = self.would_tell(at_hand);
        if told {
            at_hand.copies.iter().for_each(|held| at_hand.kept.reads.near(&held.copy));
        }
        told
    }

    /// The same, counted as no read.
    pub fn would_tell<K>(&self, at_hand: &AtHand<K>) -> bool {
        let (now, wall) = (self.0.clock.steady(), self.0.clock.wall());
        at_hand.copies.iter().all(|held| held.copy.times.fresh_until > wall && self.0.local.is_right(held, now))
    }
}

impl<K: Kind> AtHand<K> {
    /// Their values; `None` for what is known to be absent.
    pub fn values(&self) -> impl Iterator<Item = Option<&K::Value>> {
        self.copies.iter().map(|held| held.copy.value.as_ref().and_then(|value| value.downcast_ref()))
    }
}
