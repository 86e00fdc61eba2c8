//! What an agent speaks by, from the org's prompt vendor.

use cache::{Key, Kind, Spec};
use contract::OrgId;
use serde::{Deserialize, Serialize};

use crate::{accounts::PromptName, kinds, tags};

/// A prompt by name and label.
#[derive(Debug, Clone)]
pub(crate) struct PromptOf {
    pub(crate) org: OrgId,
    pub(crate) prompt: PromptName,
}

/// A prompt with its placeholders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// The text.
    pub text: String,
    /// The vendor's version of it.
    pub version: i64,
}

impl Kind for PromptOf {
    const SPEC: Spec = kinds::PROMPT;
    type Value = Prompt;

    fn key(&self) -> Key {
        Key::of(&self.org).tag(&tags::prompt(&self.prompt.name)).part(&self.prompt.label)
    }
}
