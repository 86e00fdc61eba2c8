//! Two ways to ask: at a fixed rate whatever comes back, and as fast as answers come.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Builder,
    sync::mpsc::{Receiver, Sender, channel},
    task::{JoinSet, spawn_blocking},
};

use crate::{figures::Figures, http::Connection};

/// Connections that stay open.
const CONNECTIONS: usize = 64;

/// Questions that are due and wait for their connection; the pacer is held up by more, and they count from when they were due.
const WAITING_MAX: usize = 4096;

/// Requests that were made beforehand, taken in turn.
pub(crate) type Requests = Arc<Vec<Vec<u8>>>;

/// What became of the requests of one loop.
pub(crate) struct Run {
    pub(crate) figures: Figures,
    pub(crate) answered: u64,
    /// No answer, or another than 200.
    pub(crate) errors: u64,
    pub(crate) lasted: Duration,
}

impl Run {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { figures: Figures::new(name), answered: 0, errors: 0, lasted: Duration::ZERO }
    }

    /// Both, one after the other.
    pub(crate) fn and_then(&mut self, next: &Self) {
        self.beside(next);
        self.lasted += next.lasted;
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.answered as f64 / self.lasted.as_secs_f64()
    }

    /// Both, at the same time.
    fn beside(&mut self, other: &Self) {
        self.figures.merge(&other.figures);
        self.answered += other.answered;
        self.errors += other.errors;
    }

    fn add(&mut self, well: bool, since: Instant) {
        if well {
            self.answered += 1;
            self.figures.since(since);
        } else {
            self.errors += 1;
        }
    }
}

/// Asks so often a second for so long. Each question counts from the moment it was due, so that nothing that holds up the
/// asking is left out.
pub(crate) async fn open_loop(
    name: &str,
    address: SocketAddr,
    requests: &Requests,
    rate: u32,
    lasting: Duration,
) -> Run {
    let (mut askers, mut dues) = (JoinSet::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        let (due, told) = channel(WAITING_MAX);
        dues.push(due);
        askers.spawn(ask_when_due(address, Arc::clone(requests), told));
    }
    let begun = Instant::now();
    // The executor's timer is only exact to a millisecond.
    let pacer = std::thread::spawn(move || pace(&dues, rate, lasting));
    let mut run = Run::new(name);
    while let Some(own) = askers.join_next().await {
        run.beside(&own.expect("an asker"));
    }
    run.lasted = begun.elapsed();
    pacer.join().expect("the pacer");
    run
}

/// Says when each question is due, to one connection after the other.
fn pace(dues: &[Sender<(Instant, usize)>], rate: u32, lasting: Duration) {
    let begun = Instant::now();
    let gap = Duration::from_secs(1) / rate;
    let mut nth = 0;
    while gap * nth < lasting {
        let due = begun + gap * nth;
        while Instant::now() < due {
            std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
        dues[nth as usize % dues.len()].blocking_send((due, nth as usize)).ok();
        nth += 1;
    }
}

async fn ask_when_due(address: SocketAddr, requests: Requests, mut dues: Receiver<(Instant, usize)>) -> Run {
    let (mut run, mut connection) = (Run::new(""), None);
    while let Some((due, nth)) = dues.recv().await {
        let well = ask(&mut connection, address, &requests[nth % requests.len()]).await;
        run.add(well, due);
    }
    run
}

/// Asks again as soon as the answer is there, over every connection, for so long. From one thread: several would wake each
/// other all the time, on the processors of whoever answers.
pub(crate) async fn closed_loop(name: &str, address: SocketAddr, requests: &Requests, lasting: Duration) -> Run {
    let (mut run, requests) = (Run::new(name), Arc::clone(requests));
    let asking = spawn_blocking(move || {
        let executor = Builder::new_current_thread().enable_all().build().expect("a runtime");
        executor.block_on(ask_again_and_again(address, requests, lasting))
    });
    run.and_then(&asking.await.expect("the askers end"));
    run
}

async fn ask_again_and_again(address: SocketAddr, requests: Requests, lasting: Duration) -> Run {
    let begun = Instant::now();
    let mut askers = JoinSet::new();
    for first in 0..CONNECTIONS {
        let requests = Arc::clone(&requests);
        askers.spawn(async move {
            let (mut run, mut connection, mut nth) = (Run::new(""), None, first);
            while begun.elapsed() < lasting {
                let asked = Instant::now();
                let well = ask(&mut connection, address, &requests[nth % requests.len()]).await;
                run.add(well, asked);
                nth += CONNECTIONS;
            }
            run
        });
    }
    let mut run = Run::new("");
    while let Some(own) = askers.join_next().await {
        run.beside(&own.expect("an asker"));
    }
    run.lasted = begun.elapsed();
    run
}

/// Whether the answer is a 200. A connection that failed is opened anew the next time.
async fn ask(connection: &mut Option<Connection>, address: SocketAddr, request: &[u8]) -> bool {
    if connection.is_none() {
        *connection = Connection::open(address).await.ok();
    }
    let Some(open) = connection else { return false };
    match open.ask(request).await {
        Ok(answer) => answer.status == 200,
        Err(_) => {
            *connection = None;
            false
        }
    }
}
