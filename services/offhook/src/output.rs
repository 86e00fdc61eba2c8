//! What a command prints: text for people, or one JSON object per result with `--json`. Logs go elsewhere.

use std::fmt::Display;

use serde::Serialize;

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Whether a program reads it.
    pub(crate) json: bool,
}

impl Output {
    /// One result.
    #[expect(clippy::print_stdout, reason = "the one place where commands print")]
    pub(crate) fn result(self, text: impl Display, value: &impl Serialize) {
        if self.json {
            println!("{}", serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}")));
        } else {
            println!("{text}");
        }
    }

    /// A line for people only.
    #[expect(clippy::print_stdout, reason = "the one place where commands print")]
    pub(crate) fn line(self, text: impl Display) {
        if !self.json {
            println!("{text}");
        }
    }
}
