//! Rate budgets of vendor accounts, shared by all processes through Redis; live calls before background work.
//!
//! A generic cell rate algorithm: calls at an even rate, with a burst. While Redis is away each process keeps to its share of
//! the rate by itself. Refuses to wait: who may not call now is told when to ask again.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use contract::OrgId;
use metrics::counter;
use parking_lot::Mutex;
use redis::Script;

use crate::{
    Cache,
    kind::Tag,
    link::{Away, Link},
    remote::millis,
};

/// Accounts that a process remembers by itself.
const ACCOUNTS_MAX: usize = 10_000;
/// For so long after Redis was away, a bucket that it does not know counts as empty: what was spent before, it has forgotten.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// The longest pause that a vendor is granted.
const PAUSE_MAX: Duration = Duration::from_mins(10);

/// Whose budget it is: an account at a vendor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Account {
    /// The org that calls.
    pub org: OrgId,
    /// Vendor and account, such as `highlevel:LOCATION`.
    pub name: String,
}

/// How often an account may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls at once after a rest; at least 1.
    pub burst: u32,
    /// From one call to the next, when there was no rest.
    pub every: Duration,
    /// Of the burst, so many calls are kept for live calls.
    pub reserve: u32,
    /// What one process may use of rate and burst while Redis is away, in percent.
    pub share: u32,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A caller is on the line.
    Live,
    /// Nobody waits.
    Background,
}

/// The budgets as this process sees them.
pub(crate) struct Budgets {
    take: Script,
    /// Used while Redis is away.
    own: Mutex<HashMap<Account, Bucket>>,
}

/// A bucket kept in this process.
#[derive(Clone, Copy)]
struct Bucket {
    full: Instant,
    paused_until: Instant,
}

impl Rate {
    /// How early a call may come, as long as the bucket is not empty for whoever asks.
    fn tolerance(&self, priority: Priority) -> Duration {
        let kept = match priority {
            Priority::Live => 0,
            Priority::Background => self.reserve,
        };
        self.every * self.burst.saturating_sub(kept).saturating_sub(1)
    }

    /// What one process keeps to by itself.
    fn alone(&self) -> Self {
        let share = self.share.clamp(1, 100);
        let of = |calls: u32| calls * share / 100;
        Self { burst: of(self.burst).max(1), every: self.every * 100 / share, reserve: of(self.reserve), share }
    }
}

impl Budgets {
    pub(crate) fn new() -> Self {
        Self { take: Script::new(include_str!("scripts/take.lua")), own: Mutex::default() }
    }

    async fn take_shared(
        &self,
        link: &Link,
        account: &Account,
        rate: &Rate,
        priority: Priority,
    ) -> Result<Duration, Away> {
        let on = link.connected()?;
        let [bucket, pause] = account.names();
        let unknown = if on.has_returned_within(FORGOTTEN) { rate.tolerance(Priority::Live) } else { Duration::ZERO };
        let mut call = self.take.prepare_invoke();
        call.key(on.name(&bucket)).key(on.name(&pause));
        call.arg(micros(rate.every)).arg(micros(rate.tolerance(priority))).arg(micros(unknown));
        link.answer(&on, call.invoke_async(&mut on.connection())).await.map(Duration::from_micros)
    }

    /// How long the account is paused, as far as this process has heard.
    fn paused(&self, account: &Account, now: Instant) -> Duration {
        let own = self.own.lock();
        own.get(account).map_or(Duration::ZERO, |bucket| bucket.paused_until.saturating_duration_since(now))
    }

    fn take_own(&self, account: &Account, rate: &Rate, priority: Priority, now: Instant) -> Duration {
        let rate = rate.alone();
        let mut own = self.own.lock();
        let bucket = bucket(&mut own, account, now);
        let full = bucket.full.max(now);
        let open = bucket.paused_until.max(full.checked_sub(rate.tolerance(priority)).unwrap_or(now));
        let wait = open.saturating_duration_since(now);
        if wait.is_zero() {
            bucket.full = full + rate.every;
        }
        wait
    }
}

/// The account's bucket; full buckets are forgotten when there are too many.
fn bucket<'a>(own: &'a mut HashMap<Account, Bucket>, account: &Account, now: Instant) -> &'a mut Bucket {
    if own.len() >= ACCOUNTS_MAX {
        own.retain(|_, bucket| bucket.full > now || bucket.paused_until > now);
    }
    own.entry(account.clone()).or_insert(Bucket { full: now, paused_until: now })
}

impl Account {
    /// Where its bucket and its pause are kept.
    fn names(&self) -> [String; 2] {
        ["rate", "pause"].map(|what| Tag::new(what).part(&self.name).of(&self.org).to_string())
    }
}

impl Cache {
    /// Takes one call from the account's budget.
    ///
    /// # Errors
    /// How long to wait before asking again; nothing was taken.
    pub async fn take(&self, account: &Account, rate: &Rate, priority: Priority) -> Result<(), Duration> {
        let shared = match &self.0.remote {
            Some(remote) => self.0.budgets.take_shared(&remote.link, account, rate, priority).await.ok(),
            None => None,
        };
        let (own, now) = (&self.0.budgets, self.0.clock.steady());
        let wait = match shared {
            // The own bucket is kept up beside, for the moment at which Redis goes away.
            Some(Duration::ZERO) => {
                own.take_own(account, rate, priority, now);
                own.paused(account, now)
            }
            Some(wait) => wait,
            None => own.take_own(account, rate, priority, now),
        };
        if wait.is_zero() {
            return Ok(());
        }
        let priority = if priority == Priority::Live { "live" } else { "background" };
        counter!("offhook_budget_refusals_total", "priority" => priority).increment(1);
        Err(wait)
    }

    /// Nobody calls the account for so long (10 min at most): it has said so itself.
    pub async fn pause(&self, account: &Account, pause: Duration) {
        let pause = pause.min(PAUSE_MAX);
        let now = self.0.clock.steady();
        {
            let mut own = self.0.budgets.own.lock();
            let bucket = bucket(&mut own, account, now);
            bucket.paused_until = bucket.paused_until.max(now + pause);
        }
        let Some(Ok(on)) = self.0.remote.as_ref().map(|remote| remote.link.connected()) else { return };
        let [_, name] = account.names();
        // A later, shorter pause ends no longer one.
        let mut set = redis::pipe();
        set.cmd("SET").arg(on.name(&name)).arg(1).arg("NX").arg("PX").arg(millis(pause)).ignore();
        set.cmd("PEXPIRE").arg(on.name(&name)).arg(millis(pause)).arg("GT").ignore();
        if let Some(remote) = &self.0.remote {
            remote.link.answer::<()>(&on, set.query_async(&mut on.connection())).await.ok();
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 10, every: Duration::from_millis(100), reserve: 4, share: 50 };

    fn taken(budgets: &Budgets, account: &Account, priority: Priority, now: Instant) -> usize {
        std::iter::repeat_with(|| budgets.take_own(account, &RATE, priority, now)).take_while(Duration::is_zero).count()
    }

    #[test]
    fn alone_a_process_keeps_to_its_share_and_background_work_leaves_some_for_live_calls() {
        let (budgets, now) = (Budgets::new(), Instant::now());
        let account = Account { org: "demo".parse().unwrap(), name: "crm:1".to_owned() };
        assert_eq!(taken(&budgets, &account, Priority::Background, now), 3);
        assert_eq!(taken(&budgets, &account, Priority::Live, now), 2);
        assert_eq!(budgets.take_own(&account, &RATE, Priority::Live, now), Duration::from_millis(200));
        assert_eq!(taken(&budgets, &account, Priority::Live, now + Duration::from_millis(400)), 2);
        let other = Account { name: "crm:2".to_owned(), ..account };
        assert_eq!(taken(&budgets, &other, Priority::Live, now), 5);
    }
}
