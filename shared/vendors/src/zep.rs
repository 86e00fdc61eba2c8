//! Zep: facts about a person, drawn from what they said.
//!
//! The API of the v3 clients, under `/api/v2`, where ids are ours; in v4 they would be Zep's own. Wire facts: getzep/zep-python
//! 3.21 and help.getzep.com. What is added becomes facts some time later. Adding messages is never repeated here: each time
//! tells them again. Refuses what Zep has found to be no longer true.

mod add;
mod search;
mod thread;

pub use add::batches;
pub use thread::Thread;

use std::time::Duration;

use cache::Rate;
use contract::OrgId;
use secrecy::SecretString;

use crate::{
    Vendors,
    line::{Line, Vendor},
};

/// Where the API is, unless an account says otherwise.
pub const BASE_URL: &str = "https://api.getzep.com";

/// How many calls a minute depends on the plan and is not told; the 429 says when it was too much.
const VENDOR: Vendor =
    Vendor { name: "zep", rate: Rate { burst: 30, every: Duration::from_millis(50), reserve: 10, share: 25 } };

/// A project at Zep.
#[derive(Debug, Clone)]
pub struct Account {
    /// Whose.
    pub org: OrgId,
    /// [`BASE_URL`], or the sandbox's.
    pub base_url: String,
    /// The project's key.
    pub api_key: SecretString,
}

/// Zep, as one org uses it.
pub struct Zep<'a> {
    line: Line<'a>,
}

impl Vendors {
    /// Zep for this account.
    #[must_use]
    pub fn zep<'a>(&'a self, account: &'a Account) -> Zep<'a> {
        let line = Line {
            vendors: self,
            vendor: &VENDOR,
            account: cache::Account { org: account.org.clone(), name: VENDOR.name.to_owned() },
            base_url: &account.base_url,
            // Not `Bearer`.
            scheme: "Api-Key",
            credentials: account.api_key.clone(),
            secrets: vec![account.api_key.clone()],
        };
        Zep { line }
    }
}
