//! The Redis level: values, generations and leases that all processes share.
//!
//! Decides nothing about freshness. Refuses to wait: without a connection, or past the limit of one operation, the answer is
//! "away".

use std::time::Duration;

use redis::{Script, ScriptInvocation};
use uuid::Uuid;

use crate::{
    entry::Generation,
    kind::{Names, OrgTag},
    level::{Fetched, Filled, Opened},
    link::{Away, Connected, Link},
};

/// Redis, or its absence.
pub(crate) struct Remote {
    pub(crate) link: Link,
    open: Script,
    fill: Script,
    renew: Script,
    release: Script,
}

/// What a load holds while it runs: the names it is about and the token of its lease.
pub(crate) struct Lease {
    token: Uuid,
    life: Duration,
}

impl Lease {
    /// A lease to ask for, of this life.
    pub(crate) fn new(life: Duration) -> Self {
        Self { token: Uuid::new_v4(), life }
    }

    fn token(&self) -> &[u8] {
        self.token.as_bytes()
    }
}

impl Remote {
    pub(crate) fn new(link: Link) -> Self {
        Self {
            link,
            open: Script::new(include_str!("scripts/open.lua")),
            fill: Script::new(include_str!("scripts/fill.lua")),
            renew: Script::new(include_str!("scripts/renew.lua")),
            release: Script::new(include_str!("scripts/release.lua")),
        }
    }

    /// The value with the generations of its tags, in one round trip.
    pub(crate) async fn fetch(&self, names: &Names) -> Result<Fetched, Away> {
        let on = self.link.connected()?;
        let mut get = redis::cmd("MGET");
        get.arg(on.name(&names.value)).arg(names.generations.iter().map(|name| on.name(name)).collect::<Vec<_>>());
        let found: Vec<Option<Vec<u8>>> = self.link.answer(&on, get.query_async(&mut on.connection())).await?;
        let mut found = found.into_iter();
        Ok(Fetched { entry: found.next().flatten(), generations: found.map(|bytes| bytes?.try_into().ok()).collect() })
    }

    /// Begins a load; see `scripts/open.lua`. `kept` is how long a generation must live that begins here.
    pub(crate) async fn open(&self, names: &Names, lease: &Lease, kept: Duration, seen: &[u8]) -> Result<Opened, Away> {
        let on = self.link.connected()?;
        let mut call = guarded(&self.open, &on, names);
        call.arg(lease.token()).arg(millis(lease.life)).arg(Uuid::new_v4().as_bytes()).arg(millis(kept)).arg(seen);
        let opened = self.link.answer(&on, call.invoke_async(&mut on.connection())).await;
        let (entry, leased, generations): (Option<Vec<u8>>, u8, Vec<Vec<u8>>) = opened?;
        Ok(Opened {
            entry,
            leased: leased == 1,
            generations: generations.into_iter().map(|bytes| bytes.try_into().unwrap_or_default()).collect(),
        })
    }

    /// Ends a load with its entry, which lives for `life`; see `scripts/fill.lua`.
    pub(crate) async fn fill(
        &self,
        names: &Names,
        lease: &Lease,
        entry: &[u8],
        life: Duration,
        kept: Duration,
        generations: &[Generation],
    ) -> Result<Filled, Away> {
        let on = self.link.connected()?;
        let mut call = guarded(&self.fill, &on, names);
        call.arg(lease.token()).arg(entry).arg(millis(life)).arg(millis(kept));
        generations.iter().for_each(|generation| {
            call.arg(generation.as_slice());
        });
        Ok(match self.link.answer(&on, call.invoke_async(&mut on.connection())).await? {
            1 => Filled::Kept,
            0 => Filled::Moved,
            _ => Filled::LeaseLost,
        })
    }

    /// Keeps the lease for another life.
    pub(crate) async fn renew(&self, names: &Names, lease: &Lease) -> Result<(), Away> {
        let on = self.link.connected()?;
        let mut call = self.renew.prepare_invoke();
        call.key(on.name(&names.lease)).arg(lease.token()).arg(millis(lease.life));
        self.link.answer(&on, call.invoke_async(&mut on.connection())).await
    }

    /// Gives the lease back without a value.
    pub(crate) async fn release(&self, names: &Names, lease: &Lease) -> Result<(), Away> {
        let on = self.link.connected()?;
        let mut call = self.release.prepare_invoke();
        call.key(on.name(&names.lease)).arg(lease.token());
        self.link.answer(&on, call.invoke_async(&mut on.connection())).await
    }

    /// Moves the generations of these tags: a generation that is gone is another one from now on. A deletion, because a
    /// server without memory still takes it.
    pub(crate) async fn bump(&self, tags: &[OrgTag]) -> Result<(), Away> {
        let on = self.link.connected()?;
        let mut delete = redis::cmd("DEL");
        delete.arg(tags.iter().map(|tag| on.name(&tag.generation())).collect::<Vec<_>>());
        self.link.answer(&on, delete.query_async(&mut on.connection())).await
    }
}

/// A call with the names of the value, its lease and its generations.
fn guarded<'a>(script: &'a Script, on: &Connected, names: &Names) -> ScriptInvocation<'a> {
    let mut call = script.prepare_invoke();
    call.key(on.name(&names.value)).key(on.name(&names.lease));
    names.generations.iter().for_each(|name| {
        call.key(on.name(name));
    });
    call
}

/// As Redis counts lives; none is 0, which it would refuse.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}
