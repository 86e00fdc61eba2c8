//! When an appointment was ever said to begin: whoever was told of one of these days may have to be told anew.

use contract::Timestamp;
use serde::{Deserialize, Serialize};

use crate::merge::Stamp;

/// Starts that are kept of one appointment, the latest said ones.
const STARTS_MAX: usize = 8;

/// The starts that an appointment was said to have, each with the surest stamp it was said with, the surest last. In which order
/// they were heard does not matter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Starts(Vec<(Timestamp, Stamp)>);

impl Starts {
    pub(super) fn hear(&mut self, start: Option<Timestamp>, stamp: Stamp) {
        let Some(start) = start else { return };
        match self.0.iter_mut().find(|(known, _)| *known == start) {
            Some((_, surest)) => *surest = stamp.max(*surest),
            None => self.0.push((start, stamp)),
        }
        self.0.sort_unstable_by_key(|(start, stamp)| (*stamp, *start));
        let too_many = self.0.len().saturating_sub(STARTS_MAX);
        self.0.drain(..too_many);
    }

    /// The surest one that is not the present one.
    pub(super) fn before(&self, present: Option<Timestamp>) -> Option<Timestamp> {
        self.0.iter().rev().map(|(start, _)| *start).find(|start| present.is_some_and(|present| *start != present))
    }

    /// All of them, the surest last.
    pub(super) fn all(&self) -> impl Iterator<Item = Timestamp> {
        self.0.iter().map(|(start, _)| *start)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn start(day: i64) -> Timestamp {
        DateTime::from_timestamp(1_795_000_000 + day * 86_400, 0).expect("a moment")
    }

    fn heard<'a>(said: impl IntoIterator<Item = &'a (i64, u8, i64)>) -> Starts {
        let mut starts = Starts::default();
        for (day, rank, ms) in said {
            starts.hear(Some(start(*day)), Stamp(*rank, *ms, Uuid::from_u128(*day as u128)));
        }
        starts
    }

    proptest! {
        #[test]
        fn any_order_and_any_repetition_leave_the_same(
            (said, shuffled) in proptest::collection::vec((0..12i64, 0..2u8, 0..20i64), 0..30)
                .prop_flat_map(|said| (Just(said.clone()), Just(said).prop_shuffle())),
        ) {
            let expected = heard(&said);
            prop_assert_eq!(heard(shuffled.iter().chain(&said)), expected.clone());
            prop_assert!(expected.0.len() <= STARTS_MAX);
        }
    }

    #[test]
    fn the_one_before_is_the_surest_that_is_another() {
        let starts = heard(&[(1, 1, 0), (2, 1, 5), (3, 0, 9), (2, 1, 7), (4, 1, 6)]);
        assert_eq!(starts.all().collect::<Vec<_>>(), [start(3), start(1), start(4), start(2)]);
        assert_eq!(starts.before(Some(start(2))), Some(start(4)));
        assert_eq!(starts.before(Some(start(4))), Some(start(2)));
        assert_eq!((starts.before(None), heard(&[(1, 1, 0)]).before(Some(start(1)))), (None, None));
    }
}
