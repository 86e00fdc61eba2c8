//! An org's vendors: one read of each that costs next to nothing, of a person who does not exist, and the branches' calendars.

use std::time::Instant;

use chrono::{TimeDelta, Utc};
use context::account;
use contract::{OrgId, PhoneNumber};
use futures_util::future::join_all;
use orgs::{Branch, Calendar, LiveOrg, LiveVendor};
use vendors::{By, UserId, VendorError};

use super::{Finding, Round};

/// Nobody's number: of those that are reserved for use in stories.
const NOBODY: &str = "+12025550143";
/// How far ahead a calendar is asked for free slots.
const AHEAD: TimeDelta = TimeDelta::days(1);
const HIGHLEVEL: &str = "highlevel";
const CALCOM: &str = "calcom";
const LABEL: &str = "production";

/// What a vendor said, or `None` if it can't be asked from here.
type Asked = Option<Result<String, VendorError>>;

/// Asks every vendor that the org names and that can be asked.
pub(super) async fn examine(round: &Round, live: &LiveOrg) -> Vec<Finding> {
    let asked = live.org.vendors.keys().map(async |name| {
        let vendor = live.vendor(name)?;
        let began = Instant::now();
        let answer = match name.as_str() {
            HIGHLEVEL => of_highlevel(round, &live.org.id, &vendor).await,
            "zep" => of_zep(round, &live.org.id, &vendor).await,
            "mem0" => of_mem0(round, &live.org.id, &vendor).await,
            "langfuse" => of_langfuse(round, &live.org.id, &vendor).await,
            "hubspot" => of_hubspot(round, &live.org.id, &vendor).await,
            CALCOM => of_calcom(round, &live.org.id, &vendor).await,
            // Nothing here calls it yet.
            _ => return None,
        };
        let finding = finding(&live.org.id, name, &answer, began.elapsed().as_millis());
        Some((name, matches!(answer, Some(Ok(_))), finding))
    });
    let asked: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
    let answering: Vec<&str> =
        asked.iter().filter(|(_, answers, _)| *answers).map(|(name, ..)| name.as_str()).collect();
    let calendars = live.org.branches.iter().filter_map(|branch| Some((branch, branch.calendar.as_ref()?)));
    let calendars = join_all(calendars.map(|(branch, of)| calendar(round, live, branch, of, &answering))).await;
    asked.into_iter().map(|(_, _, finding)| finding).chain(calendars).collect()
}

fn finding(org: &OrgId, name: &str, answer: &Asked, ms: u128) -> Finding {
    let (org, what) = (org.as_str(), format!("vendor {name}"));
    match answer {
        None => {
            let cure = "give this shell what answer has, to have it checked";
            Finding::amber(org, &what, "its secret or address can't be read here", cure)
        }
        Some(Ok(found)) => Finding::green(org, &what, format!("{found}, in {ms} ms")),
        Some(Err(error)) => failed(org, &what, error),
    }
}

/// What a vendor's refusal means.
fn failed(org: &str, what: &str, error: &VendorError) -> Finding {
    let cure = match error {
        VendorError::Refused(401 | 403, _) => {
            "make a new token there that may read this, and put it where the orgs file says".to_owned()
        }
        VendorError::Refused(..) | VendorError::Unsendable(_) => {
            "compare the account's fields in the orgs file with the vendor's own pages".to_owned()
        }
        VendorError::RateLimited(_) => {
            return Finding::amber(org, what, error.to_string(), "wait, or ask for a larger plan");
        }
        _ => "see whether the vendor has trouble, and whether base_url is right; calls go on without it".to_owned(),
    };
    Finding::red(org, what, error.to_string(), cure)
}

/// The branch's calendar, if its vendor answers at all.
async fn calendar(round: &Round, live: &LiveOrg, branch: &Branch, calendar: &Calendar, answering: &[&str]) -> Finding {
    let (org, what) = (live.org.id.as_str(), format!("calendar of {}", branch.id));
    if ![HIGHLEVEL, CALCOM].contains(&calendar.vendor.as_str()) {
        return Finding::green(org, &what, "of a vendor that is not asked yet");
    }
    let asked =
        if answering.contains(&calendar.vendor.as_str()) { slots(round, live, branch, calendar).await } else { None };
    match asked {
        None => Finding::amber(org, &what, "not looked at", format!("mend {} first", calendar.vendor)),
        Some(Ok(())) => Finding::green(org, &what, format!("{} exists", calendar.id)),
        Some(Err(VendorError::Refused(status @ (400 | 404 | 422), why))) => {
            let found = format!("{} is not known there: {status} {why}", calendar.id);
            Finding::red(org, &what, found, "write the calendar's id as the vendor shows it")
        }
        Some(Err(error)) => failed(org, &what, &error),
    }
}

/// Whether the calendar tells of its next day; `None` without an account.
async fn slots(round: &Round, live: &LiveOrg, branch: &Branch, calendar: &Calendar) -> Option<Result<(), VendorError>> {
    let (org, now, zone) = (&live.org.id, Utc::now(), branch.time_zone);
    let (day, vendor) = ((now, now + AHEAD), live.vendor(&calendar.vendor)?);
    let asked = match calendar.vendor.as_str() {
        CALCOM => {
            let account = account::calcom(org, &vendor)?;
            round.vendors.calcom(&account).free_slots(&calendar.id, day, zone, by(round)).await
        }
        _ => {
            let account = account::highlevel(org, &vendor)?;
            round.vendors.highlevel(&account).free_slots(&calendar.id, day, zone, by(round)).await
        }
    };
    Some(asked.map(|_| ()))
}

async fn of_highlevel(round: &Round, org: &OrgId, vendor: &LiveVendor<'_>) -> Asked {
    let account = account::highlevel(org, vendor)?;
    let answer = round.vendors.highlevel(&account).lookup(&nobody()?, by(round)).await;
    Some(answer.map(|_| "a contact was looked up".to_owned()))
}

async fn of_zep(round: &Round, org: &OrgId, vendor: &LiveVendor<'_>) -> Asked {
    let account = account::zep(org, vendor)?;
    let user = UserId::of(org, &nobody()?);
    let answer = round.vendors.zep(&account).search(&user, "doctor", 1, by(round)).await;
    Some(answer.map(|_| "a memory was searched".to_owned()))
}

async fn of_mem0(round: &Round, org: &OrgId, vendor: &LiveVendor<'_>) -> Asked {
    let account = account::mem0(org, vendor)?;
    let user = UserId::of(org, &nobody()?);
    let answer = round.vendors.mem0(&account).search(&user, "doctor", 1, by(round)).await;
    Some(answer.map(|_| "a memory was searched".to_owned()))
}

async fn of_langfuse(round: &Round, org: &OrgId, vendor: &LiveVendor<'_>) -> Asked {
    let account = account::langfuse(org, vendor)?;
    let named = ["prompt_known", "prompt_unknown"].into_iter().find_map(|field| vendor.text(field));
    let (name, label) = (named.unwrap_or("doctor"), vendor.text("label").unwrap_or(LABEL));
    let prompt = round.vendors.langfuse(&account).prompt(name, label, by(round)).await;
    Some(prompt.and_then(|prompt| match (prompt, named) {
        (None, Some(name)) => Err(VendorError::Refused(404, format!("there is no prompt {name} labelled {label}"))),
        _ => Ok("a prompt was read".to_owned()),
    }))
}

async fn of_hubspot(round: &Round, org: &OrgId, vendor: &LiveVendor<'_>) -> Asked {
    let account = account::hubspot(org, vendor)?;
    let answer = round.vendors.hubspot(&account).lookup(&nobody()?, by(round)).await;
    Some(answer.map(|_| "a contact was looked up".to_owned()))
}

async fn of_calcom(round: &Round, org: &OrgId, vendor: &LiveVendor<'_>) -> Asked {
    let account = account::calcom(org, vendor)?;
    let answer = round.vendors.calcom(&account).upcoming("nobody@example.invalid", by(round)).await;
    Some(answer.map(|_| "bookings were looked up".to_owned()))
}

fn nobody() -> Option<PhoneNumber> {
    NOBODY.parse().ok()
}

fn by(round: &Round) -> By {
    By::background(Instant::now() + round.limit)
}
