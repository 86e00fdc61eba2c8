//! What a call needs to know: the kinds of it that are cached, their tags, and the loaders that fetch them.
//!
//! Whoever reads, refreshes or invalidates does it through here, so keys, tags and shapes exist once. Refuses to decide what is
//! said to a caller: that is the answer's business.

pub mod account;
mod accounts;
mod appointments;
mod broadcast;
mod contact;
mod crm_contact;
mod kinds;
mod library;
mod loaders;
mod memory;
mod prompt;
mod slots;
pub mod tags;
mod wanted;
mod weeks;

pub use accounts::{Accounts, MemoryAccount, OutOfReach, PromptName, Prompts};
pub use appointments::{Agenda, Appointment};
pub use broadcast::{Announcer, hear, open};
pub use contact::{Contact, ContactFacts};
pub use crm_contact::CrmContact;
pub use kinds::KINDS;
pub use library::{Library, Week};
pub use loaders::{Purpose, budget_wait};
pub use memory::Memory;
pub use prompt::Prompt;
pub use slots::{DAYS, Slots};
pub use wanted::{AHEAD, Wanted};
