//! A transcript as the turns of a conversation, and its summary as the last one.

use vendors::{Message, Role};

use super::store::Call;

/// How a transcript names who speaks, at the beginning of a line.
const SPEAKERS: [(&str, Role); 2] = [("Agent:", Role::Assistant), ("User:", Role::User)];
/// What the summary begins with.
const SUMMARY: &str = "Summary of the call: ";

/// What is told of a call. A line that names nobody goes on with the turn before it; the first one is the caller's.
pub(super) fn messages(call: &Call) -> Vec<Message> {
    let mut turns: Vec<(Role, String)> = Vec::new();
    for line in call.transcript.lines() {
        let named = SPEAKERS.iter().find_map(|(name, role)| Some((*role, line.strip_prefix(name)?.trim())));
        match (named, turns.last_mut()) {
            (Some((role, said)), _) => turns.push((role, said.to_owned())),
            (None, Some((_, said))) => said.extend(["\n", line]),
            (None, None) => turns.push((Role::User, line.to_owned())),
        }
    }
    let turns = turns.into_iter().map(|(role, content)| Message {
        role,
        content: content.trim().to_owned(),
        name: call.name.clone().filter(|_| role == Role::User),
        at: call.started_at.or(call.ended_at),
    });
    let summary = call.summary.iter().filter(|summary| !summary.trim().is_empty()).map(|summary| Message {
        role: Role::Assistant,
        content: format!("{SUMMARY}{summary}"),
        name: None,
        at: call.ended_at,
    });
    turns.filter(|turn| !turn.content.is_empty()).chain(summary).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(transcript: &str, summary: Option<&str>) -> Vec<(Role, String)> {
        let call = Call {
            contact_phone: String::new(),
            name: Some("Jane".to_owned()),
            transcript: transcript.to_owned(),
            summary: summary.map(str::to_owned),
            started_at: None,
            ended_at: None,
        };
        messages(&call).into_iter().map(|message| (message.role, message.content)).collect()
    }

    #[test]
    fn turns_are_told_as_who_said_them_and_the_summary_at_the_end() {
        let transcript = "Agent: Hello, Demo Dental.\nUser: I need\na cleaning: soon.\n\nAgent:\nUser: Bye\n";
        let expected = [
            (Role::Assistant, "Hello, Demo Dental."),
            (Role::User, "I need\na cleaning: soon."),
            (Role::User, "Bye"),
            (Role::Assistant, "Summary of the call: A cleaning."),
        ];
        let expected: Vec<_> = expected.map(|(role, said)| (role, said.to_owned())).into();
        assert_eq!(told(transcript, Some("A cleaning.")), expected);
    }

    #[test]
    fn what_names_nobody_is_the_callers_and_nothing_is_told_of_nothing() {
        assert_eq!(told("I need a cleaning", None), [(Role::User, "I need a cleaning".to_owned())]);
        assert_eq!(told("Agent:\n \n", Some(" ")), []);
    }
}
