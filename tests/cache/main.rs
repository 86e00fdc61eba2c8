//! The cache against real servers: what it promises, under everything that may go wrong.

mod at_hand;
mod budget;
mod counters;
mod crowd;
mod interleave;
mod invalidations;
mod kinds;
mod lessons;
mod memory;
mod model;
mod node;
mod origin;
mod outages;
mod peer;
mod stage;
mod stampede;
mod standby;
mod things;
mod warm;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use cache::{Level, Loaded};
use testkit::World;
use things::{Thing, caches};

#[tokio::test]
async fn a_value_is_loaded_once_found_again_and_gone_after_an_invalidation() {
    let world = World::start().await;
    let [one, other] = caches(&world).await;
    let thing = Thing::new("a");
    let loads = Arc::new(AtomicUsize::new(0));
    let load = || {
        let loads = Arc::clone(&loads);
        async move { Loaded::Found(loads.fetch_add(1, Relaxed)) }
    };
    let read = one.get(&thing, load).await.unwrap();
    assert_eq!((read.value.as_deref(), read.from), (Some(&0), Level::Origin));
    let read = one.get(&thing, load).await.unwrap();
    assert_eq!((read.value.as_deref(), read.from), (Some(&0), Level::Process));
    let never = || -> std::future::Ready<Loaded<usize>> { panic!("a fresh copy needs no load") };
    one.get(&thing, never).await.unwrap();
    let read = other.get(&thing, load).await.unwrap();
    assert_eq!((read.value.as_deref(), read.from), (Some(&0), Level::Redis));
    one.bump(thing.tags()).await.unwrap();
    let read = one.get(&thing, load).await.unwrap();
    assert_eq!((read.value.as_deref(), read.from), (Some(&1), Level::Origin));
    world.end_with_dead_letters(0).await;
}
