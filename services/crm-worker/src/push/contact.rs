//! One contact's push: make it what is desired, add its notes, and write down how that went.
//!
//! The intent of a note is committed before the note is added; whoever finds an intent looks for the note first.

use std::time::Duration;

use contract::PhoneNumber;
use metrics::counter;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use vendors::{By, VendorError};

use super::{
    Parts,
    note::OpenNote,
    store::{self, Claimed},
};
use crate::crm::{Crm, Wanted};

/// All requests of one push together, waiting for the account's budget included.
pub(super) const PUSH_MAX: Duration = Duration::from_secs(25);
/// Notes of one push; further ones are the next push's.
const NOTES_MAX: i64 = 10;
/// Before a second try; doubled for each further one…
const RETRY_MIN: Duration = Duration::from_secs(1);
/// …up to this.
const RETRY_MAX: Duration = Duration::from_mins(10);
/// Before it is looked whether something is there of which the vendor did not say.
const DOUBT: Duration = Duration::from_secs(15);
/// Before a contact is tried again that was turned away because its account is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(5);

/// What a push says of its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing against it.
    Well,
    /// It is to be left alone for so long.
    Wait(Duration),
    /// It fails, or our own database does.
    Trouble,
}

/// Why a push did not come to its end.
enum Failure {
    Vendor(VendorError),
    /// The vendor may have added a note, or made a contact, all the same.
    Doubt(VendorError),
    Store(sqlx::Error),
    /// What has to be known elsewhere is not: a dead letter, or that the contact has changed.
    Unsaid(String),
    /// Somebody else has the contact in hand, or its notes have changed.
    Overtaken,
    /// We are told to end.
    Stopped,
}

impl From<VendorError> for Failure {
    fn from(error: VendorError) -> Self {
        Self::Vendor(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error)
    }
}

impl Parts {
    /// Pushes the contact and ends its claim.
    pub(super) async fn push(
        &self,
        claimed: &Claimed,
        crm: &Crm,
        deadline: Instant,
        shutdown: &CancellationToken,
    ) -> Fate {
        let Claimed { org, vendor, version, .. } = claimed;
        let span = tracing::info_span!("push", org, vendor, version);
        async {
            let pushed = self.carry_out(claimed, crm, By::background(deadline), shutdown).await;
            let (outcome, fate, stood) = self.write_down(claimed, pushed).await;
            counter!("offhook_crm_pushes_total", "vendor" => vendor.clone(), "outcome" => outcome).increment(1);
            let settled = match stood {
                // Our push may be older than what another has pushed meanwhile.
                Ok(false) => store::overtaken(&self.pool, claimed).await,
                stood => stood.map(|_| ()),
            };
            let Err(error) = settled else { return fate };
            tracing::warn!(%error, "a push is not written down; its claim ends by itself");
            Fate::Trouble
        }
        .instrument(span)
        .await
    }

    /// Brings everything to the vendor.
    async fn carry_out(
        &self,
        claimed: &Claimed,
        crm: &Crm,
        by: By,
        shutdown: &CancellationToken,
    ) -> Result<Option<VendorError>, Failure> {
        let vendors = &self.vendors;
        let phone: PhoneNumber = claimed
            .phone
            .parse()
            .map_err(|_| VendorError::Unsendable("the contact's number is no phone number".to_owned()))?;
        let known = claimed.external_id.as_deref();
        let wanted = Wanted { phone: &phone, known, desired: &claimed.desired };
        let placed = crm.place(vendors, wanted, by).await;
        let in_doubt = |error: &VendorError| known.is_none() && crm.may_double() && error.may_have_happened();
        let placed = placed.map_err(|error| if in_doubt(&error) { Failure::Doubt(error) } else { error.into() })?;
        if known != Some(placed.id.as_str()) {
            // At once: whatever fails from here on, nobody has to search for it again.
            store::know(&self.pool, claimed, &placed.id).await?;
        }
        crm.fill(vendors, &placed, &claimed.desired, by).await?;
        let told = self.tell(claimed).await;
        let refused = self.bring_notes(claimed, crm, &placed.id, by, shutdown).await?;
        // Only now: a broker that is away keeps no note from the CRM.
        told.map_err(Failure::Unsaid)?;
        Ok(refused)
    }

    /// Adds the notes that are wanted; why one of them is refused, if one is.
    async fn bring_notes(
        &self,
        claimed: &Claimed,
        crm: &Crm,
        id: &str,
        by: By,
        shutdown: &CancellationToken,
    ) -> Result<Option<VendorError>, Failure> {
        let notes = store::open_notes(&self.pool, claimed, NOTES_MAX).await?;
        let begun = notes.iter().any(|note| note.adding);
        let there = if begun { crm.notes(&self.vendors, id, by).await? } else { Vec::new() };
        let mut refused = None;
        for note in &notes {
            let found = there.iter().find(|found| note.adding && note.is(&found.body));
            let added = match found {
                Some(found) => Ok(found.id.clone()),
                None if shutdown.is_cancelled() => return Err(Failure::Stopped),
                None => self.add_note(claimed, crm, id, note, by).await,
            };
            match added {
                Ok(note_id) => store::end_note(&self.pool, claimed, note, &note_id).await?,
                // One note that the vendor does not want keeps no other from it.
                Err(Failure::Vendor(error)) if is_of_the_contact(&error) => {
                    // A dead letter first, whatever becomes of the other notes.
                    self.write_letter(claimed, &error).await.map_err(Failure::Unsaid)?;
                    store::refuse_note(&self.pool, claimed, note, &error.to_string()).await?;
                    refused.get_or_insert(error);
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(refused)
    }

    async fn add_note(
        &self,
        claimed: &Claimed,
        crm: &Crm,
        id: &str,
        note: &OpenNote,
        by: By,
    ) -> Result<String, Failure> {
        if !store::begin_note(&self.pool, claimed, note).await? {
            return Err(Failure::Overtaken);
        }
        let added = crm.add_note(&self.vendors, id, &note.body(), note.at, by).await;
        added.map_err(|error| if error.may_have_happened() { Failure::Doubt(error) } else { error.into() })
    }

    /// Ends the claim as the push ended: its outcome in metrics, what it says of the account, whether the claim still stood.
    async fn write_down(
        &self,
        claimed: &Claimed,
        pushed: Result<Option<VendorError>, Failure>,
    ) -> (&'static str, Fate, sqlx::Result<bool>) {
        let (pool, next) = (&self.pool, claimed.attempts.saturating_add(1));
        let again = async |pause: Duration, attempts: i32, why: Option<&str>, forget_id: bool| {
            store::postpone(pool, claimed, pause, attempts, why, forget_id).await
        };
        let failed = |error: &dyn std::fmt::Display| {
            tracing::warn!(attempts = next, %error, "a contact is not pushed");
            error.to_string()
        };
        match pushed {
            Ok(None) => ("pushed", Fate::Well, store::finish(pool, claimed).await),
            Ok(Some(error)) => {
                tracing::error!(%error, "a note is refused");
                ("refused", Fate::Well, store::finish(pool, claimed).await)
            }
            Err(Failure::Stopped) => {
                ("stopped", Fate::Well, again(Duration::ZERO, claimed.attempts, None, false).await)
            }
            Err(Failure::Overtaken) => {
                ("overtaken", Fate::Well, again(Duration::ZERO, claimed.attempts, None, false).await)
            }
            Err(Failure::Store(error)) => {
                ("failed", Fate::Trouble, again(pause(next), next, Some(&failed(&error)), false).await)
            }
            Err(Failure::Unsaid(why)) => {
                ("failed", Fate::Trouble, again(pause(next), next, Some(&failed(&why)), false).await)
            }
            Err(Failure::Doubt(error)) => {
                ("failed", Fate::Trouble, again(pause(next).max(DOUBT), next, Some(&failed(&error)), false).await)
            }
            Err(Failure::Vendor(VendorError::RateLimited(wait))) => {
                ("rate_limited", Fate::Wait(wait), again(wait, claimed.attempts, None, false).await)
            }
            Err(Failure::Vendor(error @ VendorError::Open)) => (
                "open",
                Fate::Trouble,
                again(LEFT_ALONE, claimed.attempts.max(1), Some(&error.to_string()), false).await,
            ),
            // Merged or deleted between two of our requests; the next push finds or makes the one there is.
            Err(Failure::Vendor(error @ VendorError::Refused(404 | 410, _))) => {
                ("gone", Fate::Well, again(pause(next), next, Some(&failed(&error)), true).await)
            }
            Err(Failure::Vendor(error)) if is_of_the_contact(&error) => self.refused(claimed, &error).await,
            Err(Failure::Vendor(error)) => {
                ("failed", Fate::Trouble, again(pause(next), next, Some(&failed(&error)), false).await)
            }
        }
    }

    /// A dead letter first: a refusal that nobody hears of would be a loss.
    async fn refused(&self, claimed: &Claimed, error: &VendorError) -> (&'static str, Fate, sqlx::Result<bool>) {
        let next = claimed.attempts.saturating_add(1);
        match self.write_letter(claimed, error).await {
            Ok(()) => {
                tracing::error!(%error, "a push is refused");
                ("refused", Fate::Well, store::refuse(&self.pool, claimed, &error.to_string()).await)
            }
            Err(why) => {
                tracing::error!(%error, why, "a push is refused, but its dead letter is not stored");
                let error = error.to_string();
                let stood = store::postpone(&self.pool, claimed, pause(next), next, Some(&error), false).await;
                ("failed", Fate::Trouble, stood)
            }
        }
    }
}

/// Whether the vendor does not want just this, and will not want it later. What it says of the token, the plan or the scope
/// (401 to 403) is about the account, and who is not there (404, 410) can be looked for.
fn is_of_the_contact(error: &VendorError) -> bool {
    !error.is_passing() && !matches!(error, VendorError::Refused(401..=404 | 410, _))
}

/// Exponential, half of it by chance.
fn pause(attempts: i32) -> Duration {
    let doublings = attempts.saturating_sub(1).clamp(0, 16);
    RETRY_MIN.saturating_mul(1 << doublings).min(RETRY_MAX).mul_f64(fastrand::f64().mul_add(0.5, 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_from_half_a_second_to_ten_minutes_and_no_further() {
        for (attempts, longest) in [(0, 1), (1, 1), (2, 2), (5, 16), (11, 600), (i32::MAX, 600)] {
            for _ in 0..100 {
                let (pause, longest) = (pause(attempts), Duration::from_secs(longest));
                assert!(pause <= longest && pause * 2 >= longest, "{attempts}: {pause:?}");
            }
        }
    }
}
