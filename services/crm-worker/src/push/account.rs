//! One account's turn: claim a few of its contacts, push them side by side, until nothing is due or something is wrong.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Account, Parts,
    contact::{Fate, PUSH_MAX},
    store,
};
use crate::crm::Crm;

/// Contacts that are pushed at the same time: with a vendor that takes 200 ms to answer, the rate of HighLevel is used up.
const CLAIMS_MAX: i64 = 4;
/// Rounds of a turn; then others may have the place.
const ROUNDS_MAX: usize = 25;
/// A claim is longer than everything that is done under it: a push, and the statements around it.
pub(super) const CLAIM: Duration = Duration::from_secs(45);
const _: () = assert!(CLAIM.as_secs() > PUSH_MAX.as_secs() + 15);
/// Before an account is looked at again whose secret can't be read, or that its org may not name.
const UNREACHABLE_REST: Duration = Duration::from_secs(15);

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing is due any more, or others want the place.
    Well,
    /// The account is to be left alone for so long, through no failure.
    Wait(Duration),
    /// Something is wrong with the account, or with our own database.
    Trouble {
        /// No push of the turn succeeded.
        throughout: bool,
    },
}

impl Parts {
    /// The account's turn. If it has failed before, with one contact at a time.
    pub(super) async fn turn(&self, account: &Account, failed: bool, shutdown: &CancellationToken) -> Turn {
        let (org, vendor) = account;
        let (mut claims, mut throughout) = (if failed { 1 } else { CLAIMS_MAX }, true);
        for _ in 0..ROUNDS_MAX {
            if shutdown.is_cancelled() {
                return Turn::Well;
            }
            // Anew for each round: a changed address or secret counts at once.
            let Some(crm) = self.crm(org, vendor) else { return self.without_crm(account).await };
            let begun = Instant::now();
            let claimed = match store::claim(&self.pool, account, claims, CLAIM).await {
                Ok(claimed) if claimed.is_empty() => return Turn::Well,
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::warn!(org, vendor, %error, "nothing can be claimed");
                    return Turn::Trouble { throughout };
                }
            };
            let pushes = claimed.iter().map(|claimed| self.push(claimed, &crm, begun + PUSH_MAX, shutdown));
            let fates = join_all(pushes).await;
            let waits = fates.iter().filter_map(|fate| if let Fate::Wait(wait) = fate { Some(*wait) } else { None });
            if let Some(wait) = waits.max() {
                return Turn::Wait(wait);
            }
            throughout &= !fates.contains(&Fate::Well);
            if fates.contains(&Fate::Trouble) {
                return Turn::Trouble { throughout };
            }
            claims = CLAIMS_MAX;
        }
        Turn::Well
    }

    /// What is due at a CRM that is out of reach waits; at one that its org is known not to name it is let go.
    async fn without_crm(&self, account: &Account) -> Turn {
        let (org, vendor) = account;
        // Asked first: what is read after it is at least as new.
        let is_current = self.orgs.is_current();
        let directory = self.orgs.directory();
        let named = directory
            .zip(org.parse().ok())
            .is_some_and(|(directory, org)| directory.org(&org).is_some_and(|org| org.vendor(vendor).is_some()));
        if named || !is_current {
            return Turn::Wait(UNREACHABLE_REST);
        }
        match store::let_go(&self.pool, account).await {
            Ok(contacts) => {
                tracing::warn!(org, vendor, contacts, "the org names no such CRM: what was due there is let go");
                Turn::Well
            }
            Err(error) => {
                tracing::warn!(org, vendor, %error, "what is due can't be let go");
                Turn::Trouble { throughout: true }
            }
        }
    }

    fn crm(&self, org: &str, vendor: &str) -> Option<Crm> {
        let directory = self.orgs.directory()?;
        let crm = Crm::of(directory.org(&org.parse().ok()?)?, vendor)?;
        crm.inspect_err(|error| tracing::warn!(org, vendor, %error, "a CRM is out of reach")).ok()
    }
}
