//! What an agent speaks by, from the org's prompt vendor.

use std::time::Duration;

use cache::{Key, Kind, Life, Piece, Spec};
use contract::OrgId;
use serde::{Deserialize, Serialize};

use crate::{accounts::PromptName, tags};

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
    const SPEC: Spec = Spec {
        name: "prompt",
        about: "what an agent speaks by",
        shape: 1,
        pieces: &[Piece::Tag(tags::PROMPT, &["name"]), Piece::Part("label")],
        life: Life {
            fresh: Duration::from_secs(300),
            stale: Duration::from_hours(24),
            in_process: Duration::from_secs(1),
            absent: Duration::from_secs(60),
        },
        compress_over: 1024,
        load_max: Duration::from_secs(10),
    };
    type Value = Prompt;

    fn key(&self) -> Key {
        Key::of(&self.org).tag(tags::prompt(&self.prompt.name)).part(&self.prompt.label)
    }
}
