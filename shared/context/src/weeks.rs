//! Weeks of free slots as this process has put them together: callers of one branch are told the same days.
//!
//! One is told as long as the cache would tell each of its days out of this process. Refuses to keep more than it has room for.

use std::{collections::HashMap, sync::Arc};

use cache::{AtHand, Cache};
use chrono::{DateTime, FixedOffset};
use contract::OrgId;
use parking_lot::RwLock;

use crate::slots::{DayOf, Slots};

/// Weeks that are kept at once.
const WEEKS_MAX: usize = 512;

/// The weeks of one process.
#[derive(Default)]
pub(crate) struct Weeks(RwLock<HashMap<(OrgId, Slots), Made>>);

/// A week, and what it was made of.
struct Made {
    slots: Arc<[DateTime<FixedOffset>]>,
    days: AtHand<DayOf>,
}

impl Weeks {
    /// When the free slots of these days begin, in order, if each day is at hand in this process.
    pub(crate) fn at_hand(&self, cache: &Cache, org: &OrgId, asked: &Slots) -> Option<Arc<[DateTime<FixedOffset>]>> {
        let name = (org.clone(), asked.clone());
        if let Some(made) = self.0.read().get(&name).filter(|made| cache.tells(&made.days)) {
            return Some(Arc::clone(&made.slots));
        }
        let days = cache.at_hand(asked.days(org)).filter(|days| cache.tells(days))?;
        let slots = in_order(days.values().flatten().flatten().copied());
        let mut weeks = self.0.write();
        if weeks.len() >= WEEKS_MAX {
            // The cache may still hold their days: making them anew is cheap.
            weeks.clear();
        }
        weeks.insert(name, Made { slots: Arc::clone(&slots), days });
        Some(slots)
    }
}

pub(crate) fn in_order(slots: impl Iterator<Item = DateTime<FixedOffset>>) -> Arc<[DateTime<FixedOffset>]> {
    let mut slots: Vec<_> = slots.collect();
    slots.sort_unstable();
    slots.into()
}
