//! What a note says of a call, and the mark by which it is found again. Pure.

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// The longest summary in a note, in characters; vendors' own limits are far above.
const SUMMARY_CHARS_MAX: usize = 4_000;

/// A note that is still to be added, with what our tables say of its call now.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct OpenNote {
    pub(super) source: String,
    pub(super) call_id: String,
    /// Somebody has begun to add it, and may have done so.
    pub(super) adding: bool,
    /// When the call began, as far as is known.
    pub(super) at: DateTime<Utc>,
    pub(super) summary: Option<String>,
    pub(super) status: Option<String>,
    pub(super) successful: Option<bool>,
    pub(super) in_voicemail: Option<bool>,
    pub(super) transferred: Option<bool>,
    pub(super) duration_ms: Option<i64>,
    pub(super) sentiment: Option<String>,
}

impl OpenNote {
    /// Summary, outcome, mark.
    pub(super) fn body(&self) -> String {
        let summary: String =
            self.summary.as_deref().unwrap_or_default().trim().chars().take(SUMMARY_CHARS_MAX).collect();
        let outcome = self.outcome();
        let outcome = if outcome.is_empty() { outcome } else { format!("\n\nOutcome: {outcome}") };
        format!("{summary}{outcome}\n\n{}", self.mark())
    }

    fn outcome(&self) -> String {
        let flag = |flag: Option<bool>, yes: &str| flag.filter(|flag| *flag).map(|_| yes.to_owned());
        let successful = self.successful.map(|successful| if successful { "successful" } else { "not successful" });
        let parts = [
            successful.map(str::to_owned),
            self.status.clone().map(|status| status.replace('_', " ")),
            flag(self.in_voicemail, "voicemail"),
            flag(self.transferred, "transferred"),
            self.duration_ms.map(|ms| format!("{} s", ms / 1000)),
            self.sentiment.as_ref().map(|sentiment| format!("{} caller", sentiment.to_lowercase())),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn mark(&self) -> String {
        format!("offhook call {}:{}", self.source, self.call_id)
    }

    /// Whether this text, which the vendor may have made HTML of, is this note.
    pub(super) fn is(&self, body: &str) -> bool {
        let mark = self.mark();
        let of_an_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.');
        body.match_indices(&mark).any(|(at, _)| !body[at + mark.len()..].starts_with(of_an_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(call_id: &str) -> OpenNote {
        OpenNote { source: "retell".into(), call_id: call_id.into(), ..OpenNote::default() }
    }

    #[test]
    fn a_note_tells_summary_and_outcome_and_is_found_by_its_mark_alone() {
        let full = OpenNote {
            summary: Some(" Chipped a tooth. ".into()),
            status: Some("not_connected".into()),
            successful: Some(true),
            in_voicemail: Some(false),
            duration_ms: Some(84_900),
            sentiment: Some("Positive".into()),
            ..note("call_1")
        };
        assert_eq!(
            full.body(),
            "Chipped a tooth.\n\nOutcome: successful, not connected, 84 s, positive caller\n\noffhook call retell:call_1"
        );
        assert_eq!(note("call_1").body(), "\n\noffhook call retell:call_1");
        assert!(full.is(&full.body()) && full.is("<p>x</p><p>offhook call retell:call_1</p>"));
        for other in ["", "offhook call retell:call_12", "offhook call other:call_1", "call_1"] {
            assert!(!full.is(other), "{other}");
        }
        assert!(note("c").is(&OpenNote { summary: Some("ü".repeat(9_000)), ..note("c") }.body()));
    }
}
