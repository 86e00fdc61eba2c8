//! Where the loads of a test end: an origin that counts how often it is asked, and answers what and when the test says.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use cache::Loaded;
use tokio::sync::watch;

/// What the origin does when it is asked.
#[derive(Clone)]
pub(crate) enum Answer<V> {
    Found(V),
    Absent,
    Fails,
    Panics,
}

/// An origin of one thing. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Origin<V>(Arc<State<V>>);

struct State<V> {
    answer: Mutex<Answer<V>>,
    asked: AtomicUsize,
    open: watch::Sender<bool>,
}

impl<V: Clone + Send + Sync + 'static> Origin<V> {
    /// Answers with this value.
    pub(crate) fn of(value: V) -> Self {
        Self::new(Answer::Found(value))
    }

    pub(crate) fn new(answer: Answer<V>) -> Self {
        let (answer, asked) = (Mutex::new(answer), AtomicUsize::new(0));
        Self(Arc::new(State { answer, asked, open: watch::Sender::new(true) }))
    }

    /// The same, closed.
    pub(crate) fn closed(self) -> Self {
        self.close();
        self
    }

    /// From now on the answer is another one.
    pub(crate) fn change(&self, answer: Answer<V>) {
        *self.0.answer.lock().expect("no panic") = answer;
    }

    /// From now on loads come to no end.
    pub(crate) fn close(&self) {
        self.0.open.send_replace(false);
    }

    /// Ends the loads under way, each with the answer that was right when it began.
    pub(crate) fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// How many loads have begun.
    pub(crate) fn asked(&self) -> usize {
        self.0.asked.load(Relaxed)
    }

    /// A load. It begins when it is first waited for.
    pub(crate) fn load(&self) -> impl Future<Output = Loaded<V>> + Send + 'static {
        let state = Arc::clone(&self.0);
        async move {
            state.asked.fetch_add(1, Relaxed);
            let answer = state.answer.lock().expect("no panic").clone();
            state.open.subscribe().wait_for(|open| *open).await.expect("the origin is there");
            match answer {
                Answer::Found(value) => Loaded::Found(value),
                Answer::Absent => Loaded::Absent,
                Answer::Fails => Loaded::Failed("the origin is away".into()),
                Answer::Panics => panic!("a loader with a fault, as the test wants it"),
            }
        }
    }
}
