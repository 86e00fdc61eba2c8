//! An org's sources: whether their secrets can be read here, and one event of each, from its signature to its row.

use std::time::Instant;

use contract::Source;
use futures_util::future::join_all;
use orgs::{ChannelKind, LiveOrg, Secrets};
use secrecy::ExposeSecret as _;

use super::{Finding, Round, event, services::plain, until};
use crate::{
    delivery::{Answer, Delivery},
    journey,
};

/// What is amber because of something that is red.
const MEND_FIRST: &str = "mend that first";
/// The source whose secrets are the keys of the org's own code; it sends no events.
const API: &str = "api";

/// One way in of an org.
struct Way<'a> {
    live: &'a LiveOrg,
    source: Source,
    channel: &'a str,
    type_field: Option<&'a str>,
}

/// Looks over every source that the org names.
pub(super) async fn examine(round: &Round, live: &LiveOrg) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut ways = Vec::new();
    for name in live.org.sources.keys() {
        let source = name.parse::<Source>().ok();
        let secrets = source.map_or_else(|| live.api_keys(), |source| live.secrets(source));
        findings.extend(readable(live, name, &secrets));
        if let (Some(source), Secrets::Readable { .. }) = (source, secrets) {
            let open = self::ways(live, source);
            if open.is_empty() {
                let cure = format!("add [[org.channel]] of kind {name}, or take the source out");
                findings.push(Finding::amber(live.org.id.as_str(), &titled(name), "no channel to come through", cure));
            }
            ways.extend(open);
        }
    }
    findings.extend(join_all(ways.iter().map(|way| send(round, way))).await);
    findings
}

/// That a source's secrets can't be read, or that those of the org's own code can.
fn readable(live: &LiveOrg, name: &str, secrets: &Secrets<'_>) -> Option<Finding> {
    let (org, what) = (live.org.id.as_str(), titled(name));
    let references = || live.org.sources[name].secrets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let cure = "give this shell what ingress has, to have it checked; ingress needs it in any case";
    match secrets {
        Secrets::Unreadable => Some(Finding::amber(org, &what, format!("can't be read here: {}", references()), cure)),
        Secrets::Readable { complete: false, .. } => {
            Some(Finding::amber(org, &what, format!("not all can be read here: {}", references()), cure))
        }
        Secrets::Readable { .. } if name == API => Some(Finding::green(org, &what, "its keys can be read")),
        _ => None,
    }
}

/// Where the source's events come in: once per channel, where it has channels.
fn ways(live: &LiveOrg, source: Source) -> Vec<Way<'_>> {
    let kind = match source {
        Source::WHATSAPP => ChannelKind::Whatsapp,
        Source::WEBHOOK => ChannelKind::Webhook,
        _ => return vec![Way { live, source, channel: "", type_field: None }],
    };
    let channels = live.org.channels.iter().filter(|channel| channel.kind == kind);
    channels
        .map(|channel| Way { live, source, channel: &channel.address, type_field: channel.type_field.as_deref() })
        .collect()
}

impl Way<'_> {
    fn name(&self) -> String {
        let source = self.source;
        if self.channel.is_empty() { titled(source.as_str()) } else { titled(&format!("{source}/{}", self.channel)) }
    }

    /// What to sign with; nothing if only the source itself can.
    fn secret(&self, round: &Round) -> Option<String> {
        let Secrets::Readable { secrets, .. } = self.live.secrets(self.source) else { return None };
        let newest = secrets.first().map(|secret| secret.expose_secret());
        if self.source != Source::HIGHLEVEL {
            return newest.map(str::to_owned);
        }
        let private = round.highlevel_private_key.as_deref()?;
        let public = sources::highlevel::public_key(private).ok()?;
        (newest == Some(public.as_str())).then(|| private.to_owned())
    }
}

/// A source as its line names it; the vendor of the same name has another.
fn titled(source: &str) -> String {
    format!("source {source}")
}

/// Sends one event and follows it.
async fn send(round: &Round, way: &Way<'_>) -> Finding {
    let (org, name) = (&way.live.org.id, way.name());
    let Some(secret) = way.secret(round) else {
        return Finding::green(org.as_str(), &name, "verified with the source's own key: only it can send an event");
    };
    let account = way.live.vendor("highlevel");
    let location = account.and_then(|account| account.text("location_id")).unwrap_or_default();
    let delivery = match event::event(org, way.source, (way.channel, way.type_field), &secret, location) {
        Ok(delivery) => delivery,
        Err(error) => {
            let cure = "write the secret as the source shows it";
            return Finding::red(org.as_str(), &name, format!("no event can be signed: {error:#}"), cure);
        }
    };
    let url = match &round.ingress {
        Ok(url) => url,
        Err(why) => return Finding::amber(org.as_str(), &name, format!("no event sent: {why}"), MEND_FIRST),
    };
    match delivery.send(&round.client, url).await {
        Ok(answer) if answer.status.is_success() => follow(round, &name, &delivery, &answer).await,
        Ok(answer) => refused(org.as_str(), &name, way, &answer),
        Err(error) => {
            let cure = "look at ingress's log and its /readyz";
            Finding::red(org.as_str(), &name, format!("event not delivered: {}", plain(&error)), cure)
        }
    }
}

/// Waits for the event's row in the archive.
async fn follow(round: &Round, name: &str, delivery: &Delivery, answer: &Answer) -> Finding {
    let (org, began) = (delivery.org.as_str(), Instant::now());
    let acknowledged = format!("event acknowledged in {:.1} ms ({})", answer.ms, answer.status.as_u16());
    let archive = match &round.archive {
        Ok(archive) => archive,
        Err(why) => return Finding::amber(org, name, format!("{acknowledged}, not followed: {why}"), MEND_FIRST),
    };
    let look = async || journey::archived(archive, delivery).await?.ok_or(sqlx::Error::RowNotFound);
    if until(round.limit, look).await.is_err() {
        let found = format!("{acknowledged}, not in Postgres within {} s", round.limit.as_secs());
        return Finding::red(org, name, found, "look at log-worker's log and `offhook dead list --worker log-worker`");
    }
    Finding::green(org, name, format!("{acknowledged}, in Postgres {} ms later", began.elapsed().as_millis()))
}

/// What ingress's refusal means.
fn refused(org: &str, name: &str, way: &Way<'_>, answer: &Answer) -> Finding {
    let told: Option<serde_json::Value> = serde_json::from_str(&answer.text).ok();
    let code = told.as_ref().and_then(|told| told["error"]["code"].as_str()).unwrap_or("no reason told");
    let references = &way.live.org.sources[way.source.as_str()].secrets;
    let references: Vec<String> = references.iter().map(ToString::to_string).collect();
    let cure = match code {
        "bad_signature" => {
            format!("ingress has another secret than this shell: compare {} in both", references.join(", "))
        }
        "stale_signature" => "set the clocks by NTP on every machine".to_owned(),
        "unknown_org" => "run `offhook orgs apply FILE`, and see that OFFHOOK_URL is this installation's".to_owned(),
        "secret_unavailable" => format!("let ingress read {}", references.join(", ")),
        _ => "look at ingress's log and its /readyz".to_owned(),
    };
    Finding::red(org, name, format!("event refused: {} {code}", answer.status.as_u16()), cure)
}
