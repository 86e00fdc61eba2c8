//! What other caches got wrong in what they remember: errors, absence, old values that may still be told, odd values.

use std::time::{Duration, Instant};

use cache::{Clock, Level, LoadError, Parts};
use testkit::until;

use crate::{
    counters::Counters,
    kinds::{ForgetfulThing, Hasty, LaterThing, Maybe, Text},
    origin::{Answer, Origin},
    things::{Thing, bump, caches, caches_by, connected, parts, read, refused, servers, settings, start, value},
};

const FRESH: Duration = Duration::from_secs(60);
const STALE: Duration = Duration::from_secs(600);
const LEASES: &str = "return #redis.call('KEYS', '*:l:*')";
const VALUES: &str = "return #redis.call('KEYS', '*:v:*')";
/// The length of the only value in Redis.
const STORED: &str = "return redis.call('STRLEN', redis.call('KEYS', '*:v:*')[1])";

#[tokio::test]
async fn an_error_is_never_remembered() {
    let world = servers().await;
    let [one, other] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::new(Answer::Fails));
    for asked in 1..=3 {
        assert!(matches!(refused(&one, &thing, &origin).await, LoadError::Failed(_)));
        assert_eq!(origin.asked(), asked);
        assert_eq!((world.redis_number(VALUES).await, world.redis_number(LEASES).await), (0, 0));
    }
    origin.change(Answer::Found(7));
    assert_eq!(read(&one, &thing, &origin).await, (Some(7), Level::Origin));
    assert_eq!(read(&other, &thing, &origin).await, (Some(7), Level::Redis));
    world.abandon();
}

#[tokio::test]
async fn absence_is_remembered_until_an_invalidation() {
    let world = servers().await;
    let [one, other] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::new(Answer::Absent));
    assert_eq!(read(&one, &thing, &origin).await, (None, Level::Origin));
    assert_eq!(read(&one, &thing, &origin).await, (None, Level::Process));
    assert_eq!(read(&other, &thing, &origin).await, (None, Level::Redis));
    assert_eq!(origin.asked(), 1);
    origin.change(Answer::Found(7));
    bump(&one, &[&other], &thing.tags()).await;
    assert_eq!(read(&other, &thing, &origin).await, (Some(7), Level::Origin));
    assert_eq!(read(&one, &thing, &origin).await, (Some(7), Level::Redis));
    world.abandon();
}

#[tokio::test]
async fn absence_lives_as_long_as_its_kind_says_and_is_never_told_stale() {
    let (world, clock) = (servers().await, Clock::default());
    let [one] = caches_by(&world, &clock).await;
    let (thing, origin) = (Thing::new("a"), Origin::new(Answer::Absent));
    assert_eq!(value(&one, &thing, &origin).await, None);
    origin.change(Answer::Found(7));
    clock.advance(Duration::from_secs(20));
    assert_eq!(value(&one, &thing, &origin).await, None);
    clock.advance(Duration::from_secs(10));
    assert_eq!(read(&one, &thing, &origin).await, (Some(7), Level::Origin));
    world.abandon();
}

#[tokio::test]
async fn nothing_in_a_thing_is_not_the_absence_of_the_thing() {
    let world = servers().await;
    let [one, other] = caches(&world).await;
    let (empty, absent) = (Maybe(Thing::new("empty")), Maybe(Thing::new("absent")));
    let (nothing, nobody) = (Origin::of(None), Origin::new(Answer::Absent));
    for cache in [&one, &other] {
        assert_eq!(value(cache, &empty, &nothing).await, Some(None));
        assert_eq!(value(cache, &absent, &nobody).await, None);
    }
    assert_eq!((nothing.asked(), nobody.asked()), (1, 1));
    world.abandon();
}

#[tokio::test]
async fn an_old_value_is_told_at_once_while_one_process_asks_anew() {
    let (world, clock) = (servers().await, Clock::default());
    let [one, other] = caches_by(&world, &clock).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    assert_eq!(value(&one, &thing, &origin).await, Some(1));
    clock.advance(FRESH);
    origin.change(Answer::Found(2));
    origin.close();
    for _ in 0..10 {
        for cache in [&one, &other] {
            let read = cache.get(&thing, || origin.load()).await.unwrap();
            assert_eq!((read.value.as_deref(), read.stale), (Some(&1), true));
            assert!(read.age >= FRESH);
        }
    }
    until("the refresh has begun", async || (origin.asked() >= 2).then_some(())).await;
    origin.open();
    for cache in [&one, &other] {
        until("the new value is told", async || (value(cache, &thing, &origin).await == Some(2)).then_some(())).await;
    }
    assert_eq!(origin.asked(), 2);
    world.abandon();
}

#[tokio::test]
async fn an_old_value_is_told_instead_of_an_error_until_its_time_is_up() {
    let (world, clock) = (servers().await, Clock::default());
    let [one, other] = caches_by(&world, &clock).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    assert_eq!(value(&one, &thing, &origin).await, Some(1));
    origin.change(Answer::Fails);
    clock.advance(STALE - Duration::from_secs(10));
    for cache in [&one, &other] {
        assert_eq!(read(cache, &thing, &origin).await, (Some(1), Level::Redis));
    }
    clock.advance(Duration::from_secs(10));
    for cache in [&one, &other] {
        assert!(matches!(refused(cache, &thing, &origin).await, LoadError::Failed(_)));
    }
    world.abandon();
}

#[tokio::test]
async fn a_refresh_that_failed_is_not_repeated_by_every_read() {
    let (world, clock) = (servers().await, Clock::default());
    let [one] = caches_by(&world, &clock).await;
    let (thing, origin) = (Thing::new("a"), Origin::of(1));
    assert_eq!(value(&one, &thing, &origin).await, Some(1));
    origin.change(Answer::Fails);
    clock.advance(FRESH);
    let (begun, mut reads) = (Instant::now(), 0);
    until("fifty reads, with time between them", async || {
        assert_eq!(value(&one, &thing, &origin).await, Some(1));
        reads += 1;
        (reads == 50).then_some(())
    })
    .await;
    let refreshes = origin.asked() - 1;
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!((1..=1 + seconds).contains(&refreshes), "{refreshes} refreshes in {seconds} s: one a second at most");
    world.abandon();
}

#[tokio::test]
async fn no_more_than_a_few_refreshes_run_at_once() {
    let (world, clock, counters) = (servers().await, Clock::default(), Counters::start());
    let [one] = caches_by(&world, &clock).await;
    let (things, origin) = ((0..40).map(|nth| Thing::new(&nth.to_string())).collect::<Vec<_>>(), Origin::of(1));
    for thing in &things {
        assert_eq!(value(&one, thing, &origin).await, Some(1));
    }
    clock.advance(FRESH);
    origin.close();
    for thing in &things {
        assert_eq!(value(&one, thing, &origin).await, Some(1));
    }
    let skipped = || counters.sum("offhook_cache_refreshes_skipped_total") as usize;
    until("each refresh has begun or is left", async || (origin.asked() + skipped() == 80).then_some(())).await;
    assert_eq!(skipped(), 24, "of one kind and one org");
    origin.open();
    world.abandon();
}

#[tokio::test]
async fn a_value_of_another_shape_is_never_read() {
    let world = servers().await;
    // Neither program knows the other's kind.
    let [now, later] = [(); 2].map(|()| {
        let parts = Parts { kinds: Vec::new(), ..parts(&world, Clock::default()) };
        start(&settings(&world), parts)
    });
    connected(&now).await;
    connected(&later).await;
    let thing = Thing::new("a");
    let (origin, later_origin) = (Origin::of(1), Origin::of(100));
    assert_eq!(value(&now, &thing, &origin).await, Some(1));
    assert_eq!(value(&later, &LaterThing(thing.clone()), &later_origin).await, Some(100));
    // In one process too, as while a program is replaced.
    assert_eq!(value(&later, &thing, &origin).await, Some(1));
    assert_eq!(value(&now, &LaterThing(thing), &later_origin).await, Some(100));
    assert_eq!((origin.asked(), later_origin.asked()), (1, 1));
    world.abandon();
}

#[tokio::test]
async fn a_value_that_can_not_be_read_is_asked_for_again_and_replaced() {
    let world = servers().await;
    let [before, after, third] = caches(&world).await;
    let (thing, number, text) = (Thing::new("a"), Origin::of(1), Origin::of("one".to_owned()));
    assert_eq!(value(&before, &thing, &number).await, Some(1));
    let forgetful = ForgetfulThing(thing);
    assert_eq!(read(&after, &forgetful, &text).await, (Some("one".to_owned()), Level::Origin));
    assert_eq!(read(&third, &forgetful, &text).await, (Some("one".to_owned()), Level::Redis));
    world.abandon();
}

/// A text that no compression makes shorter.
fn noise(length: usize) -> String {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.alphanumeric()).take(length).collect()
}

#[tokio::test]
async fn long_values_are_compressed_if_that_makes_them_shorter_and_come_back_as_they_were() {
    let world = servers().await;
    let [one, other] = caches(&world).await;
    let cases = [500, 2_000, 20_000]
        .into_iter()
        .flat_map(|length| [("repeated ".repeat(length / 9), length > 1_024), (noise(length), false)]);
    for (text, shorter) in cases {
        world.redis_command(&["FLUSHALL"]).await;
        let kind = Text(Thing::new(&format!("{} {shorter}", text.len())));
        let origin = Origin::of(text.clone());
        assert_eq!(value(&one, &kind, &origin).await.as_ref(), Some(&text));
        assert_eq!(read(&other, &kind, &origin).await, (Some(text.clone()), Level::Redis));
        let stored = usize::try_from(world.redis_number(STORED).await).unwrap();
        assert_eq!(stored < text.len() / 2, shorter, "{stored} bytes for {}", text.len());
        assert!(stored < text.len() + 100, "{stored} bytes for {}", text.len());
    }
    world.abandon();
}

#[tokio::test]
async fn a_value_of_more_than_four_mebibytes_is_told_but_not_kept() {
    let world = servers().await;
    let [one, other] = caches(&world).await;
    let text = "x".repeat(4 * 1024 * 1024);
    let (kind, origin) = (Text(Thing::new("a")), Origin::of(text.clone()));
    for asked in 1..=2 {
        for (cache, asked) in [(&one, 2 * asked - 1), (&other, 2 * asked)] {
            let (told, from) = read(cache, &kind, &origin).await;
            assert!(told.as_ref() == Some(&text) && from == Level::Origin);
            assert_eq!(origin.asked(), asked);
        }
    }
    assert_eq!((world.redis_number(VALUES).await, world.redis_number(LEASES).await), (0, 0));
    world.abandon();
}

#[tokio::test]
async fn a_loader_that_panics_is_an_error_and_blocks_nobody() {
    let world = servers().await;
    let [one, other] = caches(&world).await;
    let (thing, origin) = (Thing::new("a"), Origin::new(Answer::Panics));
    assert!(matches!(refused(&one, &thing, &origin).await, LoadError::Abandoned));
    assert_eq!((world.redis_number(VALUES).await, world.redis_number(LEASES).await), (0, 0));
    origin.change(Answer::Found(7));
    assert_eq!(read(&one, &thing, &origin).await, (Some(7), Level::Origin));
    assert_eq!(read(&other, &thing, &origin).await, (Some(7), Level::Redis));
    world.abandon();
}

#[tokio::test]
async fn a_load_that_takes_too_long_is_an_error_and_blocks_nobody() {
    let world = servers().await;
    let [one, other] = caches(&world).await;
    let (kind, origin) = (Hasty(Thing::new("a")), Origin::of(7).closed());
    for _ in 0..2 {
        assert!(matches!(refused(&one, &kind, &origin).await, LoadError::TooSlow(_)));
        assert_eq!((world.redis_number(VALUES).await, world.redis_number(LEASES).await), (0, 0));
    }
    assert_eq!(origin.asked(), 2);
    origin.open();
    assert_eq!(read(&one, &kind, &origin).await, (Some(7), Level::Origin));
    assert_eq!(read(&other, &kind, &origin).await, (Some(7), Level::Redis));
    world.abandon();
}

#[tokio::test]
async fn every_read_is_counted_once_by_what_it_was() {
    let (world, clock, counters) = (servers().await, Clock::default(), Counters::start());
    let [one, other] = caches_by(&world, &clock).await;
    let (thing, none) = (Thing::new("a"), Thing::new("none"));
    let (origin, absent) = (Origin::of(1).closed(), Origin::new(Answer::Absent));
    let counted = |expected: &[(&str, u64)]| {
        let expected = expected.iter().map(|(result, number)| ((*result).to_owned(), *number)).collect();
        assert_eq!(counters.results("offhook_cache_reads_total"), expected);
    };
    let [first, second] = [(); 2].map(|()| {
        let (one, thing, origin) = (one.clone(), thing.clone(), origin.clone());
        tokio::spawn(async move { value(&one, &thing, &origin).await })
    });
    until("the load has begun", async || (origin.asked() == 1).then_some(())).await;
    origin.open();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (Some(1), Some(1)));
    counted(&[("miss", 1), ("coalesced", 1)]);
    read(&one, &thing, &origin).await;
    counted(&[("miss", 1), ("coalesced", 1), ("fresh-l1", 1)]);
    read(&other, &thing, &origin).await;
    counted(&[("miss", 1), ("coalesced", 1), ("fresh-l1", 1), ("fresh-l2", 1)]);
    read(&one, &none, &absent).await;
    read(&one, &none, &absent).await;
    read(&other, &none, &absent).await;
    counted(&[("miss", 2), ("coalesced", 1), ("fresh-l1", 1), ("fresh-l2", 1), ("negative", 2)]);
    clock.advance(FRESH);
    origin.change(Answer::Fails);
    read(&one, &thing, &origin).await;
    counted(&[("miss", 2), ("coalesced", 1), ("fresh-l1", 1), ("fresh-l2", 1), ("negative", 2), ("stale", 1)]);
    clock.advance(STALE);
    refused(&other, &thing, &origin).await;
    counted(&[
        ("miss", 2),
        ("coalesced", 1),
        ("fresh-l1", 1),
        ("fresh-l2", 1),
        ("negative", 2),
        ("stale", 1),
        ("error", 1),
    ]);
    world.abandon();
}
