//! One answer: gathered until the deadline, built, and told to the log.
//!
//! The same for a hit and for a miss, for a caller we know and for one we don't: same variables, same event.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use axum::http::HeaderName;
use bytes::Bytes;
use chrono::Utc;
use context::{Accounts, Agenda, Slots};
use contract::{Envelope, EventType, Source};
use metrics::counter;
use orgs::LiveOrg;
use serde_json::{Value, json};
use sources::retell::Inbound;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    caller::{Call, Named},
    gather::{Gathered, Question},
    handle::Context,
    variables::{Situation, Variables},
};

/// How long an answer may take, unless its channel says otherwise.
const DEADLINE: Duration = Duration::from_millis(300);
/// How each part went, as browsers' developer tools show it (W3C Server Timing).
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// A header of all parts fits, in bytes.
const TIMING_BYTES_USUAL: usize = 256;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asker {
    /// Retell, while the line rings.
    Retell,
    /// ElevenLabs, while the line rings at either end.
    ElevenLabs,
    /// The org's own code.
    Api,
}

impl Asker {
    fn as_str(self) -> &'static str {
        match self {
            Self::Retell => "retell",
            Self::ElevenLabs => "elevenlabs",
            Self::Api => "api",
        }
    }
}

/// What is told.
pub(crate) struct Answer {
    /// Comes back in the call's own events, so that they can be joined with this answer.
    pub(crate) id: String,
    pub(crate) variables: Variables,
    gathered: Gathered,
    took: Duration,
    /// Nobody was asked: we don't know whose call it is.
    neutral: bool,
}

/// Answers a question of this org.
pub(crate) async fn answer(context: &Context, org: &LiveOrg, asker: Asker, asked: &Inbound, begun: Instant) -> Answer {
    let call = Call::new(org, asker, asked);
    let answer = if call.is_ours {
        Answer::of(context, org, &call, begun).await
    } else {
        counter!("offhook_answer_strange_numbers_total").increment(1);
        Answer::neutral(begun, &call.also)
    };
    answer.tell(context, org, asker, asked, &call);
    answer
}

impl Answer {
    /// What is told about a call of this org, as far as it is known by the deadline.
    async fn of(context: &Context, org: &LiveOrg, call: &Call<'_>, begun: Instant) -> Self {
        let deadline = call.channel.and_then(|channel| channel.deadline_ms).map_or(DEADLINE, Duration::from_millis);
        let accounts = Accounts::of(org);
        let question = Question {
            org: &org.org.id,
            accounts: &accounts,
            phone: call.phone.as_ref(),
            slots: call.branch.and_then(|branch| Slots::of(branch, Utc::now())),
            agenda: Agenda::of(call.branch),
            begun,
            deadline: begun + deadline,
        };
        let gathered = question.gather(&context.library).await;
        let variables = Variables::of(&Situation {
            business_name: &org.org.name,
            branch: call.branch,
            channel: call.channel,
            also: &call.also,
            phone: call.phone.as_ref(),
            now: Utc::now(),
            gathered: &gathered,
        });
        Self { id: id(), variables, gathered, took: begun.elapsed(), neutral: false }
    }

    /// What is told when nothing can be known: every name with its default, those of `also` included.
    pub(crate) fn neutral(begun: Instant, also: &[Named<'_>]) -> Self {
        let gathered = Gathered::default();
        let variables = Variables::of(&Situation {
            business_name: "",
            branch: None,
            channel: None,
            also,
            phone: None,
            now: Utc::now(),
            gathered: &gathered,
        });
        Self { id: id(), variables, gathered, took: begun.elapsed(), neutral: true }
    }

    /// How it went, in one word.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self { neutral: true, .. } => "neutral",
            _ if self.gathered.missing().is_empty() => "whole",
            _ => "degraded",
        }
    }

    /// The header that says how long each part took.
    pub(crate) fn timing(&self) -> [(HeaderName, String); 1] {
        let mut parts = String::with_capacity(TIMING_BYTES_USUAL);
        for part in self.gathered.reports() {
            write!(parts, "{};dur={};desc=\"{}\", ", part.name, Timed(part.took), part.from).ok();
        }
        write!(parts, "total;dur={}", Timed(self.took)).ok();
        [(SERVER_TIMING, parts)]
    }

    /// The whole of it, for the org's own code.
    pub(crate) fn as_json(&self) -> Value {
        json!({
            "id": self.id,
            "variables": self.variables,
            "degraded": self.gathered.missing(),
            "parts": self.parts(),
        })
    }

    fn parts(&self) -> Value {
        let parts = self
            .gathered
            .reports()
            .map(|part| (part.name.to_owned(), json!({ "from": part.from, "ms": ms(part.took), "why": part.why })));
        Value::Object(parts.collect())
    }

    /// The event that says so.
    fn tell(&self, context: &Context, org: &LiveOrg, asker: Asker, asked: &Inbound, call: &Call<'_>) {
        let Some(place) = context.emitter.place() else { return };
        let now = Utc::now();
        let body = json!({
            "offhook_id": self.id,
            "asked_by": asker.as_str(),
            "call_id": asked.call_id,
            "from_number": asked.from_number,
            "to_number": asked.to_number,
            "agent_id": asked.agent_id,
            "contact_phone": call.phone,
            "branch": call.branch.map(|branch| &branch.id),
            "known": self.gathered.is_known(),
            "degraded": self.gathered.missing(),
            "parts": self.parts(),
            "answer_ms": ms(self.took),
        });
        let envelope = Envelope {
            org: org.org.id.clone(),
            source: Source::ANSWER,
            channel: String::new(),
            id: format!("call_inbound:{}", self.id),
            kind: EventType::CallInbound,
            subject: Some(self.id.clone()),
            time: now,
            received_at: now,
            content_type: "application/json".to_owned(),
            fault: None,
        };
        context.emitter.emit(place, &envelope, Bytes::from(body.to_string()));
    }
}

fn id() -> String {
    Uuid::now_v7().simple().to_string()
}

/// Milliseconds with two digits after the point. Of whole numbers: a float takes as long to write as a part to read.
struct Timed(Duration);

impl fmt::Display for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.0.as_micros() / 10;
        write!(f, "{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}
