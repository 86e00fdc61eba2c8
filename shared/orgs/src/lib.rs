//! Who the platform works for: orgs, branches, channels, and where their secrets are.
//!
//! Owns `orgs.toml` from text to live directory: [`check()`] it, [`apply()`] it to Postgres and to the bucket `orgs`, follow the
//! bucket with [`Live`]. Refuses secrets in the file, half-applied truth, and any database query while a call waits.

mod apply;
mod base_url;
mod check;
mod directory;
mod draft;
mod entry;
mod fault;
mod file;
mod follow;
mod hours;
mod keys;
mod live;
mod model;
mod secrets;
mod snapshot;
mod store;
mod vault;
mod vendor;
mod words;

pub use apply::{Applied, ApplyError, apply};
pub use check::{FILE_BYTES_MAX, ORG_BYTES_MAX, ORGS_MAX, SECRETS_MAX, check};
pub use directory::{Directory, LiveOrg, Secrets};
pub use fault::Fault;
pub use follow::BUCKET;
pub use hours::{Day, Opening};
pub use keys::{Held, Keys};
pub use live::Live;
pub use model::{Branch, Calendar, Channel, ChannelKind, Greeting, Org, Setting, SourceConfig, Variable};
pub use secrets::{NotAReference, SecretRef};
pub use vendor::LiveVendor;
