//! What is done to the services and servers while the load runs.

use rustix::process::Signal;
use testkit::{LIMIT, Process, World};

use crate::load::Load;

/// Two of each, as processes of their own.
const WORKERS: [&str; 4] = [log_worker::NAME, log_worker::NAME, metrics_worker::NAME, metrics_worker::NAME];
/// How often each of them is killed.
const KILLS: usize = 10;
/// How often the broker, and PostgreSQL, crash.
const CRASHES: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Blow {
    Worker(usize),
    Broker,
    Postgres,
}

/// The services, and how they are ill-treated.
pub(crate) struct Storm {
    random: fastrand::Rng,
    ingresses: Vec<Process>,
    workers: Vec<Process>,
}

impl Storm {
    /// Starts all services.
    pub(crate) async fn begin(world: &World, random: fastrand::Rng) -> Self {
        let start = |name: &&str| world.process(&[name], &[]);
        let ingresses: Vec<Process> = [ingress::NAME; 2].iter().map(start).collect();
        let workers: Vec<Process> = WORKERS.iter().map(start).collect();
        for process in ingresses.iter().chain(&workers) {
            process.ready().await;
        }
        Self { random, ingresses, workers }
    }

    /// Where deliveries go.
    pub(crate) async fn urls(&self) -> Vec<String> {
        let mut urls = Vec::new();
        for ingress in &self.ingresses {
            urls.push(ingress.url(ingress::NAME).await);
        }
        urls
    }

    /// Strikes every blow once, in any order, each while a part of the load is on its way.
    pub(crate) async fn rage(&mut self, world: &mut World, load: &mut Load) {
        let kills = (0..WORKERS.len()).flat_map(|nth| [Blow::Worker(nth); KILLS]);
        let crashes = [Blow::Broker, Blow::Postgres].into_iter().flat_map(|blow| [blow; CRASHES]);
        let mut blows: Vec<Blow> = kills.chain(crashes).collect();
        self.random.shuffle(&mut blows);
        for (nth, blow) in blows.iter().enumerate() {
            // A worker that is only starting would not feel it.
            if let Blow::Worker(victim) = blow {
                self.workers[*victim].ready().await;
            }
            let part = load.waiting() / (blows.len() - nth);
            load.release(part);
            load.settled_but(self.random.usize(..part.max(1))).await;
            self.strike(*blow, world).await;
        }
    }

    async fn strike(&mut self, blow: Blow, world: &mut World) {
        match blow {
            Blow::Worker(nth) => {
                self.workers[nth].signal(Signal::KILL);
                self.workers[nth].ended(LIMIT).await;
                self.workers[nth] = world.process(&[WORKERS[nth]], &[]);
            }
            Blow::Broker => {
                world.nats.kill().await.expect("nats-server can be killed");
                world.nats.restart().await.expect("nats-server starts");
            }
            Blow::Postgres => {
                let postgres = world.postgres.as_mut().expect("its own");
                postgres.kill().await.expect("PostgreSQL can be killed");
                postgres.restart().await.expect("PostgreSQL starts");
            }
        }
    }

    /// Ends all services, which must end well.
    pub(crate) async fn end(self) {
        for process in self.ingresses.into_iter().chain(self.workers) {
            assert_eq!(process.terminate().await.code(), Some(0));
        }
    }
}
