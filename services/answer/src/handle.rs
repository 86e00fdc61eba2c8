//! The verb: answer a question about a caller, from the request to the body, one step per line.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{
        HeaderMap,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use bytes::Bytes;
use chrono::Utc;
use context::Library;
use contract::{OrgId, Source};
use metrics::histogram;
use orgs::{Directory, Live, LiveOrg, Secrets};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use sources::{
    elevenlabs::{self, Initiation, InitiationAnswer},
    retell::{self, Inbound},
};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use crate::{
    answer::{Answer, Asker, answer},
    caller::agent_expects,
    emit::Emitter,
    refusal::Refusal,
};

/// The longest question, in bytes.
const QUESTION_BYTES_MAX: usize = 64 * 1024;
/// An answer of the usual length fits, in bytes.
const ANSWER_BYTES_USUAL: usize = 8 * 1024;
/// From the end of the headers to the end of the question.
const QUESTION_MAX: Duration = Duration::from_secs(2);

/// Where ElevenLabs may show the org's secret, if not as `Authorization: Bearer`.
const INITIATION_SECRET_HEADER: &str = "x-webhook-secret";

/// What every answer needs.
pub(crate) struct Context {
    pub(crate) orgs: Live,
    pub(crate) library: Library,
    pub(crate) emitter: Emitter,
}

pub(crate) fn router(context: Arc<Context>) -> Router {
    Router::new()
        .route("/v1/{org}/retell/inbound", post(retell_inbound))
        .route("/v1/{org}/elevenlabs/initiation", post(elevenlabs_initiation))
        .route("/v1/{org}/callers/{phone}", get(callers))
        .with_state(context)
}

/// Retell asks while the line rings.
async fn retell_inbound(
    State(context): State<Arc<Context>>,
    org: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let begun = Instant::now();
    let answered: Result<(Answer, Inbound), Refusal> = async {
        let Path(org) = org.map_err(|_| Refusal::UnknownOrg)?;
        let body = read(body).await?;
        let asked = retell::inbound(&body);
        let directory = context.orgs.directory();
        let answer = match find(&context.orgs, directory.as_deref(), &org)? {
            Some(org) if signed(org, &headers, &body)? => answer(&context, org, Asker::Retell, &asked, begun).await,
            _ => Answer::neutral(begun, &[]),
        };
        Ok((answer, asked))
    }
    .instrument(span("retell_inbound"))
    .await;
    count("retell_inbound", begun, answered.as_ref().map(|(answer, _)| answer));
    match answered {
        Ok((answer, asked)) => (answer.timing(), written(&asked.answer(&answer.variables, &answer.id))).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// ElevenLabs asks before an agent speaks, whoever called. Without an answer, or without one of its variables, there is no call:
/// a question that can't be read is answered like any other.
async fn elevenlabs_initiation(
    State(context): State<Arc<Context>>,
    org: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let begun = Instant::now();
    let answered: Result<Answer, Refusal> = async {
        let Path(org) = org.map_err(|_| Refusal::UnknownOrg)?;
        let directory = context.orgs.directory();
        Ok(match find(&context.orgs, directory.as_deref(), &org)? {
            Some(org) if told(org, &headers)? => {
                let asked = inbound(elevenlabs::initiation(&read(body).await.unwrap_or_default()));
                answer(&context, org, Asker::ElevenLabs, &asked, begun).await
            }
            Some(org) => Answer::neutral(begun, &agent_expects(org, None)),
            None => Answer::neutral(begun, &[]),
        })
    }
    .instrument(span("elevenlabs_initiation"))
    .await;
    count("elevenlabs_initiation", begun, answered.as_ref());
    match answered {
        Ok(answer) => (answer.timing(), written(&InitiationAnswer::new(&answer.variables, &answer.id))).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// The same question in Retell's words.
fn inbound(asked: Initiation) -> Inbound {
    let mut inbound = Inbound::default();
    (inbound.from_number, inbound.to_number) = (asked.from_number, asked.to_number);
    (inbound.agent_id, inbound.call_id) = (asked.agent_id, asked.conversation_id.or(asked.call_sid));
    inbound
}

/// As JSON, in one piece of memory.
fn written(answer: &impl Serialize) -> Response {
    let mut body = Vec::with_capacity(ANSWER_BYTES_USUAL);
    // Texts by their names: there is nothing that JSON can't hold.
    serde_json::to_writer(&mut body, answer).ok();
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// What the org's own code says in the query.
#[derive(Deserialize)]
struct CallersQuery {
    /// The number that was called.
    to: Option<String>,
}

/// The org's own code asks.
async fn callers(
    State(context): State<Arc<Context>>,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<CallersQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let begun = Instant::now();
    let answered: Result<Answer, Refusal> = async {
        let Path((org, phone)) = path.map_err(|_| Refusal::UnknownOrg)?;
        // A query that can't be read names a number that is none of ours.
        let to_number = query.map_or(Some(String::new()), |Query(query)| query.to.map(|to| plus(&to)));
        let mut asked = Inbound::default();
        (asked.from_number, asked.to_number) = (Some(phone), to_number);
        let directory = context.orgs.directory();
        Ok(match find(&context.orgs, directory.as_deref(), &org)? {
            Some(org) if keyed(org, &headers)? => answer(&context, org, Asker::Api, &asked, begun).await,
            _ => Answer::neutral(begun, &[]),
        })
    }
    .instrument(span("caller"))
    .await;
    count("caller", begun, answered.as_ref());
    match answered {
        Ok(answer) => (answer.timing(), Json(answer.as_json())).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// The span of one answer; the loads and the event that it begins are in it too.
fn span(kind: &'static str) -> tracing::Span {
    tracing::info_span!("answer", otel.kind = "server", kind)
}

/// A number out of a query, where a plus sign that was not escaped arrives as a blank.
fn plus(number: &str) -> String {
    number.strip_prefix(' ').map_or_else(|| number.to_owned(), |digits| format!("+{digits}"))
}

/// The whole question. What is too long or too slow can't have been signed by anyone we know.
async fn read(body: Body) -> Result<Bytes, Refusal> {
    let read = timeout(QUESTION_MAX, to_bytes(body, QUESTION_BYTES_MAX)).await;
    read.ok().and_then(Result::ok).ok_or(Refusal::BadSignature)
}

/// The org of this id; `None` while that can't be known.
fn find<'d>(orgs: &Live, directory: Option<&'d Directory>, id: &str) -> Result<Option<&'d LiveOrg>, Refusal> {
    let id: OrgId = id.parse().map_err(|_| Refusal::UnknownOrg)?;
    match directory.map(|directory| directory.org(&id)) {
        // A snapshot may be older than the org.
        Some(None) if orgs.is_current() => Err(Refusal::UnknownOrg),
        known => Ok(known.flatten()),
    }
}

/// Whether Retell signed these bytes; `false` while that can't be known.
fn signed(org: &LiveOrg, headers: &HeaderMap, body: &[u8]) -> Result<bool, Refusal> {
    let header = text(headers, retell::SIGNATURE_HEADER);
    authentic(org, Source::RETELL, |secrets| {
        retell::verify(secrets.iter().copied(), header, body, Utc::now()).map(drop)
    })
}

/// Whether ElevenLabs showed the org's secret, in one of the headers that we tell people to name; `false` while that can't be
/// known.
fn told(org: &LiveOrg, headers: &HeaderMap) -> Result<bool, Refusal> {
    authentic(org, Source::ELEVENLABS, |secrets| {
        let shown = [AUTHORIZATION.as_str(), INITIATION_SECRET_HEADER].map(|name| text(headers, name));
        let verified = shown.map(|header| elevenlabs::verify_initiation(secrets.iter().copied(), header));
        verified[0].or(verified[1])
    })
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What `verify` makes of the org's secrets for this source; `false` while that can't be known.
fn authentic(
    org: &LiveOrg,
    source: Source,
    verify: impl FnOnce(&[&str]) -> Result<(), sources::Refusal>,
) -> Result<bool, Refusal> {
    let (secrets, complete) = match org.secrets(source) {
        Secrets::NotConfigured => return Err(Refusal::UnknownOrg),
        Secrets::Unreadable => return Ok(false),
        Secrets::Readable { secrets, complete } => (secrets, complete),
    };
    let secrets: Vec<&str> = secrets.iter().map(|secret| secret.expose_secret()).collect();
    match verify(&secrets) {
        Ok(()) => Ok(true),
        Err(sources::Refusal::StaleSignature) => Err(Refusal::StaleSignature),
        // The secret that can't be read here may be the one that signed.
        Err(sources::Refusal::UnreadableKey) => Ok(false),
        Err(sources::Refusal::BadSignature) if !complete => Ok(false),
        Err(sources::Refusal::BadSignature) => Err(Refusal::BadSignature),
    }
}

/// Whether the org's own key was shown; `false` while that can't be known.
fn keyed(org: &LiveOrg, headers: &HeaderMap) -> Result<bool, Refusal> {
    let (secrets, complete) = match org.api_keys() {
        Secrets::NotConfigured => return Err(Refusal::Unauthorized),
        Secrets::Unreadable => return Ok(false),
        Secrets::Readable { secrets, complete } => (secrets, complete),
    };
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let shown = shown.ok_or(Refusal::Unauthorized)?;
    // Every key is tried, so that the time taken does not tell which one is near.
    let known = secrets
        .iter()
        .fold(false, |known, key| known | verify_slices_are_equal(key.expose_secret().as_bytes(), shown).is_ok());
    if known || !complete { Ok(known) } else { Err(Refusal::Unauthorized) }
}

fn count(kind: &'static str, begun: Instant, answered: Result<&Answer, &Refusal>) {
    let outcome = match answered {
        Ok(answer) => answer.outcome(),
        Err(refusal) => refusal.code(),
    };
    histogram!("offhook_answer_seconds", "kind" => kind, "outcome" => outcome).record(begun.elapsed());
}
