//! What contacts are called: whose word counts, and that no order, repetition or batching matters.

use std::collections::BTreeSet;

use proptest::{prelude::*, sample::subsequence};
use uuid::Uuid;

use super::*;

fn stamp(rank: u8, ms: i64) -> Stamp {
    Stamp(rank, ms, Uuid::nil())
}

fn named(name: &str) -> Person {
    Person { name: Some(name.to_owned()), email: None }
}

/// What a contact is called after all of this; the number is the time.
fn called(said: &[(u8, i64, &str)]) -> String {
    let mut names = Names::default();
    said.iter().for_each(|(rank, ms, name)| names.fold(stamp(*rank, *ms), &named(name)));
    names.person().name.expect("a name")
}

/// What is in the row after folding in one batch per slice.
fn row<'a>(batches: impl IntoIterator<Item = &'a [(Stamp, Person)]>) -> Names {
    batches.into_iter().fold(Names::default(), |mut names, batch| {
        batch.iter().for_each(|(stamp, person)| names.fold(*stamp, person));
        serde_json::from_str(&serde_json::to_string(&names).expect("JSON")).expect("JSON")
    })
}

/// The rule once more, over the whole set, for one column and as long as no more values are said than are remembered.
fn rule(said: &[(Stamp, Person)], column: fn(&Person) -> Option<&String>) -> Option<&String> {
    let all = || said.iter().filter_map(|(stamp, person)| Some((*stamp, column(person)?)));
    let typed = all().filter(|(stamp, _)| stamp.0 == TYPED_IN).max();
    let told = all().filter(|(stamp, _)| stamp.0 != TYPED_IN).max();
    let (Some(typed), Some(told)) = (typed, told) else { return Some(typed.or(told)?.1) };
    let is_it = |value: &&String| value.to_lowercase() == typed.1.to_lowercase();
    let same = || all().filter(|(_, value)| is_it(value));
    let (known, heard): (Vec<_>, Vec<_>) = same().map(|(stamp, _)| stamp).partition(|stamp| stamp.0 == TYPED_IN);
    let since = known.iter().map(Stamp::moment).min().expect("the latest at least");
    let echoes = heard.iter().any(|stamp| stamp.moment() < since);
    // The first time of each other value of the CRM's.
    let others =
        all().filter(|(stamp, value)| stamp.0 == TYPED_IN && !is_it(value)).map(|(_, value)| value.to_lowercase());
    let came_back = others.collect::<BTreeSet<_>>().iter().any(|other| {
        let times = all().filter(|(stamp, value)| stamp.0 == TYPED_IN && value.to_lowercase() == *other);
        times.map(|(stamp, _)| stamp.moment()).min().is_some_and(|first| first > since)
    });
    let overtakes = told.0.0 == TOLD && told.0.moment() > since && !is_it(&told.1);
    Some(if echoes && !came_back && overtakes { told.1 } else { typed.1 })
}

/// So many events; each says one of so many values, or nothing, in either spelling.
fn events(most: usize, values: u16) -> impl Strategy<Value = Vec<(Stamp, Person)>> {
    let value = move || {
        let spelt =
            (0..values, any::<bool>()).prop_map(|(nth, loud)| format!("{} {nth}", if loud { "ANA" } else { "Ana" }));
        proptest::option::of(spelt)
    };
    let person = (value(), value()).prop_map(|(name, email)| Person { name, email });
    proptest::collection::vec((SHOWN..=TYPED_IN, 0..9i64, person), 1..most).prop_map(|events| {
        let stamped = events.into_iter().enumerate();
        stamped.map(|(nth, (rank, ms, person))| (Stamp(rank, ms, Uuid::from_u128(nth as u128)), person)).collect()
    })
}

proptest! {
    #[test]
    fn any_order_any_repetition_and_any_batching_give_the_same_names(
        (events, shuffled, again) in prop_oneof![events(10, 3), events(150, 60)].prop_flat_map(|events| {
            let again = subsequence(events.clone(), 0..=events.len());
            (Just(events.clone()), Just(events).prop_shuffle(), again)
        }),
        cut in 1..9usize,
    ) {
        let expected = row([events.as_slice()]);
        let repeated: Vec<_> = shuffled.into_iter().chain(again).collect();
        prop_assert_eq!(row(repeated.chunks(cut)), expected.clone());
        prop_assert!(expected.name.heard.len() <= VALUES_MAX && expected.name.known.len() <= VALUES_MAX);
    }

    #[test]
    fn they_are_what_the_rule_says(events in events(12, 3)) {
        let person = row([events.as_slice()]).person();
        prop_assert_eq!(person.name.as_ref(), rule(&events, |person| person.name.as_ref()));
        prop_assert_eq!(person.email.as_ref(), rule(&events, |person| person.email.as_ref()));
    }
}

#[test]
fn what_the_crm_tells_back_does_not_keep_a_later_caller_from_being_heard() {
    assert_eq!(called(&[(TOLD, 1, "Jon"), (TYPED_IN, 2, "Jon")]), "Jon");
    assert_eq!(called(&[(TOLD, 1, "Jon"), (TYPED_IN, 2, " JON "), (TOLD, 3, "John")]), "John");
    assert_eq!(called(&[(TOLD, 1, "Jon"), (TOLD, 3, "John"), (TYPED_IN, 4, "John")]), "John");
}

#[test]
fn what_the_crm_repeats_is_no_news() {
    let again = [(TOLD, 1, "Jon"), (TYPED_IN, 2, "Jon"), (TOLD, 3, "John"), (TYPED_IN, 4, "Jon")];
    assert_eq!(called(&again), "John");
    assert_eq!(called(&[&again[..], &[(TYPED_IN, 5, "Jonathan")]].concat()), "Jonathan");
}

#[test]
fn what_the_crm_knew_before_anybody_said_so_stays_its_own() {
    let agreed = [(TYPED_IN, 1, "Jane"), (TOLD, 2, "jane"), (TOLD, 3, "Jean")];
    assert_eq!(called(&agreed), "Jane");
}

#[test]
fn what_the_crm_s_user_typed_in_outranks_whatever_is_heard() {
    let jonathan = [(TOLD, 1, "Jon"), (TYPED_IN, 2, "Jon"), (TYPED_IN, 3, "Jonathan")];
    assert_eq!(called(&jonathan), "Jonathan");
    assert_eq!(called(&[&jonathan[..], &[(TOLD, 4, "John"), (SHOWN, 5, "jj")]].concat()), "Jonathan");
}

#[test]
fn what_the_crm_s_user_comes_back_to_is_their_own_word() {
    let there_and_back =
        [(TOLD, 1, "Jon"), (TYPED_IN, 2, "Jon"), (TOLD, 3, "Bob"), (TYPED_IN, 4, "Jonathan"), (TYPED_IN, 5, "Jon")];
    assert_eq!(called(&there_and_back[..3]), "Bob");
    assert_eq!(called(&there_and_back), "Jon");
}

#[test]
fn what_is_shown_beside_messages_overtakes_no_crm_and_no_spelling_does() {
    assert_eq!(called(&[(SHOWN, 1, "ana"), (TYPED_IN, 2, "Ana"), (SHOWN, 3, "Boss unicorn")]), "Ana");
    assert_eq!(called(&[(TOLD, 1, "jon  smith"), (TYPED_IN, 2, "Jon Smith"), (TOLD, 3, "JON SMITH")]), "Jon Smith");
    assert_eq!(called(&[(TOLD, 1, "jon  smith"), (TYPED_IN, 2, "Jon Smith"), (TOLD, 3, "John")]), "John");
}

#[test]
fn what_was_told_outranks_what_is_shown_and_columns_are_apart() {
    assert_eq!(called(&[(SHOWN, 9, "jj"), (TOLD, 1, "Jon")]), "Jon");
    let mut names = Names::default();
    names.fold(stamp(TYPED_IN, 1), &Person { name: Some("Jane".into()), email: None });
    names.fold(stamp(TOLD, 2), &Person { name: Some("Jean".into()), email: Some("jane@example.com".into()) });
    let person = Person { name: Some("Jane".into()), email: Some("jane@example.com".into()) };
    assert_eq!(names.person(), person);
}
