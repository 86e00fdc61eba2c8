//! What a caller said before, by the org's memory vendor.

use cache::{Key, Kind, Spec};
use contract::{OrgId, PhoneNumber};
use serde::{Deserialize, Serialize};

use crate::{kinds, tags};

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
    const SPEC: Spec = kinds::MEMORY;
    type Value = Memory;

    fn key(&self) -> Key {
        Key::of(&self.org).tag(&tags::memory(&self.phone))
    }
}
