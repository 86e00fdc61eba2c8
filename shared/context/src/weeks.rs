//! Weeks of free slots as this process has put them together: callers of one branch are told the same days.
//!
//! One is told as long as the cache would tell each of its days out of this process. Refuses to keep more than it has room for.

use std::{collections::HashMap, sync::Arc};

use cache::{AtHand, Cache};
use chrono::{DateTime, FixedOffset};
use contract::OrgId;
use parking_lot::RwLock;

use crate::slots::{DayOf, Slots};

/// Weeks that are kept at once.
const WEEKS_MAX: usize = 512;

/// The weeks of one process.
#[derive(Default)]
pub(crate) struct Weeks(RwLock<HashMap<(OrgId, Slots), Made>>);

/// A week, and what it was made of.
struct Made {
    slots: Arc<[DateTime<FixedOffset>]>,
    days: AtHand<DayOf>,
}

impl Weeks {
    /// When the free slots of these days begin, in order, if each day is at hand in this process.
    pub(crate) fn at_hand(&self, cache: &Cache, org: &OrgId, asked: &Slots) -> Option<Arc<[DateTime<FixedOffset>]>> {
        let name = (org.clone(), asked.clone());
        if let Some(made) = self.0.read().get(&name).filter(|made| cache.tells(&made.days)) {
            return Some(Arc::clone(&made.slots));
        }
        let days = cache.at_hand(asked.days(org)).filter(|days| cache.tells(days))?;
        let slots = in_order(days.values().flatten().flatten().copied());
        let mut weeks = self.0.write();
        if weeks.len() >= WEEKS_MAX {
            weeks.retain(|_, made| cache.would_tell(&made.days));
        }
        if weeks.len() < WEEKS_MAX {
            weeks.insert(name, Made { slots: Arc::clone(&slots), days });
        }
        Some(slots)
    }
}

pub(crate) fn in_order(slots: impl Iterator<Item = DateTime<FixedOffset>>) -> Arc<[DateTime<FixedOffset>]> {
    let mut slots: Vec<_> = slots.collect();
    slots.sort_unstable();
    slots.into()
}

#[cfg(test)]
mod tests {
    use cache::{Bump, Kind as _, Loaded, Mode, Parts, Settings};
    use chrono::{NaiveTime, TimeDelta, Utc};
    use chrono_tz::Tz;
    use orgs::Calendar;
    use tokio::time::Instant;
    use vendors::{Limits, Vendors};

    use super::*;
    use crate::{Accounts, Library, OutOfReach, accounts::HIGHLEVEL};

    fn cache() -> Cache {
        let settings =
            Settings { redis_url: None, mode: Mode::On, memory_mib: 8, operation_ms: 1_000, lives: Vec::new() };
        Cache::start(&settings, Parts { kinds: crate::KINDS.to_vec(), ..Parts::default() }).expect("no address")
    }

    fn asked(calendar: usize) -> Slots {
        let calendar = Calendar { vendor: "calcom".to_owned(), id: calendar.to_string() };
        Slots::new(calendar, Tz::UTC, Utc::now())
    }

    /// Reads the day, whose only slot is at noon.
    async fn read(cache: &Cache, day: &DayOf) {
        let noon = day.day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(12);
        cache.get(day, || async move { Loaded::Found(vec![noon.fixed_offset()]) }).await.expect("it is loaded");
    }

    #[tokio::test]
    async fn a_week_is_there_when_each_of_its_days_is_and_ends_with_any() {
        let (cache, weeks, org) = (cache(), Weeks::default(), "demo".parse().expect("an org"));
        let (asked, other) = (asked(1), "other".parse().expect("an org"));
        for day in asked.days(&org).iter().rev() {
            assert!(weeks.at_hand(&cache, &org, &asked).is_none());
            read(&cache, day).await;
        }
        let week = weeks.at_hand(&cache, &org, &asked).expect("all days are there");
        assert!(week.len() == 7 && week.is_sorted(), "{week:?}");
        assert!(Arc::ptr_eq(&week, &weeks.at_hand(&cache, &org, &asked).expect("it is kept")));
        assert!(weeks.at_hand(&cache, &other, &asked).is_none());
        let tomorrow = Slots { from: asked.from + TimeDelta::days(1), ..asked.clone() };
        assert!(weeks.at_hand(&cache, &org, &tomorrow).is_none());
        assert_eq!(weeks.at_hand(&cache, &org, &asked.clone().within(2)).map(|days| days.len()), Some(2));
        let third = &asked.days(&org)[2];
        cache.hear(&Bump { tags: third.key().tags().collect() });
        assert!(weeks.at_hand(&cache, &org, &asked).is_none());
        read(&cache, third).await;
        assert!(weeks.at_hand(&cache, &org, &asked).is_some());
    }

    #[tokio::test]
    async fn no_week_is_told_of_an_account_out_of_reach() {
        let (cache, org) = (cache(), "demo".parse().expect("an org"));
        let pool = sqlx::PgPool::connect_lazy("postgres://127.0.0.1:1/none").expect("an address of a database");
        let vendors = Vendors::new(cache.clone(), Limits::default()).expect("a client");
        let library = Library::new(cache.clone(), pool, vendors);
        let asked = Slots::new(Calendar { vendor: HIGHLEVEL.to_owned(), id: "1".to_owned() }, Tz::UTC, Utc::now());
        for day in &asked.days(&org) {
            read(&cache, day).await;
        }
        assert!(library.weeks.at_hand(&cache, &org, &asked).is_some());
        let mut accounts = Accounts::default();
        accounts.highlevel = Some(Err(OutOfReach::Account));
        let told = library.slots(&accounts, &org, &asked, Instant::now()).await;
        assert!(matches!(told, Some(Err(_))), "{told:?}");
    }

    #[tokio::test]
    async fn no_more_weeks_are_kept_than_there_is_room_for() {
        let (cache, weeks, org) = (cache(), Weeks::default(), "demo".parse().expect("an org"));
        for calendar in 0..WEEKS_MAX + 2 {
            let asked = asked(calendar).within(1);
            read(&cache, &asked.days(&org)[0]).await;
            assert!(weeks.at_hand(&cache, &org, &asked).is_some());
        }
        assert!(weeks.0.read().len() <= WEEKS_MAX);
    }
}
