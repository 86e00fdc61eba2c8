//! Fifty equal misses over three real processes: one load for all, and one more if its process is killed.

use std::time::Instant;

use testkit::{LIMIT, World};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    node::{Command, Event, Outcome, Setup, Told},
    peer::{Peer, Place},
};

const PROCESSES: usize = 3;
const READERS: usize = 50;

/// Three processes, all of whose readers ask for the same thing.
struct Crowd {
    peers: Vec<Option<Peer>>,
    events: mpsc::Receiver<(usize, Event)>,
    /// The processes and numbers of the loads that began.
    loads: Vec<(usize, usize)>,
    /// What readers of each process were told.
    told: Vec<(usize, Option<usize>)>,
}

impl Crowd {
    async fn gather(world: &World) -> Self {
        let (tell, events) = mpsc::channel(10_000);
        let setup = Setup { redis: world.redis.url(), database: world.database_url.clone() };
        let mut peers = Vec::new();
        for process in 0..PROCESSES {
            peers.push(Some(Peer::start(Place::Child, &setup, process, tell.clone()).await));
        }
        let mut crowd = Self { peers, events, loads: Vec::new(), told: Vec::new() };
        crowd.connected().await;
        for read in 0..READERS {
            let tags = vec!["thing".to_owned()];
            crowd.send(read % PROCESSES, Command::Read { read, tags }).await;
        }
        crowd
    }

    /// Waits until every process reaches Redis: only then is an invalidation acknowledged.
    async fn connected(&mut self) {
        for process in 0..PROCESSES {
            loop {
                self.send(process, Command::Bump { tag: "other".to_owned() }).await;
                if self.bumped().await {
                    break;
                }
            }
        }
    }

    async fn bumped(&mut self) -> bool {
        loop {
            if let (_, Event::Bumped { acknowledged }) = self.next().await {
                return acknowledged;
            }
        }
    }

    async fn send(&mut self, process: usize, command: Command) {
        self.peers[process].as_mut().expect("alive").send(command).await;
    }

    async fn next(&mut self) -> (usize, Event) {
        timeout(LIMIT, self.events.recv()).await.expect("an event in time").expect("a process is alive")
    }

    /// Takes note of what happens until a load begins; its process and number.
    async fn load_begins(&mut self) -> (usize, usize) {
        loop {
            match self.next().await {
                (process, Event::Began { load }) => {
                    self.loads.push((process, load));
                    return (process, load);
                }
                (process, Event::Told { told, .. }) => self.told.push((process, value(&told))),
                _ => {}
            }
        }
    }

    /// Takes note until so many readers have been told.
    async fn all_told(&mut self, readers: usize) {
        while self.told.len() < readers {
            match self.next().await {
                (process, Event::Began { load }) => self.loads.push((process, load)),
                (process, Event::Told { told, .. }) => self.told.push((process, value(&told))),
                _ => {}
            }
        }
    }
}

fn value(told: &Told) -> Option<usize> {
    match told {
        Told::Read { value, .. } => *value,
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_load_answers_fifty_readers_of_three_processes() {
    let world = World::start().await;
    let mut crowd = Crowd::gather(&world).await;
    let (process, load) = crowd.load_begins().await;
    crowd.send(process, Command::Finish { load, with: Outcome::Found }).await;
    crowd.all_told(READERS).await;
    assert!(crowd.told.iter().all(|(_, value)| *value == Some(load)), "{:?}", crowd.told);
    assert_eq!(crowd.loads.len(), 1, "{:?}", crowd.loads);
    world.end_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_with_the_lease_costs_one_more_load() {
    let world = World::start().await;
    let mut crowd = Crowd::gather(&world).await;
    let (killed, _) = crowd.load_begins().await;
    let begun = Instant::now();
    crowd.peers[killed] = None;
    let (process, load) = crowd.load_begins().await;
    assert_ne!(process, killed);
    crowd.send(process, Command::Finish { load, with: Outcome::Found }).await;
    let others = (0..READERS).filter(|read| read % PROCESSES != killed).count();
    crowd.all_told(others).await;
    eprintln!("{others} readers answered {:?} after the kill", begun.elapsed());
    assert!(crowd.told.iter().all(|(process, value)| *process != killed && *value == Some(load)), "{:?}", crowd.told);
    assert_eq!(crowd.loads.len(), 2, "{:?}", crowd.loads);
    world.end_with_dead_letters(0).await;
}
