//! What is made of several copies: told as long as each of them would be, and counted as reads of each.

use std::time::Duration;

use cache::{Cache, Clock};

use crate::{
    counters::Counters,
    origin::{Answer, Origin},
    things::{Thing, bump, caches_by, lone_cache, servers, value},
};

const READS: &str = "offhook_cache_reads_total";

fn things() -> [Thing; 3] {
    ["a", "b", "c"].map(Thing::new)
}

/// Has all three in the process; `c` is known to be absent.
async fn fill(cache: &Cache) {
    for (thing, answer) in things().iter().zip([Answer::Found(1), Answer::Found(2), Answer::Absent]) {
        value(cache, thing, &Origin::new(answer)).await;
    }
}

#[tokio::test]
async fn they_are_at_hand_in_their_order_if_each_is_there() {
    let cache = lone_cache();
    assert!(cache.at_hand(things()).is_none());
    fill(&cache).await;
    let at_hand = cache.at_hand(things()).expect("each is there");
    assert_eq!(at_hand.values().collect::<Vec<_>>(), [Some(&1), Some(&2), None]);
    assert!(cache.at_hand([Thing::new("a"), Thing::new("d")]).is_none());
    assert!(cache.at_hand([Thing::new("a"), Thing::of("other", "a")]).is_none());
}

#[tokio::test]
async fn each_invalidation_that_is_heard_of_ends_them() {
    let (world, clock) = (servers().await, Clock::default());
    let [one, other] = caches_by(&world, &clock).await;
    for bumped in things() {
        // Copies of this round.
        clock.advance(Duration::from_secs(1));
        fill(&one).await;
        let at_hand = one.at_hand(things()).expect("each is there");
        bump(&other, &[], &Thing::new("z").tags()).await;
        assert!(one.tells(&at_hand));
        bump(&other, &[&one], &bumped.tags()).await;
        assert!(!one.tells(&at_hand));
        assert!(one.at_hand(things()).is_none());
        fill(&one).await;
        assert!(!one.tells(&at_hand), "what was at hand before stays ended");
        assert!(one.at_hand(things()).is_some());
    }
    world.abandon();
}

#[tokio::test]
async fn they_end_with_the_first_whose_second_is_over() {
    let (world, clock) = (servers().await, Clock::default());
    let [cache] = caches_by(&world, &clock).await;
    value(&cache, &Thing::new("b"), &Origin::of(2)).await;
    clock.advance(Duration::from_millis(100));
    fill(&cache).await;
    let at_hand = cache.at_hand(things()).expect("each is there");
    assert!(cache.tells(&at_hand));
    clock.advance(Duration::from_millis(900));
    assert!(!cache.tells(&at_hand));
    assert!(cache.at_hand(things()).is_none());
    world.abandon();
}

#[tokio::test]
async fn they_end_with_the_first_that_is_no_longer_fresh() {
    let (world, clock) = (servers().await, Clock::default());
    let [one, other] = caches_by(&world, &clock).await;
    fill(&one).await;
    // The absent one is remembered for 30 s, the others are fresh for 60.
    clock.advance(Duration::from_millis(29_100));
    fill(&other).await;
    let at_hand = other.at_hand(things()).expect("each is there");
    assert!(other.tells(&at_hand));
    // Less than the second for which a copy is kept.
    clock.advance(Duration::from_millis(910));
    assert!(!other.tells(&at_hand));
    assert!(other.at_hand(things()).is_none());
    world.abandon();
}

#[tokio::test]
async fn they_count_as_read_when_they_are_told() {
    let (counters, cache) = (Counters::start(), lone_cache());
    fill(&cache).await;
    let before = counters.results(READS);
    let at_hand = cache.at_hand(things()).expect("each is there");
    assert_eq!(counters.results(READS), before);
    assert!(cache.tells(&at_hand));
    assert!(cache.tells(&at_hand));
    let counted = |result: &str| {
        let of = |counts: &std::collections::BTreeMap<String, u64>| counts.get(result).copied().unwrap_or_default();
        of(&counters.results(READS)) - of(&before)
    };
    assert_eq!((counted("fresh-l1"), counted("negative")), (4, 2));
}
