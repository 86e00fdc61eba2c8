//! An org's vendors: one read of each that costs next to nothing, of a person who does not exist, and the branches' calendars.

use std::time::Instant;

use chrono::{TimeDelta, Utc};
use contract::{OrgId, PhoneNumber};
use futures_util::future::join_all;
use orgs::{Branch, LiveOrg, LiveVendor};
use vendors::{By, UserId, VendorError, highlevel, hubspot, langfuse, mem0, zep};

use super::{Finding, Round};

/// Nobody's number: of those that are reserved for use in stories.
const NOBODY: &str = "+12025550143";
/// How far ahead a calendar is asked for free slots.
const AHEAD: TimeDelta = TimeDelta::days(1);
const HIGHLEVEL: &str = "highlevel";
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
            // Nothing here calls it yet.
            _ => return None,
        };
        let finding = finding(&live.org.id, name, &answer, began.elapsed().as_millis());
        Some((name, matches!(answer, Some(Ok(_))), finding))
    });
    let asked: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
    let highlevel_answers = asked.iter().any(|(name, answers, _)| *name == HIGHLEVEL && *answers);
    let mut findings: Vec<Finding> = asked.into_iter().map(|(_, _, finding)| finding).collect();
    let calendars = live.org.branches.iter().filter(|branch| branch.calendar.is_some());
    findings.extend(join_all(calendars.map(|branch| calendar(round, live, branch, highlevel_answers))).await);
    findings
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
async fn calendar(round: &Round, live: &LiveOrg, branch: &Branch, vendor_answers: bool) -> Finding {
    let (org, what) = (live.org.id.as_str(), format!("calendar of {}", branch.id));
    let Some(calendar) = branch.calendar.as_ref().filter(|calendar| calendar.vendor == HIGHLEVEL) else {
        return Finding::green(org, &what, "of a vendor that is not asked yet");
    };
    let account = live.vendor(HIGHLEVEL).and_then(|vendor| highlevel_account(&live.org.id, &vendor));
    let Some(account) = account.filter(|_| vendor_answers) else {
        return Finding::amber(org, &what, "not looked at", "mend highlevel first");
    };
    let (now, asked) = (Utc::now(), round.vendors.highlevel(&account));
    match asked.free_slots(&calendar.id, (now, now + AHEAD), branch.time_zone, by(round)).await {
        Ok(_) => Finding::green(org, &what, format!("{} exists", calendar.id)),
        Err(VendorError::Refused(status @ (400 | 404 | 422), why)) => {
            let found = format!("{} is not known there: {status} {why}", calendar.id);
            Finding::red(org, &what, found, "write the calendar's id as the vendor shows it")
        }
        Err(error) => failed(org, &what, &error),
    }
}

async fn of_highlevel(round: &Round, org: &OrgId, vendor: &LiveVendor<'_>) -> Asked {
    let account = highlevel_account(org, vendor)?;
    let answer = round.vendors.highlevel(&account).lookup(&nobody()?, by(round)).await;
    Some(answer.map(|_| "a contact was looked up".to_owned()))
}

async fn of_zep(round: &Round, org: &OrgId, vendor: &LiveVendor<'_>) -> Asked {
    let (base_url, api_key) = (base_url(vendor, zep::BASE_URL), vendor.secret("token")?.clone());
    let account = zep::Account { org: org.clone(), base_url, api_key };
    let user = UserId::of(org, &nobody()?);
    let answer = round.vendors.zep(&account).search(&user, "doctor", 1, by(round)).await;
    Some(answer.map(|_| "a memory was searched".to_owned()))
}

async fn of_mem0(round: &Round, org: &OrgId, vendor: &LiveVendor<'_>) -> Asked {
    let (base_url, api_key) = (base_url(vendor, mem0::BASE_URL), vendor.secret("token")?.clone());
    let account = mem0::Account { org: org.clone(), base_url, api_key };
    let user = UserId::of(org, &nobody()?);
    let answer = round.vendors.mem0(&account).search(&user, "doctor", 1, by(round)).await;
    Some(answer.map(|_| "a memory was searched".to_owned()))
}

async fn of_langfuse(round: &Round, org: &OrgId, vendor: &LiveVendor<'_>) -> Asked {
    let account = langfuse::Account {
        org: org.clone(),
        base_url: base_url(vendor, langfuse::BASE_URL),
        public_key: vendor.text("public_key")?.to_owned(),
        secret_key: vendor.secret("secret_key")?.clone(),
    };
    let named = ["prompt_known", "prompt_unknown"].into_iter().find_map(|field| vendor.text(field));
    let (name, label) = (named.unwrap_or("doctor"), vendor.text("label").unwrap_or(LABEL));
    let prompt = round.vendors.langfuse(&account).prompt(name, label, by(round)).await;
    Some(prompt.and_then(|prompt| match (prompt, named) {
        (None, Some(name)) => Err(VendorError::Refused(404, format!("there is no prompt {name} labelled {label}"))),
        _ => Ok("a prompt was read".to_owned()),
    }))
}

async fn of_hubspot(round: &Round, org: &OrgId, vendor: &LiveVendor<'_>) -> Asked {
    let field = |name: &str| vendor.text(name).map(str::to_owned);
    let account = hubspot::Account {
        org: org.clone(),
        base_url: base_url(vendor, hubspot::BASE_URL),
        token: vendor.secret("token")?.clone(),
        phone_property: field("phone_property"),
        tags_property: field("tags_property"),
    };
    let answer = round.vendors.hubspot(&account).lookup(&nobody()?, by(round)).await;
    Some(answer.map(|_| "a contact was looked up".to_owned()))
}

fn highlevel_account(org: &OrgId, vendor: &LiveVendor<'_>) -> Option<highlevel::Account> {
    Some(highlevel::Account {
        org: org.clone(),
        base_url: base_url(vendor, highlevel::BASE_URL),
        token: vendor.secret("token")?.clone(),
        location_id: vendor.text("location_id")?.to_owned(),
    })
}

fn base_url(vendor: &LiveVendor<'_>, usual: &str) -> String {
    vendor.base_url().unwrap_or_else(|| usual.to_owned())
}

fn nobody() -> Option<PhoneNumber> {
    NOBODY.parse().ok()
}

fn by(round: &Round) -> By {
    By::background(Instant::now() + round.limit)
}
