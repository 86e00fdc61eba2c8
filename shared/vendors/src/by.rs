//! By when an answer is needed, and whether somebody waits for it.

use cache::Priority;
use tokio::time::{Duration, Instant, sleep, timeout_at};

/// With less time left than this, nothing is sent: it would only be cut off.
const USEFUL: Duration = Duration::from_millis(10);

/// The moment after which an answer is of no use, and who needs it.
///
/// Give the deadline here instead of dropping the call at it: a call that is dropped teaches the breaker nothing. And give the
/// vendor the time that it usually needs, even where the caller is told sooner: what is always cut off looks broken.
#[derive(Debug, Clone, Copy)]
pub struct By {
    deadline: Instant,
    priority: Priority,
    /// Whether it waits for its turn when the budget is used up.
    waits: bool,
}

impl By {
    /// For a caller on the line: uses what is kept for live calls, and never waits for a budget.
    #[must_use]
    pub fn live(deadline: impl Into<Instant>) -> Self {
        Self { deadline: deadline.into(), priority: Priority::Live, waits: false }
    }

    /// For work that nobody waits for: leaves some of the budget to live calls, and waits for its turn until the deadline.
    #[must_use]
    pub fn background(deadline: impl Into<Instant>) -> Self {
        Self { deadline: deadline.into(), priority: Priority::Background, waits: true }
    }

    /// For work that can be done later as well: leaves some of the budget to live calls, and gives up its turn rather than wait
    /// for it, as somebody may have begun to wait for the same answer.
    #[must_use]
    pub fn idle(deadline: impl Into<Instant>) -> Self {
        Self { deadline: deadline.into(), priority: Priority::Background, waits: false }
    }

    pub(crate) fn priority(self) -> Priority {
        self.priority
    }

    /// When a request that begins now and may take `limit` has to end.
    pub(crate) fn end(self, limit: Duration) -> Instant {
        self.deadline.min(Instant::now() + limit)
    }

    /// Whether something that begins after `pause` can still be of use.
    pub(crate) fn allows(self, pause: Duration) -> bool {
        self.deadline.saturating_duration_since(Instant::now()) >= pause.saturating_add(USEFUL)
    }

    /// Whether the caller waits so long; if so, it is over when this returns.
    pub(crate) async fn waits(self, wait: Duration) -> bool {
        let waits = self.waits && self.allows(wait);
        if waits {
            sleep(wait).await;
        }
        waits
    }

    /// What `work` came to, unless the deadline is first.
    pub(crate) async fn until<F: Future>(self, work: F) -> Option<F::Output> {
        timeout_at(self.deadline, work).await.ok()
    }
}
