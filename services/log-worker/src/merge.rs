//! Merges what several events say of one thing, a call or an appointment, in any order, into one row.
//!
//! Column by column the value with the greatest stamp stays; what an event does not say overwrites nothing. Only stamps
//! are read back, so a long transcript is not fetched to be kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// How much a value counts: rank of its event's type, then when it happened (ms), then the event key to break a tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Stamp(pub(crate) u8, pub(crate) i64, pub(crate) Uuid);

impl Stamp {
    /// When it happened, whatever its rank: in ms, then the event key.
    pub(crate) const fn moment(&self) -> (i64, Uuid) {
        (self.1, self.2)
    }
}

/// Which event each column's value came from. Stored as a list of (stamp, columns): most columns come from the same event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "Vec<(Stamp, Vec<String>)>", from = "Vec<(Stamp, Vec<String>)>")]
pub(crate) struct Provenance(BTreeMap<String, Stamp>);

impl From<Vec<(Stamp, Vec<String>)>> for Provenance {
    fn from(stamps: Vec<(Stamp, Vec<String>)>) -> Self {
        Self(
            stamps
                .into_iter()
                .flat_map(|(stamp, columns)| columns.into_iter().map(move |column| (column, stamp)))
                .collect(),
        )
    }
}

impl From<Provenance> for Vec<(Stamp, Vec<String>)> {
    fn from(provenance: Provenance) -> Self {
        let mut stamps: BTreeMap<Stamp, Vec<String>> = BTreeMap::new();
        for (column, stamp) in provenance.0 {
            stamps.entry(stamp).or_default().push(column);
        }
        stamps.into_iter().collect()
    }
}

/// A row while events are folded into it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Merge {
    /// Kept in the row.
    pub(crate) provenance: Provenance,
    /// The columns that change, by name.
    pub(crate) changed: Map<String, Value>,
}

impl Merge {
    /// Folds one event's facts in; their fields are columns.
    pub(crate) fn fold(&mut self, stamp: Stamp, facts: &impl Serialize) {
        let Ok(Value::Object(said)) = serde_json::to_value(facts) else { return };
        for (column, value) in said {
            let wins = self.provenance.0.get(&column).is_none_or(|known| stamp > *known);
            if !value.is_null() && wins {
                self.provenance.0.insert(column.clone(), stamp);
                self.changed.insert(column, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::{CallFacts, CallStatus};
    use proptest::{prelude::*, sample::subsequence};

    fn facts() -> impl Strategy<Value = CallFacts> {
        let status = proptest::option::of(prop_oneof![Just(CallStatus::Active), Just(CallStatus::Ended)]);
        (status, proptest::option::of("[ab]"), proptest::option::of(0..3i64), proptest::option::of(any::<bool>()))
            .prop_map(|(status, transcript, duration_ms, successful)| CallFacts {
                status,
                transcript,
                duration_ms,
                successful,
                ..CallFacts::default()
            })
    }

    fn events() -> impl Strategy<Value = Vec<(Stamp, CallFacts)>> {
        proptest::collection::vec((1..6u8, 0..3i64, facts()), 1..8).prop_map(|events| {
            let stamped = events.into_iter().enumerate();
            stamped.map(|(nth, (rank, ms, facts))| (Stamp(rank, ms, Uuid::from_u128(nth as u128)), facts)).collect()
        })
    }

    /// The row after folding in one batch per slice, the row's stamps being all that is carried over.
    fn row<'a>(batches: impl IntoIterator<Item = &'a [(Stamp, CallFacts)]>) -> (Provenance, Map<String, Value>) {
        let (mut provenance, mut columns) = (Provenance::default(), Map::new());
        for batch in batches {
            let mut merge = Merge { provenance, changed: Map::new() };
            batch.iter().for_each(|(stamp, facts)| merge.fold(*stamp, facts));
            columns.extend(merge.changed);
            let stored = serde_json::to_string(&merge.provenance).expect("JSON");
            provenance = serde_json::from_str(&stored).expect("JSON");
        }
        (provenance, columns)
    }

    proptest! {
        #[test]
        fn any_order_any_repetition_and_any_batching_give_the_same_row(
            (events, shuffled, again) in events().prop_flat_map(|events| {
                let again = subsequence(events.clone(), 0..=events.len());
                (Just(events.clone()), Just(events).prop_shuffle(), again)
            }),
            cut in 1..4usize,
        ) {
            let expected = row([events.as_slice()]);
            let repeated: Vec<_> = shuffled.into_iter().chain(again).collect();
            prop_assert_eq!(row(repeated.chunks(cut)), expected);
        }
    }

    #[test]
    fn a_later_event_that_is_silent_overwrites_nothing() {
        let key = Uuid::nil();
        let mut merge = Merge::default();
        merge.fold(Stamp(4, 1, key), &CallFacts { transcript: Some("x".to_owned()), ..CallFacts::default() });
        merge.fold(Stamp(5, 2, key), &CallFacts::default());
        merge.fold(Stamp(1, 9, key), &CallFacts { transcript: Some("old".to_owned()), ..CallFacts::default() });
        assert_eq!(merge.changed["transcript"], "x");
    }
}
