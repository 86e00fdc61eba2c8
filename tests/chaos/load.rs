//! The sender: as a provider does, it delivers again what was refused, and keeps a ledger of what was acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use testkit::{Delivery, Input, until};
use tokio::{sync::Semaphore, task::JoinSet};

/// Deliveries on their way at a time.
const AT_ONCE: usize = 16;
/// Attempts before a delivery is given up.
const ATTEMPTS_MAX: usize = 500;

/// What became of the load.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Every event that was sent, by id.
    pub(crate) sent: BTreeMap<String, Input>,
    /// The ids of those that were acknowledged.
    pub(crate) acknowledged: BTreeSet<String>,
    /// Deliveries that were never acknowledged.
    pub(crate) given_up: usize,
}

/// Deliveries that are let go part by part, so that the load lasts as long as the storm.
pub(crate) struct Load {
    waiting: VecDeque<Input>,
    urls: Vec<String>,
    sending: JoinSet<(Input, bool)>,
    slots: Arc<Semaphore>,
    settled: Arc<AtomicUsize>,
    sent: usize,
}

impl Load {
    pub(crate) fn new(deliveries: Vec<Input>, urls: Vec<String>) -> Self {
        let (slots, settled) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::default());
        Self { waiting: deliveries.into(), urls, sending: JoinSet::new(), slots, settled, sent: 0 }
    }

    /// How many have not been let go yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Lets go of the next `count` deliveries.
    pub(crate) fn release(&mut self, count: usize) {
        for input in self.waiting.drain(..count.min(self.waiting.len())) {
            let url = self.urls[self.sent % self.urls.len()].clone();
            let (slots, settled) = (Arc::clone(&self.slots), Arc::clone(&self.settled));
            self.sent += 1;
            self.sending.spawn_local(async move {
                let _slot = slots.acquire_owned().await.expect("never closed");
                let acknowledged = send(&input, &url).await;
                settled.fetch_add(1, Ordering::Relaxed);
                (input, acknowledged)
            });
        }
    }

    /// Waits until all but `on_their_way` of what was let go is acknowledged or given up.
    pub(crate) async fn settled_but(&self, on_their_way: usize) {
        until("deliveries are acknowledged", async || {
            (self.settled.load(Ordering::Relaxed) + on_their_way >= self.sent).then_some(())
        })
        .await;
    }

    /// Sends the rest and waits for all.
    pub(crate) async fn finish(mut self) -> Ledger {
        self.release(usize::MAX);
        let mut ledger = Ledger::default();
        while let Some(sent) = self.sending.join_next().await {
            let (input, acknowledged) = sent.expect("the sender does not fail");
            let id = input.envelope.id.clone();
            if acknowledged {
                ledger.acknowledged.insert(id.clone());
            } else {
                ledger.given_up += 1;
            }
            ledger.sent.insert(id, input);
        }
        ledger
    }
}

/// Delivers until it is acknowledged; `false` when it is given up.
async fn send(input: &Input, url: &str) -> bool {
    let mut attempts = 0;
    until(&format!("{} is acknowledged or given up", input.envelope.id), async || {
        attempts += 1;
        let answer = Delivery::new(input.body.to_vec()).try_send(url).await;
        match answer.map(|answer| answer.status().as_u16()) {
            Ok(204) => Some(true),
            Ok(503) | Err(_) if attempts < ATTEMPTS_MAX => None,
            Ok(503) | Err(_) => Some(false),
            Ok(status) => panic!("{} was refused with {status}", input.envelope.id),
        }
    })
    .await
}
