//! An org's accounts at its vendors, as far as they can be used now.
//!
//! A vendor that is not named is not asked. One that is, but whose secret or address can't be read here, is a failure: what
//! it would have told is missing.

use std::sync::Arc;

use orgs::{LiveOrg, LiveVendor};
use vendors::{calcom, highlevel, hubspot, langfuse, mem0, zep};

use crate::account;

/// The vendors that keep calendars, as the orgs file names them.
pub(crate) const HIGHLEVEL: &str = "highlevel";
pub(crate) const CALCOM: &str = "calcom";
/// Which version of a prompt is asked for, unless the org says otherwise.
const LABEL: &str = "production";

/// Whom can be asked on behalf of an org. Cheap to clone: a load takes along whom it asks.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    pub(crate) highlevel: Named<Arc<highlevel::Account>>,
    hubspot: Named<Arc<hubspot::Account>>,
    calcom: Named<Arc<calcom::Account>>,
    pub(crate) memory: Named<Arc<MemoryAccount>>,
    pub(crate) langfuse: Named<Arc<langfuse::Account>>,
    prompts: Option<Prompts>,
}

/// What belongs to an account, if the org names it.
pub(crate) type Named<T> = Option<Result<T, OutOfReach>>;

/// Why somebody who is named can't be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfReach {
    /// The account is named, and can't be used as long as this is so.
    #[error("the vendor's secret or address can't be read here")]
    Account,
    /// A calendar of a vendor that this version does not know.
    #[error("the calendar's vendor can't be asked yet")]
    Calendar,
}

/// Where an org's memories are: Zep, or mem0 if there is no Zep.
#[derive(Debug, Clone)]
pub enum MemoryAccount {
    /// At Zep.
    Zep(zep::Account),
    /// At mem0.
    Mem0(mem0::Account),
}

/// Where a calendar is kept.
#[derive(Debug, Clone)]
pub(crate) enum CalendarAccount {
    /// At HighLevel.
    HighLevel(Arc<highlevel::Account>),
    /// At Cal.com.
    Calcom(Arc<calcom::Account>),
}

/// Which prompts an org's agents speak by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompts {
    /// The one for callers we know.
    pub known: PromptName,
    /// The one for everybody else.
    pub unknown: PromptName,
}

/// A prompt by name and label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptName {
    /// Its name at the vendor.
    pub name: String,
    /// Which of its versions.
    pub label: String,
}

impl Accounts {
    /// Of this org, as it is now.
    #[must_use]
    pub fn of(live: &LiveOrg) -> Arc<Self> {
        live.once(Self::new)
    }

    fn new(live: &LiveOrg) -> Self {
        let org = &live.org.id;
        let zep = live.vendor("zep").map(|vendor| account::zep(org, &vendor).map(MemoryAccount::Zep));
        // Not when Zep is merely out of reach: the same memory would be told from somewhere else.
        let mem0 = || live.vendor("mem0").map(|vendor| account::mem0(org, &vendor).map(MemoryAccount::Mem0));
        let langfuse = live.vendor("langfuse");
        Self {
            highlevel: live.vendor(HIGHLEVEL).map(|vendor| reached(account::highlevel(org, &vendor))),
            hubspot: live.vendor("hubspot").map(|vendor| reached(account::hubspot(org, &vendor))),
            calcom: live.vendor(CALCOM).map(|vendor| reached(account::calcom(org, &vendor))),
            memory: zep.or_else(mem0).map(reached),
            langfuse: langfuse.as_ref().map(|vendor| reached(account::langfuse(org, vendor))),
            prompts: langfuse.as_ref().and_then(prompts),
        }
    }

    /// The org's location at HighLevel, if it names one.
    #[must_use]
    pub fn highlevel(&self) -> Option<Result<Arc<highlevel::Account>, OutOfReach>> {
        self.highlevel.clone()
    }

    /// The org's account at HubSpot, if it names one.
    #[must_use]
    pub fn hubspot(&self) -> Option<Result<Arc<hubspot::Account>, OutOfReach>> {
        self.hubspot.clone()
    }

    /// Where the org's memories are, if it names a vendor for them.
    #[must_use]
    pub fn memory(&self) -> Option<Result<Arc<MemoryAccount>, OutOfReach>> {
        self.memory.clone()
    }

    /// Who is asked about what this vendor's calendars hold.
    pub(crate) fn calendar(&self, vendor: &str) -> Named<CalendarAccount> {
        match vendor {
            HIGHLEVEL => self.highlevel.clone().map(|named| named.map(CalendarAccount::HighLevel)),
            CALCOM => self.calcom.clone().map(|named| named.map(CalendarAccount::Calcom)),
            _ => Some(Err(OutOfReach::Calendar)),
        }
    }

    /// The prompts, if the org has any.
    #[must_use]
    pub fn prompts(&self) -> Option<&Prompts> {
        self.prompts.as_ref()
    }
}

fn reached<T>(account: Option<T>) -> Result<Arc<T>, OutOfReach> {
    account.map(Arc::new).ok_or(OutOfReach::Account)
}

fn prompts(vendor: &LiveVendor<'_>) -> Option<Prompts> {
    let label = vendor.text("label").unwrap_or(LABEL);
    let named = |name: &str| PromptName { name: name.to_owned(), label: label.to_owned() };
    let unknown = vendor.text("prompt_unknown").or_else(|| vendor.text("prompt_known"))?;
    let known = vendor.text("prompt_known").unwrap_or(unknown);
    Some(Prompts { known: named(known), unknown: named(unknown) })
}
