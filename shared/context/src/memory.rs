//! What a caller said before, by the org's memory vendor.

use std::time::Duration;

use cache::{Key, Kind, Life, Piece, Spec};
use contract::{OrgId, PhoneNumber};
use serde::{Deserialize, Serialize};

use crate::tags;

/// The memories of a caller.
#[derive(Debug, Clone)]
pub(crate) struct MemoryOf {
    pub(crate) org: OrgId,
    pub(crate) phone: PhoneNumber,
}

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// One sentence each, the most relevant first.
    pub facts: Vec<String>,
}

impl Kind for MemoryOf {
    const SPEC: Spec = Spec {
        name: "memory",
        about: "what the caller said before, by the memory vendor",
        shape: 1,
        pieces: &[Piece::Tag(tags::MEMORY, &["phone"])],
        life: Life {
            fresh: Duration::from_hours(1),
            stale: Duration::from_hours(24),
            in_process: Duration::from_secs(1),
            absent: Duration::from_secs(300),
        },
        compress_over: 1024,
        load_max: Duration::from_secs(10),
    };
    type Value = Memory;

    fn key(&self) -> Key {
        Key::of(&self.org).tag(tags::memory(&self.phone))
    }
}
