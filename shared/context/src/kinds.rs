//! The table of everything that is cached.

use cache::{Kind as _, Spec};

use crate::{
    Contact, appointments::AppointmentsOf, crm_contact::CrmContactOf, memory::MemoryOf, prompt::PromptOf, slots::DayOf,
};

/// Every kind, as `offhook cache kinds` prints them.
pub const KINDS: [Spec; 6] =
    [Contact::SPEC, CrmContactOf::SPEC, MemoryOf::SPEC, DayOf::SPEC, AppointmentsOf::SPEC, PromptOf::SPEC];
