//! The table of everything that is cached: what its key is made of, and how long it lives.

use std::time::Duration;

use cache::{
    Life,
    Piece::{self, Part, Tag},
    Spec,
};

use crate::tags;

/// Values longer than this are compressed, in bytes.
const COMPRESS_OVER: usize = 1024;
/// What has tags is served from a process's own copy for so long.
const IN_PROCESS: Duration = Duration::from_secs(1);

pub(crate) const CONTACT: Spec = spec(
    "contact",
    1,
    "who is calling: name, calls so far, the last call's summary",
    &[Tag(tags::CONTACT, &["phone"])],
    [300, 3_600, 60],
    5,
);
pub(crate) const CRM_CONTACT: Spec =
    spec("crm_contact", 1, "who is calling, by the CRM", &[Tag(tags::CONTACT, &["phone"])], [300, 3_600, 60], 10);
pub(crate) const MEMORY: Spec =
    spec("memory", 1, "what the caller said before", &[Tag(tags::MEMORY, &["phone"])], [3_600, 86_400, 300], 10);
pub(crate) const SLOTS: Spec = spec(
    "slots",
    1,
    "a calendar's free slots of one day",
    &[Tag(tags::SLOTS, &["calendar", "day"]), Part("zone")],
    [60, 300, 60],
    10,
);
/// Its load may have to ask for the contact first.
pub(crate) const APPOINTMENTS: Spec = spec(
    "appointments",
    1,
    "the caller's appointments",
    &[Tag(tags::APPOINTMENTS, &["phone"]), Tag(tags::CONTACT, &["phone"]), Part("zone"), Part("vendor")],
    [60, 300, 60],
    15,
);
pub(crate) const PROMPT: Spec =
    spec("prompt", 1, "what an agent speaks by", &[Tag(tags::PROMPT, &["name"]), Part("label")], [300, 86_400, 60], 10);

/// Every kind, as `offhook cache kinds` prints them.
pub const KINDS: [Spec; 6] = [CONTACT, CRM_CONTACT, MEMORY, SLOTS, APPOINTMENTS, PROMPT];

/// A line of the table: the shape is counted up with each change of the value's type. Times in seconds: how long fresh, stale and absent values live, and how long a load may take.
const fn spec(
    name: &'static str,
    shape: u16,
    about: &'static str,
    pieces: &'static [Piece],
    [fresh, stale, absent]: [u64; 3],
    load_max: u64,
) -> Spec {
    let [fresh, stale, absent] = [Duration::from_secs(fresh), Duration::from_secs(stale), Duration::from_secs(absent)];
    let life = Life { fresh, stale, in_process: IN_PROCESS, absent };
    Spec { name, about, shape, pieces, life, compress_over: COMPRESS_OVER, load_max: Duration::from_secs(load_max) }
}
